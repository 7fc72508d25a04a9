//! Payloads: bytes from a node, with everything that a transport knows about them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{CsvDecoder, NodeId};

/// The format of the bytes of a [`Payload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lines of 18 or 19 fields separated by `;`, one measurement each.
    Csvlog,
    /// JSON objects with the field names: one object, an array, one object per line, or a page from a collector's HTTP
    /// service. An object without a time is dated by its arrival; one without a node id belongs to the node that the
    /// transport names.
    Json,
    /// CSV with a header of field names, as a collector writes it.
    Csv,
}

impl Format {
    /// Tells CSV with a header from csvlog by the first lines.
    pub fn of_lines(bytes: &[u8]) -> Self {
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let first = lines.next().unwrap_or_default();
        if CsvDecoder::is_header(first, lines.next()) { Self::Csv } else { Self::Csvlog }
    }
}

/// Bytes from a node, and everything that the transport knows about them.
///
/// ```
/// use isems_core::Payload;
/// let payload = Payload::csvlog(b"Hut;1;1530364575;...", "tcp://hut:7000");
/// ```
#[derive(Debug, Clone)]
pub struct Payload<'a> {
    /// The format of the bytes.
    pub format: Format,
    /// The node that the topic, path or target names, if any. A line that names another node is rejected.
    pub node: Option<NodeId>,
    /// The origin, for people: a URL or a topic, without credentials.
    pub source: &'a str,
    /// The time of arrival, Unix seconds, UTC.
    pub received_at: i64,
    /// Set if the sender is known to have finished its last line, as in a message from a broker. If not, a last line
    /// without a line ending counts only if it is complete on its own: 19 fields and three status digits.
    pub whole: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    /// Makes a payload of complete csvlog lines that arrive now, from whatever nodes they name.
    pub fn csvlog(bytes: &'a [u8], source: &'a str) -> Self {
        Self { format: Format::Csvlog, node: None, source, received_at: unix_now(), whole: true, bytes }
    }

    /// Makes a payload of JSON objects from a node that arrive now.
    pub fn json(bytes: &'a [u8], node: NodeId, source: &'a str) -> Self {
        Self { format: Format::Json, node: Some(node), source, received_at: unix_now(), whole: true, bytes }
    }
}

/// Returns the system time, Unix seconds, UTC.
pub fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64)
}
