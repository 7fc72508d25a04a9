//! The hour that occurs twice on Berlin's wall clock in autumn.

use isems_core::Measurement;

use super::packed::{Packed, SourceLine};

const HOUR: i64 = 3_600;

/// A clock set back by less than this was adjusted, and has not repeated the hour.
const STEP_SECONDS: i64 = 60;

/// If one node has more rows than this, they are not held back; in normal operation an hour never has as many.
const ROWS_HELD: usize = 100_000;

/// Dates the rows of one node, in the order in which the collector stored them.
///
/// Rows of the repeated hour are held back until the next row after it, and are then dated together:
///
/// 1. If the wall clock goes back from one row to the next, the hour started again there: the rows before are summer
///    time, the rows after are winter time.
/// 2. Otherwise all belong to the same pass. They are summer time if they follow the previous row within an hour. Most
///    do: the collector did not store a row whose wall clock was not later than the newest one, so it lost the second
///    pass.
/// 3. They are winter time if they do not, and the next row follows within an hour.
/// 4. Any others are ambiguous and taken for summer time.
#[derive(Debug, Default)]
pub(super) struct NodeClock {
    /// The measured time of the previous row, Unix seconds, UTC.
    previous: Option<i64>,
    /// Rows of the hour, dated as summer time.
    held: Option<Packed>,
}

/// Rows that have been dated.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) rows: Vec<(Measurement, SourceLine)>,
    /// The number of rows that could be either.
    pub(super) ambiguous: u64,
}

impl NodeClock {
    /// Takes a row whose time is unique, which settles the rows held back.
    pub(super) fn once(&mut self, timestamp: i64) -> Settled {
        let settled = self.settle(Some(timestamp));
        self.previous = Some(timestamp);
        settled
    }

    /// Takes a row of the repeated hour, dated as summer time.
    pub(super) fn twice(&mut self, measurement: Measurement, source: SourceLine) -> Settled {
        let is_other_year =
            self.held.as_ref().is_some_and(|held| held.last_timestamp().abs_diff(measurement.timestamp) > 86_400);
        let settled = if is_other_year || self.held.as_ref().is_some_and(|held| held.measurements() >= ROWS_HELD) {
            self.settle(Some(measurement.timestamp))
        } else {
            Settled::default()
        };
        match &mut self.held {
            Some(held) => held.push(measurement, source),
            None => self.held = Some(Packed::new(measurement, source)),
        }
        settled
    }

    /// Settles the rows held back when no more rows follow.
    pub(super) fn end(&mut self) -> Settled {
        self.settle(None)
    }

    fn settle(&mut self, next: Option<i64>) -> Settled {
        let Some(held) = self.held.take() else { return Settled::default() };
        let mut rows: Vec<(Measurement, SourceLine)> = held.unpack().collect();
        let times: Vec<i64> = rows.iter().map(|(measurement, _)| measurement.timestamp).collect();
        let (first, last) = (times[0], times[times.len() - 1]);
        let within_hour = |from: i64, to: i64| (0..=HOUR).contains(&(to - from));
        let went_back = times.array_windows().position(|[a, b]| a - b > STEP_SECONDS);
        let follows = self.previous.is_some_and(|previous| within_hour(previous, first));
        let precedes = self.previous.is_some_and(|previous| previous < first)
            && next.is_some_and(|next| within_hour(last + HOUR, next));
        let winter_from = match went_back {
            Some(before) => before + 1,
            None if !follows && precedes => 0,
            None => times.len(),
        };
        let ambiguous = if went_back.is_some() || follows || precedes { 0 } else { times.len() as u64 };
        for (measurement, _) in &mut rows[winter_from..] {
            measurement.timestamp += HOUR;
            measurement.received_at += HOUR;
        }
        self.previous = rows.last().map(|(measurement, _)| measurement.timestamp);
        Settled { rows, ambiguous }
    }
}
