//! A histogram of durations.

use std::time::Duration;

use serde::Serialize;

/// A histogram with fixed buckets, so that it takes no more memory however many durations it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DurationHistogram {
    counts: [u64; Self::BOUNDS.len() + 1],
    sum: f64,
}

impl DurationHistogram {
    /// The upper bounds of the buckets, seconds. Longer durations go into one more bucket.
    pub const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

    /// The number of durations in each bucket alone; there is one more bucket than bounds.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the sum of all durations, seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Returns the number of durations.
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
