//! Decodes bytes into measurements and rejects, line by line. No bad line fails the rest.

mod csv;
mod csvlog;
mod json;
mod record;
mod time;
mod undated;
mod value;

use self::record::Record;
use std::mem;

pub use self::{csv::CsvDecoder, csvlog::CsvlogDecoder, json::JsonDecoder};
use crate::{
    ClockState, DroppedValue, Field, Format, InvalidField, Measurement, Payload, Reject, RejectReason, RejectedLine,
};

/// The decoded content of a payload. The lines received are the measurements plus the rejects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// The good lines, in order.
    pub measurements: Vec<Measurement>,
    /// The line number of each measurement, counted from 1.
    pub lines: Vec<u32>,
    /// The line numbers of measurements without a usable time, which are dated by their arrival.
    pub undated: Vec<u32>,
    /// The bad lines, in order.
    pub rejects: Vec<RejectedLine>,
    /// The values that were dropped from good lines, in line order.
    pub dropped: Vec<DroppedValue>,
    /// The number of bytes at the end that belong to an unfinished line, which is not counted as received.
    pub incomplete_bytes: usize,
}

impl Decoded {
    /// The number of lines (or objects) that arrived, without blank lines.
    pub fn received(&self) -> u64 {
        (self.measurements.len() + self.rejects.len()) as u64
    }

    /// Moves the measurements of these lines, given in ascending order, to the rejects.
    pub(crate) fn reject_lines(&mut self, lines: &[u32], reason: RejectReason) {
        if lines.is_empty() {
            return;
        }
        let measurements = mem::take(&mut self.measurements).into_iter().zip(mem::take(&mut self.lines));
        for (measurement, line) in measurements {
            if lines.binary_search(&line).is_ok() {
                let text = measurement.to_string();
                self.rejects.push(LineError::of(Field::Timestamp, reason).rejected(line, text.as_bytes()));
            } else {
                self.measurements.push(measurement);
                self.lines.push(line);
            }
        }
        self.rejects.sort_by_key(|reject| reject.line);
    }

    fn add(&mut self, Record { measurement, is_undated }: Record, line: u32) {
        self.measurements.push(measurement);
        self.lines.push(line);
        if is_undated {
            self.undated.push(line);
        }
    }
}

/// Decodes a payload.
///
/// ```
/// use isems_core::{Payload, decode};
/// let log = "Hut;1;1530364575;v1;711;0;18.6;18.6;14.073;nan;100;28;11.67;14.086;7;20;52.5;13.4;300\nrubbish\n";
/// let decoded = decode(&Payload::csvlog(log.as_bytes(), "a file"));
/// assert_eq!(decoded.measurements[0].battery_voltage, Some(14.073));
/// assert_eq!(decoded.measurements[0].battery_charge_estimate, None);
/// assert_eq!(decoded.rejects[0].reason.code(), "field_count");
/// ```
///
/// The time of arrival is taken to be right. An [`Inbox`](crate::Inbox) knows better, see [`ClockState`].
pub fn decode(payload: &Payload<'_>) -> Decoded {
    decode_by(payload, ClockState::Plausible)
}

/// Decodes a payload whose time of arrival was read from a clock in this state.
pub(crate) fn decode_by(payload: &Payload<'_>, clock: ClockState) -> Decoded {
    match payload.format {
        Format::Csvlog => csvlog::decode(payload, clock),
        Format::Json => json::decode(payload, clock),
        Format::Csv => csv::decode(payload, clock),
    }
}

/// Returns the lines of a text without their line endings, numbered from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines.map(without_byte_order_mark))
}

fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The reason why a line is not a measurement, and the field at fault, if there is one.
#[derive(Debug, Clone, Copy)]
struct LineError {
    reason: RejectReason,
    field: Option<Field>,
}

impl LineError {
    fn whole(reason: RejectReason) -> Self {
        Self { reason, field: None }
    }

    fn of(field: Field, reason: RejectReason) -> Self {
        Self { reason, field: Some(field) }
    }

    fn rejected(self, line: u32, text: &[u8]) -> RejectedLine {
        RejectedLine { reason: self.reason, field: self.field, line, text: Reject::text_of(text) }
    }
}

impl From<InvalidField> for LineError {
    fn from(InvalidField { reason, field }: InvalidField) -> Self {
        Self::of(field, reason)
    }
}
