//! Systems without Unix domain sockets, on which a running server cannot be reached and has to be stopped.

use std::{
    io,
    path::{Path, PathBuf},
};

use isems_core::BoxError;
use poem::{Endpoint, Response};
use tokio::net::TcpStream;

/// A connection to the server that has a database open, which never exists here.
pub(super) type Stream = TcpStream;

pub(super) fn socket_path(database: &Path) -> PathBuf {
    database.into()
}

#[expect(clippy::unused_async, reason = "it waits where there are sockets")]
pub(super) async fn connect(_: &Path) -> Result<Option<Stream>, BoxError> {
    Ok(None)
}

/// No control socket.
pub(crate) struct Control;

impl Control {
    pub(crate) fn listen(_: &Path) -> Self {
        Self
    }

    pub(crate) async fn run(
        self,
        _: impl Endpoint<Output = Response> + 'static,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        stop.await;
        Ok(())
    }
}
