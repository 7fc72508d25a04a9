//! csvlog: one measurement per line, 18 or 19 fields separated by `;`.

use std::{str, sync::Arc};

use super::{
    Decoded, LineError, time,
    undated::{CLOCK_UNSET, UnsetClocks},
    value::Values,
    without_byte_order_mark,
};
use crate::{ClockState, DroppedValue, Field, Measurement, NodeId, Payload, RejectReason, RejectedLine, Status};

const FIELDS_WITHOUT_STATUS: usize = 18;
const FIELDS: usize = Field::CSVLOG.len();

pub(super) fn decode(payload: &Payload<'_>, clock: ClockState) -> Decoded {
    let mut lines = CsvlogDecoder { named: payload.node.clone(), ..CsvlogDecoder::new(payload.received_at, clock) };
    let mut decoded = Decoded::default();
    let mut unset = UnsetClocks::default();
    let mut rest = payload.bytes;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, ended) = match end {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        let (line, ended) = line.strip_suffix(b"\r").map_or((line, ended), |line| (line, true));
        // Concatenated logs have one wherever a log began.
        let line = without_byte_order_mark(line);
        if !ended && !payload.whole && !is_whole(line) {
            decoded.incomplete_bytes = line.len();
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut values = Values { line: number, dropped: &mut decoded.dropped };
        match lines.measurement(line, &mut values) {
            Ok(measurement) => {
                unset.note(&decoded, &measurement, number, line);
                decoded.measurements.push(measurement);
                decoded.lines.push(number);
            }
            Err(fault) => decoded.rejects.push(fault.rejected(number, line)),
        }
    }
    unset.settle(&mut decoded, payload.received_at, clock);
    decoded
}

/// Returns whether a line without a line ending is complete on its own: 19 fields, the last one being three status
/// digits.
fn is_whole(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| *byte == b';');
    let status = fields.nth(FIELDS - 1);
    fields.next().is_none()
        && status.and_then(|status| str::from_utf8(status).ok()).is_some_and(|status| status.parse::<Status>().is_ok())
}

/// Decodes csvlog line by line, for logs too large for a [`Payload`].
///
/// Unlike [`decode`](crate::decode()), it does not see the payload as a whole: a line whose clock was not set is always
/// rejected, because nothing tells when it was measured.
#[derive(Debug, Clone)]
pub struct CsvlogDecoder {
    /// The node that every line must name.
    named: Option<NodeId>,
    received_at: i64,
    /// The latest acceptable time; anything later is ahead of the arrival.
    latest: i64,
    // Values shared by neighbouring lines.
    node: Option<NodeId>,
    revision: Option<Arc<str>>,
    firmware: Option<Arc<str>>,
}

impl CsvlogDecoder {
    /// Makes a decoder for lines that arrived at this time, Unix seconds, UTC, by a clock in this state.
    pub fn new(received_at: i64, clock: ClockState) -> Self {
        let ahead = received_at.saturating_add(Measurement::CLOCK_AHEAD_SECONDS);
        let latest = if clock == ClockState::Plausible { ahead } else { i64::MAX }.min(i64::from(u32::MAX));
        Self { named: None, received_at, latest, node: None, revision: None, firmware: None }
    }

    /// Decodes a line without its line feed; returns `None` if it is blank. `number` is its number in the log.
    /// `is_ended` says whether it had a line feed: without one it counts only if it is complete on its own, with 19
    /// fields and three status digits. Values of a good line that cannot be used are added to `dropped`.
    pub fn decode(
        &mut self,
        number: u32,
        line: &[u8],
        is_ended: bool,
        dropped: &mut Vec<DroppedValue>,
    ) -> Option<Result<Measurement, RejectedLine>> {
        let (line, is_ended) = line.strip_suffix(b"\r").map_or((line, is_ended), |line| (line, true));
        let line = without_byte_order_mark(line);
        if line.trim_ascii().is_empty() {
            return None;
        }
        let decoded = if is_ended || is_whole(line) {
            let before = dropped.len();
            let measurement = self.measurement(line, &mut Values { line: number, dropped });
            measurement.and_then(|measurement| {
                if measurement.timestamp >= Measurement::CLOCK_UNSET_BEFORE {
                    return Ok(measurement);
                }
                dropped.truncate(before);
                Err(CLOCK_UNSET)
            })
        } else {
            Err(LineError::whole(RejectReason::FieldCount))
        };
        Some(decoded.map_err(|fault| fault.rejected(number, line)))
    }

    fn measurement(&mut self, line: &[u8], values: &mut Values<'_>) -> Result<Measurement, LineError> {
        let line = str::from_utf8(line).map_err(|_| LineError::whole(RejectReason::EncodingInvalid))?;
        let mut fields = [""; FIELDS];
        let mut count = 0;
        for field in line.split(';') {
            *fields.get_mut(count).ok_or(LineError::whole(RejectReason::FieldCount))? = field;
            count += 1;
        }
        if count < FIELDS_WITHOUT_STATUS {
            return Err(LineError::whole(RejectReason::FieldCount));
        }
        let node = self.node(fields[0])?;
        let timestamp =
            time::unix_seconds(fields[2]).ok_or(LineError::of(Field::Timestamp, RejectReason::TimestampInvalid))?;
        if timestamp == 0 && fields[3..count].iter().all(|field| is_zero(field)) {
            return Err(LineError::whole(RejectReason::Placeholder));
        }
        if timestamp > self.latest {
            return Err(LineError::of(Field::Timestamp, RejectReason::ClockAhead));
        }
        let mut measurement = Measurement::new(node, timestamp, self.received_at);
        for (field, text) in Field::CSVLOG.into_iter().zip(fields) {
            match field {
                Field::IsemsRevision => measurement.isems_revision = values.text(field, text, &mut self.revision),
                Field::FirmwareVersion => measurement.firmware_version = values.text(field, text, &mut self.firmware),
                Field::PowerSaveLevel => measurement.power_save_level = values.power_save_level(text),
                Field::Number(field) => *measurement.number_mut(field) = values.number(field, text),
                Field::Status => measurement.status = values.status(text),
                Field::NodeId | Field::Timestamp | Field::TimeSource | Field::ReceivedAt => {}
            }
        }
        Ok(measurement)
    }

    fn node(&mut self, name: &str) -> Result<NodeId, LineError> {
        if let Some(node) = &self.named {
            if node.as_str() == name {
                return Ok(node.clone());
            }
        } else if let Some(node) = &self.node
            && node.as_str() == name
        {
            return Ok(node.clone());
        }
        let node = NodeId::new(name).map_err(|_| LineError::of(Field::NodeId, RejectReason::NodeIdInvalid))?;
        if self.named.is_some() {
            return Err(LineError::of(Field::NodeId, RejectReason::NodeMismatch));
        }
        self.node = Some(node.clone());
        Ok(node)
    }
}

fn is_zero(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|number| number == 0.0)
        || text.parse::<Status>().is_ok_and(|status| status.bits() == 0)
}
