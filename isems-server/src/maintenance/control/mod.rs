//! The control socket: a Unix domain socket beside the database, through which commands reach the server that has it open.
//!
//! A client sends a command as one line of JSON. The server answers with frames: output as it comes, and at last an error or the
//! end. There is no port and no token: the operating system lets only the user of the server connect.

mod client;
mod frame;
mod server;

use std::path::{Path, PathBuf};

pub(super) use self::client::ask;
pub(crate) use self::server::Control;

/// The longest command, bytes.
const REQUEST_BYTES: u64 = 64 << 10;

/// Where the socket of a database is.
fn socket_path(database: &Path) -> PathBuf {
    // Whoever goes through a link meets the same socket.
    let mut path = database.canonicalize().unwrap_or_else(|_| database.into()).into_os_string();
    path.push(".control");
    path.into()
}
