//! The log of a simulated node.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use isems_core::Measurement;

/// The number of lines at which a log is compressed and a new one begins.
const LINES_A_LOG: usize = 3660;

/// The current log of a node, and the previous one.
#[derive(Default)]
pub(super) struct Log {
    text: String,
    lines: usize,
    written_at: i64,
    /// The text as of the last request.
    content: Option<Content>,
    pub(super) full: Option<FullLog>,
}

/// A full log.
pub(super) struct FullLog {
    text: String,
    written_at: i64,
    /// Compressed on the first request.
    content: Option<Content>,
}

/// The text of a log, and the time at which it was written.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) bytes: Bytes,
    pub(super) written_at: i64,
}

impl Log {
    pub(super) fn append(&mut self, measurement: &Measurement) {
        if self.lines == LINES_A_LOG {
            let text = std::mem::take(&mut self.text);
            self.full = Some(FullLog { text, written_at: self.written_at, content: None });
            self.lines = 0;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{measurement}");
        self.lines += 1;
        self.written_at = measurement.timestamp;
        self.content = None;
    }

    pub(super) fn content(&mut self) -> Content {
        let Self { text, written_at, content, .. } = self;
        let copy = || Content { bytes: Bytes::copy_from_slice(text.as_bytes()), written_at: *written_at };
        content.get_or_insert_with(copy).clone()
    }
}

impl FullLog {
    pub(super) fn content(&mut self) -> io::Result<Content> {
        if let Some(content) = &self.content {
            return Ok(content.clone());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(self.text.as_bytes())?;
        let content = Content { bytes: encoder.finish()?.into(), written_at: self.written_at };
        Ok(self.content.insert(content).clone())
    }
}
