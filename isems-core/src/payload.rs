//! Payloads: bytes from a node, with all that a transport knows about them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{CsvDecoder, NodeId};

/// The format of the bytes of a [`Payload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lines of 18 or 19 fields separated by `;`, one measurement each.
    Csvlog,
    /// JSON objects with the names of the fields: one, an array, an object a line, or a page as a collector's HTTP service
    /// answers. An object without a time is dated by its arrival, and one without a node's name is of the node that the
    /// transport names.
    Json,
    /// CSV with a header of field names, as a collector writes it.
    Csv,
}

impl Format {
    /// Tells CSV with a header from csvlog lines, by the first lines.
    pub fn of_lines(bytes: &[u8]) -> Self {
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let first = lines.next().unwrap_or_default();
        if CsvDecoder::is_header(first, lines.next()) { Self::Csv } else { Self::Csvlog }
    }
}

/// Bytes from a node, and what the transport knows about them.
///
/// ```
/// use isems_core::Payload;
/// let payload = Payload::csvlog(b"Hut;1;1530364575;...", "tcp://hut:7000");
/// ```
#[derive(Debug, Clone)]
pub struct Payload<'a> {
    /// The format of the bytes.
    pub format: Format,
    /// The node that the topic, path or target names, where it names one. A line that names another one is rejected.
    pub node: Option<NodeId>,
    /// Where it came from, for people: a URL, a topic. Without credentials.
    pub source: &'a str,
    /// The time of arrival, Unix seconds, UTC.
    pub received_at: i64,
    /// `true` when the sender is known to have finished its last line, as a message broker's is. When not, a last line without
    /// its line end counts only when it is whole by itself: 19 fields and three status digits.
    pub whole: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    /// csvlog lines that arrive now, whole, of whatever nodes they name.
    pub fn csvlog(bytes: &'a [u8], source: &'a str) -> Self {
        Self { format: Format::Csvlog, node: None, source, received_at: unix_now(), whole: true, bytes }
    }

    /// JSON objects of a node that arrive now.
    pub fn json(bytes: &'a [u8], node: NodeId, source: &'a str) -> Self {
        Self { format: Format::Json, node: Some(node), source, received_at: unix_now(), whole: true, bytes }
    }
}

/// The system clock, Unix seconds, UTC.
pub fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64)
}
