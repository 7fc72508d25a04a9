//! The side of the command.

use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use isems_core::BoxError;

use super::{
    REQUEST_BYTES,
    frame::{self, Kind},
    socket_path,
};
use crate::maintenance::Command;

/// Lets the server that has a database open do a command. `None`: no server listens.
pub(in crate::maintenance) fn ask(
    database: &Path,
    command: &Command,
    output: &mut dyn Write,
) -> Result<Option<bool>, BoxError> {
    let path = socket_path(database);
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        // There is none, one of a server that has died, or the path is too long for one.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(format!("cannot reach the server through {}: {error}", path.display()).into()),
    };
    let mut request = serde_json::to_vec(command)?;
    request.push(b'\n');
    if request.len() as u64 > REQUEST_BYTES {
        return Err(
            format!("a running server takes commands of at most {REQUEST_BYTES} bytes; name fewer nodes").into()
        );
    }
    // A server that is stopping or has no room answers without having read it all.
    let _ = (&stream).write_all(&request);
    let mut bytes = Vec::new();
    loop {
        let kind = frame::read(&stream, &mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => format!("what listens at {} is no server of this version", path.display()),
            _ => "the server has ended before the command had".into(),
        })?;
        match kind {
            Kind::Output => output.write_all(&bytes)?,
            Kind::Error => return Err(String::from_utf8_lossy(&bytes).into()),
            Kind::Done => return Ok(Some(bytes == [1])),
        }
    }
}
