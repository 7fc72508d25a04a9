//! Reading files made of lines: csvlog, CSV, and one JSON object per line.

use std::io::{self, Read};

use isems_core::{
    ClockState, CsvDecoder, CsvlogDecoder, DroppedValue, JsonDecoder, Measurement, Reject, RejectReason, RejectedLine,
};

use super::feed::Feed;

/// The length above which a line is not a measurement and not kept.
const BUFFER_BYTES: usize = 256 << 10;

/// A decoder of lines.
pub(super) enum LineDecoder {
    /// csvlog from a file that was last changed at a time, Unix seconds, UTC.
    ///
    /// Every line is taken to have arrived when the log was last changed or, if that is earlier than the line's own
    /// time, at the line's own time. So an old log is imported whatever has happened to its file, and times in the
    /// future are still detected.
    Csvlog { decoder: CsvlogDecoder, modified: i64 },
    /// CSV written by a collector, without a decoder until the header has been read.
    Csv(Option<CsvDecoder>),
    /// JSON objects written by a collector, one per line.
    Json(JsonDecoder),
}

impl LineDecoder {
    fn decode(
        &mut self,
        number: u32,
        line: &Line<'_>,
        feed: &Feed,
        dropped: &mut Vec<DroppedValue>,
    ) -> Option<Result<Measurement, RejectedLine>> {
        let rejected = |reason| {
            let text = Reject::text_of(line.bytes);
            Some(Err(RejectedLine { reason, field: None, line: number, text }))
        };
        if line.is_cut {
            return rejected(RejectReason::TooLarge);
        }
        match self {
            Self::Csvlog { decoder, modified } => {
                let decoded = decoder.decode(number, line.bytes, line.is_ended, dropped)?;
                Some(decoded.map(|mut measurement| {
                    let arrival = (*modified).max(measurement.timestamp);
                    // A clock that is not set says nothing about the past.
                    let is_plausible = feed.clock() == ClockState::Plausible;
                    measurement.received_at = if is_plausible { arrival.min(feed.now()) } else { arrival };
                    measurement
                }))
            }
            Self::Csv(Some(decoder)) => decoder.decode(number, line.bytes, dropped),
            Self::Csv(header) if !line.bytes.trim_ascii().is_empty() => {
                *header = CsvDecoder::of_collector(line.bytes, feed.now(), feed.clock());
                if header.is_none() { rejected(RejectReason::FieldCount) } else { None }
            }
            Self::Csv(None) => None,
            Self::Json(decoder) => {
                let bytes = line.bytes.trim_ascii();
                match str::from_utf8(bytes) {
                    Ok("") => None,
                    Ok(object) => Some(decoder.decode(number, object, dropped)),
                    Err(_) => rejected(RejectReason::EncodingInvalid),
                }
            }
        }
    }
}

/// Feeds the lines of an input.
pub(super) fn read(input: impl Read, mut decoder: LineDecoder, feed: &mut Feed) -> io::Result<()> {
    let mut lines = Lines::new(input);
    let mut dropped = Vec::new();
    let mut number: u32 = 0;
    while let Some(line) = lines.next()? {
        number = number.saturating_add(1);
        if feed.is_over() {
            return Ok(());
        }
        match decoder.decode(number, &line, feed, &mut dropped) {
            None => {}
            Some(Ok(measurement)) => feed.decoded(number, measurement, dropped.drain(..)),
            Some(Err(line)) => {
                let node = line.text.split_once(';').map(|(node, _)| node.into());
                feed.reject(line, node);
            }
        }
    }
    Ok(())
}

/// The lines of an input, using a fixed amount of memory.
struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// The part of the buffer that was read but not yet returned.
    start: usize,
    end: usize,
}

struct Line<'a> {
    bytes: &'a [u8],
    is_ended: bool,
    /// Set if it is only the start of a line that does not fit.
    is_cut: bool,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Self {
        Self { input, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 }
    }

    fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut searched = 0;
        loop {
            let unsearched = &self.buffer[self.start + searched..self.end];
            if let Some(length) = memchr::memchr(b'\n', unsearched) {
                let line = self.start..self.start + searched + length;
                self.start = line.end + 1;
                return Ok(Some(Line { bytes: &self.buffer[line], is_ended: true, is_cut: false }));
            }
            searched = self.end - self.start;
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, searched);
            }
            if self.end == self.buffer.len() {
                let is_ended = self.skip_line()?;
                return Ok(Some(Line { bytes: &self.buffer[..Reject::MAX_TEXT_BYTES], is_ended, is_cut: true }));
            }
            let read = self.fill()?;
            if read == 0 {
                self.end = 0;
                let line = Line { bytes: &self.buffer[..searched], is_ended: false, is_cut: false };
                return Ok((searched > 0).then_some(line));
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Skips the rest of a line that fills the buffer, whose start stays there, and returns whether the line has an
    /// ending.
    fn skip_line(&mut self) -> io::Result<bool> {
        loop {
            (self.start, self.end) = (Reject::MAX_TEXT_BYTES, Reject::MAX_TEXT_BYTES);
            if self.fill()? == 0 {
                return Ok(false);
            }
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                self.start += length + 1;
                return Ok(true);
            }
        }
    }
}
