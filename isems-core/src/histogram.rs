//! A histogram of durations.

use std::time::Duration;

use serde::Serialize;

/// Counts durations in buckets. The buckets are fixed, so that it takes no more memory however much is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DurationHistogram {
    counts: [u64; Self::BOUNDS.len() + 1],
    sum: f64,
}

impl DurationHistogram {
    /// The longest durations of the buckets, seconds. What took longer than the last one is in a bucket of its own.
    pub const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

    /// The number of durations in each bucket and in none before it; one more than there are bounds.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// All durations together, seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Counts a duration.
    pub fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.counts[Self::BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }
}
