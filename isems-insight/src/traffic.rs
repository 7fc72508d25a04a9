//! The traffic of the last minute and hour.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use isems_core::{DroppedCounts, RejectCounts, Totals};

/// The time that samples are kept for.
const KEPT: Duration = Duration::from_hours(1);

/// The least time between two samples.
const INTERVAL: Duration = Duration::from_secs(5);

/// The traffic of all transports during a period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The length of the period. It is shorter than asked for if recording began later.
    pub duration: Duration,
    /// The number of measurements that were new.
    pub stored: u64,
    /// The number of lines that were rejected, by reason.
    pub rejected: RejectCounts,
    /// The number of values that were dropped from lines that were new, by field and reason.
    pub dropped: DroppedCounts,
}

impl Traffic {
    /// Returns the traffic between two readings of the same transports.
    fn between(earlier: &Totals, later: &Totals, duration: Duration) -> Self {
        let mut rejected = RejectCounts::default();
        for (reason, count) in later.rejected.iter() {
            rejected.add(reason, count.saturating_sub(earlier.rejected.of(reason)));
        }
        let mut dropped = DroppedCounts::default();
        for (field, reason, count) in later.dropped.iter() {
            dropped.add(field, reason, count.saturating_sub(earlier.dropped.of(field, reason)));
        }
        Self { duration, stored: later.stored.saturating_sub(earlier.stored), rejected, dropped }
    }

    /// Returns the number of measurements stored per second. A period shorter than a second counts as one.
    pub fn stored_per_second(&self) -> f64 {
        self.stored as f64 / self.duration.as_secs_f64().max(1.0)
    }
}

/// Records the traffic of the last hour by sampling what the transports have brought in total. It needs a sample every
/// few seconds: a period begins at the last sample before it.
#[derive(Debug)]
pub struct TrafficRecorder {
    /// Never empty.
    samples: VecDeque<(Instant, Totals)>,
}

impl TrafficRecorder {
    /// Starts from what the transports have brought so far.
    pub fn new(now: Instant, totals: Totals) -> Self {
        Self { samples: VecDeque::from([(now, totals)]) }
    }

    /// Takes a sample unless the last one was taken within five seconds.
    pub fn sample(&mut self, now: Instant, totals: &Totals) {
        if self.samples.back().is_some_and(|(last, _)| now.duration_since(*last) < INTERVAL) {
            return;
        }
        self.samples.push_back((now, totals.clone()));
        // One sample as old as the longest period, or older, stays.
        while self.samples.get(1).is_some_and(|(second, _)| now.duration_since(*second) >= KEPT) {
            self.samples.pop_front();
        }
    }

    /// Returns the traffic of the last period, up to an hour.
    pub fn last(&self, duration: Duration, now: Instant, totals: &Totals) -> Traffic {
        let is_old = |(at, _): &&(Instant, Totals)| now.duration_since(*at) >= duration;
        let begin = self.samples.iter().rev().find(is_old).or_else(|| self.samples.front());
        begin.map_or_else(Traffic::default, |(at, earlier)| Traffic::between(earlier, totals, now.duration_since(*at)))
    }
}
