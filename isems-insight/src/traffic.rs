//! What has come in lately.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use isems_core::{DroppedCounts, RejectCounts, Totals};

/// How far back it is known what came in.
const KEPT: Duration = Duration::from_hours(1);

/// The least time between two samples.
const INTERVAL: Duration = Duration::from_secs(5);

/// What came in during a while, by all transports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How long the while is: shorter than asked for where recording has not gone on as long.
    pub duration: Duration,
    /// The number of measurements that were new.
    pub stored: u64,
    /// The number of lines that were rejected, by reason.
    pub rejected: RejectCounts,
    /// The number of values that were dropped from lines that were new, by field and reason.
    pub dropped: DroppedCounts,
}

impl Traffic {
    /// Returns what came in between two readings of the same transports.
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

    /// Returns how many measurements a second were stored, taking a while of less than a second for a whole one.
    pub fn stored_per_second(&self) -> f64 {
        self.stored as f64 / self.duration.as_secs_f64().max(1.0)
    }
}

/// Knows what came in during the last hour, by samples of what the transports have brought. It is to be given one every
/// few seconds, or a while begins earlier than it should.
#[derive(Debug)]
pub struct TrafficRecorder {
    /// Never empty.
    samples: VecDeque<(Instant, Totals)>,
}

impl TrafficRecorder {
    /// Begins with what the transports have brought so far.
    pub fn new(now: Instant, totals: Totals) -> Self {
        Self { samples: VecDeque::from([(now, totals)]) }
    }

    /// Takes a sample, if the last one is old enough.
    pub fn sample(&mut self, now: Instant, totals: &Totals) {
        if self.samples.back().is_some_and(|(last, _)| now.duration_since(*last) < INTERVAL) {
            return;
        }
        self.samples.push_back((now, totals.clone()));
        // The oldest one that is kept is as old as the time that is looked back.
        while self.samples.get(1).is_some_and(|(second, _)| now.duration_since(*second) >= KEPT) {
            self.samples.pop_front();
        }
    }

    /// Returns what came in during the last while, an hour at most.
    pub fn last(&self, duration: Duration, now: Instant, totals: &Totals) -> Traffic {
        let is_old = |(at, _): &&(Instant, Totals)| now.duration_since(*at) >= duration;
        let begin = self.samples.iter().rev().find(is_old).or_else(|| self.samples.front());
        begin.map_or_else(Traffic::default, |(at, earlier)| Traffic::between(earlier, totals, now.duration_since(*at)))
    }
}
