//! From bytes to measurements and rejects, line by line. Nothing fails as a whole.

mod csvlog;
mod json;
mod value;

use serde::Serialize;

pub use self::csvlog::CsvlogDecoder;
use crate::{ClockState, Fault, Format, Measurement, Payload, Reject, RejectReason};

/// What a payload's bytes hold: `received` = measurements + rejects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// The good lines, in their order.
    pub measurements: Vec<Measurement>,
    /// The number of each of their lines, from 1 on.
    pub lines: Vec<u32>,
    /// The bad lines, in their order.
    pub rejects: Vec<RejectedLine>,
    /// How many bytes at the end belong to a line that was still being written; it is not counted as received.
    pub incomplete_bytes: usize,
}

impl Decoded {
    /// How many lines (or objects) arrived. Blank lines are none.
    pub fn received(&self) -> u64 {
        (self.measurements.len() + self.rejects.len()) as u64
    }
}

/// A line that is no measurement, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedLine {
    /// Why.
    pub reason: RejectReason,
    /// The wire name of the field at fault, where it is one.
    pub field: Option<&'static str>,
    /// The line's number in the payload, from 1 on.
    pub line: u32,
    /// The line, at most [`Reject::MAX_TEXT_BYTES`](crate::Reject::MAX_TEXT_BYTES) of it.
    pub text: String,
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
    }
}

fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What is wrong with a line, and in which field where it is one.
#[derive(Debug, Clone, Copy)]
struct LineFault {
    reason: RejectReason,
    field: Option<&'static str>,
}

impl LineFault {
    fn whole(reason: RejectReason) -> Self {
        Self { reason, field: None }
    }

    fn rejected(self, line: u32, text: &[u8]) -> RejectedLine {
        RejectedLine { reason: self.reason, field: self.field, line, text: Reject::text_of(text) }
    }
}

impl From<Fault> for LineFault {
    fn from(fault: Fault) -> Self {
        Self { reason: fault.reason, field: Some(fault.field) }
    }
}
