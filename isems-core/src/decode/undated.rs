//! Measurements without a usable time, which can only be dated by their arrival.

use std::mem;

use super::{Decoded, LineError};
use crate::{ClockState, Field, Measurement, RejectReason, RejectedLine, TimeSource};

pub(super) const CLOCK_UNSET: LineError = LineError { reason: RejectReason::ClockUnset, field: Some(Field::Timestamp) };

/// The measurements of a payload from nodes whose clocks were not set, each with its index among the decoded ones and
/// the reject that it becomes unless it is dated.
#[derive(Debug, Default)]
pub(super) struct UnsetClocks(Vec<(usize, RejectedLine)>);

impl UnsetClocks {
    /// Takes note of a measurement that is about to be added if its clock was not set.
    pub(super) fn note(&mut self, decoded: &Decoded, measurement: &Measurement, line: u32, text: &[u8]) {
        if measurement.timestamp < Measurement::CLOCK_UNSET_BEFORE {
            self.0.push((decoded.measurements.len(), CLOCK_UNSET.rejected(line, text)));
        }
    }

    /// Dates the newest measurement by its arrival, unless the collector's clock is not set either, and rejects the
    /// others, because nothing tells when they were measured.
    pub(super) fn settle(mut self, decoded: &mut Decoded, received_at: i64, clock: ClockState) {
        if self.0.is_empty() {
            return;
        }
        let newest = decoded.measurements.len() - 1;
        if self.0.last().is_some_and(|(place, _)| *place == newest) && clock != ClockState::Unset {
            let measurement = &mut decoded.measurements[newest];
            measurement.timestamp = received_at;
            measurement.time_source = TimeSource::Arrival;
            if measurement.validate_time().is_ok() {
                self.0.pop();
                decoded.undated.push(decoded.lines[newest]);
            }
        }
        let mut unset = self.0.into_iter().peekable();
        let measurements = mem::take(&mut decoded.measurements).into_iter().zip(mem::take(&mut decoded.lines));
        for (place, (measurement, line)) in measurements.enumerate() {
            if let Some((_, rejected)) = unset.next_if(|(at, _)| *at == place) {
                decoded.rejects.push(rejected);
            } else {
                decoded.measurements.push(measurement);
                decoded.lines.push(line);
            }
        }
        decoded.rejects.sort_by_key(|reject| reject.line);
        let good = &decoded.lines;
        decoded.dropped.retain(|value| good.binary_search(&value.line).is_ok());
    }
}
