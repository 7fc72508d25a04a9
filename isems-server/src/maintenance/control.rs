//! The control socket: the HTTP service with all rights, at a Unix domain socket beside the database.
//!
//! There is no port and no token: the operating system lets only the user of the server connect.

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

/// The time for which a client may accept nothing of its answer: whoever pages through an export reads when they like.
const WRITE_TIMEOUT: Duration = Duration::from_hours(24);

/// Returns where the socket of a database is.
pub(super) fn socket_path(database: &Path) -> PathBuf {
    // Whoever goes through a link meets the same socket.
    let mut path = database.canonicalize().unwrap_or_else(|_| database.into()).into_os_string();
    path.push(".control");
    path.into()
}

/// Connects to the server that has a database open. `None`: no server listens.
pub(super) async fn connect(database: &Path) -> Result<Option<Stream>, BoxError> {
    let path = socket_path(database);
    match UnixStream::connect(&path).await {
        Ok(stream) => Ok(Some(stream)),
        // There is none, one of a server that has died, or the path is too long for one.
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
    /// Listens beside a database that is open. Where that is not possible, on a file system without sockets for
    /// example, the log says so, and the server runs without.
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
        // Only one process can have the database open: a socket that is there belongs to one that has died.
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
        // Whoever connected before the permissions were set is turned away here. The superuser may do everything
        // anyway.
        let user = stream.peer_cred()?.uid();
        if user != self.user && user != 0 {
            let message = format!("user {user} may not give commands");
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, message));
        }
        Ok((stream, Addr::custom("user", user.to_string())))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that cannot be removed is replaced by the next server.
        let _ = fs::remove_file(&self.path);
    }
}
