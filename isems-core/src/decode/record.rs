//! Records: measurements whose fields have names, as in JSON and in CSV with a header.

use std::sync::Arc;

use super::{LineError, time, undated::CLOCK_UNSET, value::Values};
use crate::{ClockState, Field, Measurement, NodeId, RejectReason, TimeSource};

/// The texts of a record's fields, in the order of [`Field::ALL`]. An empty text is a missing value.
pub(super) type Texts<'a> = [&'a str; Field::ALL.len()];

/// Makes measurements of records.
#[derive(Debug, Clone)]
pub(super) struct Records {
    /// The node that every record is of, where that is known. A record that names another one is rejected.
    named: Option<NodeId>,
    /// The time of arrival, Unix seconds, UTC.
    received_at: i64,
    /// A later time is ahead of the arrival.
    latest: i64,
    /// Whether the records are believed when they say when they arrived. Then each needs a time of its own.
    keeps_arrival: bool,
    // What neighbouring records have in common is shared.
    node: Option<NodeId>,
    revision: Option<Arc<str>>,
    firmware: Option<Arc<str>>,
}

impl Records {
    pub(super) fn new(named: Option<NodeId>, received_at: i64, clock: ClockState) -> Self {
        let ahead = received_at.saturating_add(Measurement::CLOCK_AHEAD_SECONDS);
        let latest = if clock == ClockState::Plausible { ahead } else { i64::MAX }.min(i64::from(u32::MAX));
        Self { named, received_at, latest, keeps_arrival: false, node: None, revision: None, firmware: None }
    }

    /// Makes measurements of records that a collector has written, which say when they arrived.
    pub(super) fn of_collector(now: i64, clock: ClockState) -> Self {
        Self { keeps_arrival: true, ..Self::new(None, now, clock) }
    }

    /// Makes a measurement.
    pub(super) fn record(&mut self, texts: &Texts<'_>, values: &mut Values<'_>) -> Result<Record, LineError> {
        let mut measurement = Measurement::new(self.node(texts)?, self.received_at, self.received_at);
        let mut is_undated = true;
        let mut has_value = false;
        for (field, text) in Field::ALL.into_iter().zip(texts) {
            match field {
                Field::NodeId | Field::TimeSource | Field::ReceivedAt => {}
                Field::Timestamp if text.is_empty() && !self.keeps_arrival => {}
                Field::Timestamp => {
                    measurement.timestamp =
                        time::seconds(text).ok_or(LineError::of(field, RejectReason::TimestampInvalid))?;
                    if measurement.timestamp > self.latest {
                        return Err(LineError::of(field, RejectReason::ClockAhead));
                    }
                    is_undated = false;
                }
                Field::IsemsRevision => measurement.isems_revision = values.text(field, text, &mut self.revision),
                Field::FirmwareVersion => measurement.firmware_version = values.text(field, text, &mut self.firmware),
                Field::PowerSaveLevel => {
                    measurement.power_save_level = values.power_save_level(text);
                    has_value |= measurement.power_save_level.is_some();
                }
                Field::Number(number) => {
                    let value = values.number(number, text);
                    *measurement.number_mut(number) = value;
                    has_value |= value.is_some();
                }
                Field::Status => {
                    measurement.status = values.status(text);
                    has_value |= measurement.status.is_some();
                }
            }
        }
        if is_undated {
            measurement.time_source = TimeSource::Arrival;
            if !has_value {
                return Err(LineError::whole(RejectReason::Empty));
            }
        } else {
            self.keep_arrival(&mut measurement, texts, values);
        }
        Ok(Record { measurement, is_undated })
    }

    fn node(&mut self, texts: &Texts<'_>) -> Result<NodeId, LineError> {
        let name = texts[place(Field::NodeId)];
        match (&self.named, &self.node) {
            (Some(node), _) if name.is_empty() || node.as_str() == name => return Ok(node.clone()),
            (None, Some(node)) if node.as_str() == name => return Ok(node.clone()),
            _ => {}
        }
        let node = NodeId::new(name).map_err(|_| LineError::of(Field::NodeId, RejectReason::NodeIdInvalid))?;
        if self.named.is_some() {
            return Err(LineError::of(Field::NodeId, RejectReason::NodeMismatch));
        }
        self.node = Some(node.clone());
        Ok(node)
    }

    /// Takes over what a collector has written about the arrival, as far as it is believed.
    fn keep_arrival(&self, measurement: &mut Measurement, texts: &Texts<'_>, values: &mut Values<'_>) {
        match texts[place(Field::TimeSource)] {
            "arrival" => measurement.time_source = TimeSource::Arrival,
            "" | "node" => {}
            other => values.drop(Field::TimeSource, RejectReason::TextInvalid, other),
        }
        if !self.keeps_arrival {
            return;
        }
        // Where it is not told, the earliest time that it can have been.
        measurement.received_at = measurement.timestamp;
        let text = texts[place(Field::ReceivedAt)];
        match time::seconds(text).filter(|at| (0..=i64::from(u32::MAX)).contains(at)) {
            Some(received_at) => measurement.received_at = received_at,
            None if text.is_empty() => {}
            None => values.drop(Field::ReceivedAt, RejectReason::TimestampInvalid, text),
        }
    }
}

/// A measurement as its record says it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) measurement: Measurement,
    /// Whether it has no time of its own, and so that of its arrival.
    pub(super) is_undated: bool,
}

impl Record {
    /// Refuses a record without a time where its arrival cannot date it.
    pub(super) fn dated(self, clock: ClockState) -> Result<Self, LineError> {
        if self.is_undated {
            if clock == ClockState::Unset {
                return Err(CLOCK_UNSET);
            }
            self.measurement.validate_time()?;
        }
        Ok(self)
    }
}

/// The place of a field in [`Field::ALL`].
pub(super) fn place(field: Field) -> usize {
    Field::ALL.iter().position(|other| *other == field).unwrap_or_default()
}
