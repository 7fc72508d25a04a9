//! The control socket: the HTTP service with all rights, at a Unix domain socket beside the database.
//!
//! There is no port and no token: the operating system lets only the server's own user connect.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use isems_core::BoxError;
use poem::{Addr, Endpoint, Response};
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

use crate::serve::{ConnectionLimits, Listener, serve_at};

/// A connection to the server that has a database open.
pub(super) type Stream = UnixStream;

/// The time for which a client may accept nothing of its answer, which is long because people page through exports at
/// their own pace.
const WRITE_TIMEOUT: Duration = Duration::from_hours(24);

/// Returns the path of a database's socket.
pub(super) fn socket_path(database: &Path) -> PathBuf {
    // Both ends find the same socket, even through a link.
    let mut path = database.canonicalize().unwrap_or_else(|_| database.into()).into_os_string();
    path.push(".control");
    path.into()
}

/// Connects to the server that has a database open, or returns `None` if no server is listening.
pub(super) async fn connect(database: &Path) -> Result<Option<Stream>, BoxError> {
    let path = socket_path(database);
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(Some(stream)),
        // There is none, it belongs to a server that has died, or the path is too long for a socket.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(format!("cannot reach the server through {}: {error}", path.display()).into()),
    }
}

/// The control socket of a server.
pub(crate) struct Control(Option<Socket>);

impl Control {
    /// Listens beside an open database. If that is not possible, for example on a file system without sockets, this is
    /// logged and the server runs without.
    pub(crate) fn listen(database: &Path) -> Self {
        let path = socket_path(database);
        let socket = Socket::bind(path.clone());
        let socket = socket.inspect_err(|error| {
            warn!(path = %path.display(), %error, "no control socket: commands cannot reach this server");
        });
        Self(socket.ok())
    }

    /// Serves an endpoint until `stop` is ready.
    pub(crate) async fn run(
        self,
        endpoint: impl Endpoint<Output = Response> + 'static,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let limits = ConnectionLimits { write_timeout: WRITE_TIMEOUT, ..ConnectionLimits::default() };
        let Some(socket) = self.0 else {
            stop.await;
            return Ok(());
        };
        serve_at(socket, None, endpoint, limits, stop).await
    }
}

/// The socket in the file system.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// The user that the server runs as.
    user: u32,
}

impl Socket {
    fn bind(path: PathBuf) -> io::Result<Self> {
        // Only one process can have the database open, so an existing socket belongs to one that has died.
        if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let user = fs::metadata(&path)?.uid();
        Ok(Self { listener, path, user })
    }
}

impl Listener for Socket {
    type Stream = UnixStream;

    fn address(&self) -> io::Result<Addr> {
        Ok(Addr::custom("unix", self.path.to_string_lossy().into_owned()))
    }

    async fn accept(&self) -> io::Result<(UnixStream, Addr)> {
        let (stream, _) = self.listener.accept().await?;
        // Anyone who connected before the permissions were set is turned away here. The superuser may do everything
        // anyway.
        let user = stream.peer_cred()?.uid();
        if user != self.user && user != 0 {
            let message = format!("user {user} is not allowed to connect");
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, message));
        }
        Ok((stream, Addr::custom("user", user.to_string())))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A socket that cannot be removed is replaced by the next server.
        let _ = fs::remove_file(&self.path);
    }
}
