//! What came in during the last hour.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use isems_core::{DroppedCounts, Monitor, RejectCounts};

/// How far back it is known what came in.
const KEPT: Duration = Duration::from_hours(1);

/// How close together samples are at least.
const INTERVAL: Duration = Duration::from_secs(5);

/// Knows what came in during the last hour, by samples of the transports' accounts. Counting begins when it is made. Unless
/// it is called [every few seconds](Self::sample), a while can begin earlier than it should.
#[derive(Debug)]
pub struct Traffic {
    monitor: Monitor,
    samples: Mutex<VecDeque<Sample>>,
}

#[derive(Debug, Clone)]
struct Sample {
    at: Instant,
    total: Total,
}

/// What has come in, of all transports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Total {
    pub(crate) stored: u64,
    pub(crate) rejected: RejectCounts,
    pub(crate) dropped: DroppedCounts,
}

impl Traffic {
    /// Begins with what the transports have brought so far.
    pub fn new(monitor: Monitor) -> Self {
        let traffic = Self { monitor, samples: Mutex::default() };
        traffic.sample();
        traffic
    }

    /// Takes a sample, if the last one is not too young. To be called every few seconds.
    pub fn sample(&self) {
        let now = Instant::now();
        let mut samples = self.lock();
        if samples.back().is_some_and(|last| now.duration_since(last.at) < INTERVAL) {
            return;
        }
        samples.push_back(Sample { at: now, total: self.total() });
        // The oldest one that is kept is as old as the time that is looked back.
        while samples.get(1).is_some_and(|second| now.duration_since(second.at) >= KEPT) {
            samples.pop_front();
        }
    }

    /// What came in during the last while, an hour at most, and how long that is: less where the server has not run as long.
    pub(crate) fn last(&self, duration: Duration) -> (Total, Duration) {
        self.sample();
        let (now, total) = (Instant::now(), self.total());
        let samples = self.lock();
        let is_old = |sample: &&Sample| now.duration_since(sample.at) >= duration;
        let Some(begin) = samples.iter().rev().find(is_old).or_else(|| samples.front()) else {
            return (Total::default(), Duration::ZERO);
        };
        let mut rejected = RejectCounts::default();
        for (reason, count) in total.rejected.iter() {
            rejected.add(reason, count.saturating_sub(begin.total.rejected.of(reason)));
        }
        let mut dropped = DroppedCounts::default();
        for (field, reason, count) in total.dropped.iter() {
            dropped.add(field, reason, count.saturating_sub(begin.total.dropped.of(field, reason)));
        }
        let stored = total.stored.saturating_sub(begin.total.stored);
        (Total { stored, rejected, dropped }, now.duration_since(begin.at))
    }

    fn total(&self) -> Total {
        let mut total = Total::default();
        for transport in self.monitor.transports() {
            total.stored += transport.stored;
            total.rejected.merge(&transport.rejected);
            total.dropped.merge(&transport.dropped);
        }
        total
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
