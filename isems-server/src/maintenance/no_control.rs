//! Systems without Unix domain sockets: a server cannot be reached, and has to be stopped.

use std::{io::Write, path::Path, sync::Arc};

use isems_core::{BoxError, RedbRepository};

use super::Command;

/// No control socket.
pub(crate) struct Control;

impl Control {
    pub(crate) fn listen(_: &Path, _: Arc<RedbRepository>) -> Self {
        Self
    }

    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        stop.await;
    }
}

/// No server can be asked.
pub(super) fn ask(_: &Path, _: &Command, _: &mut dyn Write) -> Result<Option<bool>, BoxError> {
    Ok(None)
}
