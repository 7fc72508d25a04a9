//! Records: measurements whose fields have names, as in JSON and in CSV with a header.

use std::sync::Arc;

use super::{LineError, time, undated::CLOCK_UNSET, value::Values};
use crate::{ClockState, Field, Measurement, NodeId, RejectReason, TimeSource};

/// The texts of a record's fields, in the order of [`Field::ALL`]. An empty text is a missing value.
pub(super) type Texts<'a> = [&'a str; Field::ALL.len()];

/// Turns records into measurements.
#[derive(Debug, Clone)]
pub(super) struct Records {
    /// The node that all records belong to, if known. A record that names another one is rejected.
    named: Option<NodeId>,
    /// The time of arrival, Unix seconds, UTC.
    received_at: i64,
    /// The latest acceptable time; anything later is ahead of the arrival.
    latest: i64,
    /// Set if the records' own word on when they arrived is trusted. Each record then needs a time.
    keeps_arrival: bool,
    // Values shared by neighbouring records.
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

    /// Accepts records that a collector has written, which may say when they arrived.
    pub(super) fn of_collector(now: i64, clock: ClockState) -> Self {
        Self { keeps_arrival: true, ..Self::new(None, now, clock) }
    }

    /// Turns a record into a measurement.
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

    /// Adopts what a collector has written about the arrival, as far as it is trusted.
    fn keep_arrival(&self, measurement: &mut Measurement, texts: &Texts<'_>, values: &mut Values<'_>) {
        match texts[place(Field::TimeSource)] {
            "arrival" => measurement.time_source = TimeSource::Arrival,
            "" | "node" => {}
            other => values.drop(Field::TimeSource, RejectReason::TextInvalid, other),
        }
        if !self.keeps_arrival {
            return;
        }
        // If the record does not say, the earliest time at which it can have arrived.
        measurement.received_at = measurement.timestamp;
        let text = texts[place(Field::ReceivedAt)];
        match time::seconds(text).filter(|at| (0..=i64::from(u32::MAX)).contains(at)) {
            Some(received_at) => measurement.received_at = received_at,
            None if text.is_empty() => {}
            None => values.drop(Field::ReceivedAt, RejectReason::TimestampInvalid, text),
        }
    }
}

/// A measurement as told by its record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) measurement: Measurement,
    /// Set if the record has no time, so that the time of arrival stands in.
    pub(super) is_undated: bool,
}

impl Record {
    /// Rejects a record without a time if its arrival cannot date it.
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

/// Returns the position of a field in [`Field::ALL`].
pub(super) fn place(field: Field) -> usize {
    Field::ALL.iter().position(|other| *other == field).unwrap_or_default()
}
