//! The side of the server.

use std::{
    fs, io,
    io::{BufRead, BufReader, BufWriter, Read, Write},
    net::Shutdown,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use isems_core::{BoxError, RedbRepository, chain};
use tokio::{
    net::UnixListener,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time,
};
use tracing::{debug, info, warn};

use super::{
    REQUEST_BYTES,
    frame::{self, Kind, Output},
    socket_path,
};
use crate::maintenance::Command;

/// How many commands run at a time. Others are told to come back.
const COMMANDS: usize = 4;

/// How long a client may take to say what it wants.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long commands may take to notice that the server stops.
const GRACE: Duration = Duration::from_secs(3);

/// How long nothing is accepted after accepting has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How much output goes into a frame where commands write little at a time, bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// The control socket of a server.
pub(crate) struct Control {
    listener: Option<Listener>,
    repository: Arc<RedbRepository>,
}

impl Control {
    /// Listens beside a database that is open. Where that is not possible, on a file system without sockets for example, it is
    /// told, and the server runs without.
    pub(crate) fn listen(database: &Path, repository: Arc<RedbRepository>) -> Self {
        let path = socket_path(database);
        let listener = Listener::bind(path.clone());
        let listener = listener.inspect_err(|error| {
            warn!(path = %path.display(), %error, "no control socket: commands cannot reach this server");
        });
        Self { listener: listener.ok(), repository }
    }

    /// Does what commands ask for, until `stop` is ready. Those under way are cut off then.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, repository } = self;
        let Some(listener) = listener else { return stop.await };
        let places = Arc::new(Semaphore::new(COMMANDS));
        let mut connections: Vec<Weak<UnixStream>> = Vec::new();
        let mut commands = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(ended) = commands.join_next() => {
                    if let Err(error) = ended {
                        warn!(%error, "a command of the control socket has failed");
                    }
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok(stream) => Arc::new(stream),
                Err(error) => {
                    debug!(%error, "a connection to the control socket was not accepted");
                    tokio::select! {
                        () = &mut stop => break,
                        () = time::sleep(PAUSE) => continue,
                    }
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                refuse(&stream);
                continue;
            };
            connections.retain(|connection| connection.strong_count() > 0);
            connections.push(Arc::downgrade(&stream));
            let connection = Connection { stream, repository: repository.clone(), _place: place };
            commands.spawn_blocking(move || connection.serve(&Handle::current()));
        }
        // The socket goes before the database is free for another server, which makes one of its own there.
        drop(listener);
        for connection in connections.iter().filter_map(Weak::upgrade) {
            // One that is closed already needs nothing more.
            let _ = connection.shutdown(Shutdown::Both);
        }
        let all_ended = async { while commands.join_next().await.is_some() {} };
        if time::timeout(GRACE, all_ended).await.is_err() {
            warn!("a command of the control socket still reads the database");
        }
    }
}

fn refuse(stream: &UnixStream) {
    let message = format!("the server does {COMMANDS} commands already; try again when one is done");
    // It fits the buffer of the socket; a client that has gone needs no answer.
    let _ = frame::write(stream, Kind::Error, message.as_bytes());
}

/// The socket in the file system.
struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// The user that the server runs as.
    user: u32,
}

impl Listener {
    fn bind(path: PathBuf) -> io::Result<Self> {
        // Only one process can have the database open: what another one has left is of one that has died.
        if fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(&path)?;
        }
        let socket = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let user = fs::metadata(&path)?.uid();
        Ok(Self { socket, path, user })
    }

    async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.socket.accept().await?;
        // Whoever connected before the permissions were set is turned away here. The superuser may do everything anyway.
        let user = stream.peer_cred()?.uid();
        if user != self.user && user != 0 {
            return Err(io::Error::other(format!("user {user} may not give commands")));
        }
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // One that cannot be removed is replaced by the next server.
        let _ = fs::remove_file(&self.path);
    }
}

/// A client that is served, on a thread that may block.
struct Connection {
    stream: Arc<UnixStream>,
    repository: Arc<RedbRepository>,
    /// Given back when the command has ended, even if nobody waits for it any more.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn serve(&self, runtime: &Handle) {
        let answer = match self.command(runtime) {
            Ok(is_well) => frame::write(&*self.stream, Kind::Done, &[is_well.into()]),
            Err(error) => frame::write(&*self.stream, Kind::Error, chain(&*error).as_bytes()),
        };
        if let Err(error) = answer {
            debug!(%error, "the client of the control socket has gone");
        }
    }

    /// Reads the command and does it. A client that has gone stops it at its next output.
    fn command(&self, runtime: &Handle) -> Result<bool, BoxError> {
        let command = self.request()?;
        info!(?command, "doing a command of the control socket");
        let mut output = BufWriter::with_capacity(BUFFER_BYTES, Output(&*self.stream));
        let is_well = runtime.block_on(command.run(&self.repository, &mut output))?;
        output.flush()?;
        Ok(is_well)
    }

    fn request(&self) -> Result<Command, BoxError> {
        self.stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        let mut line = Vec::new();
        BufReader::new((&*self.stream).take(REQUEST_BYTES)).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(format!("the command has no end within {REQUEST_BYTES} bytes").into());
        }
        serde_json::from_slice(&line).map_err(|error| {
            let version = env!("CARGO_PKG_VERSION");
            format!("the server, version {version}, does not know this command: {error}").into()
        })
    }
}
