//! From bytes to measurements and rejects, line by line. Nothing fails as a whole.

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

/// The content of a payload: `received` = measurements + rejects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// The good lines, in their order.
    pub measurements: Vec<Measurement>,
    /// The number of each of their lines, from 1 on.
    pub lines: Vec<u32>,
    /// The lines of measurements without a usable time of their own, which are dated by their arrival.
    pub undated: Vec<u32>,
    /// The bad lines, in their order.
    pub rejects: Vec<RejectedLine>,
    /// The values that were dropped from the good lines, in the order of their lines.
    pub dropped: Vec<DroppedValue>,
    /// The number of bytes at the end that belong to a line that was still being written; it is not counted as received.
    pub incomplete_bytes: usize,
}

impl Decoded {
    /// The number of lines (or objects) that arrived. Blank lines are none.
    pub fn received(&self) -> u64 {
        (self.measurements.len() + self.rejects.len()) as u64
    }

    /// Moves measurements of these lines, in ascending order, to the rejects.
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

/// Reads a payload.
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
/// The time of arrival is taken for right. An [`Inbox`](crate::Inbox) knows more of it, see [`ClockState`].
pub fn decode(payload: &Payload<'_>) -> Decoded {
    decode_by(payload, ClockState::Plausible)
}

/// Reads a payload whose time of arrival is of a clock in this state.
pub(crate) fn decode_by(payload: &Payload<'_>, clock: ClockState) -> Decoded {
    match payload.format {
        Format::Csvlog => csvlog::decode(payload, clock),
        Format::Json => json::decode(payload, clock),
        Format::Csv => csv::decode(payload, clock),
    }
}

/// The lines of a text with their numbers, from 1 on, without their line ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines.map(without_byte_order_mark))
}

fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The reason why a line is no measurement, and the field at fault where it is one.
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
