//! Retry delays that grow with each failure.

use std::time::Duration;

/// Delays between attempts. Each is twice as long as the one before, up to a limit, and varied at random by a quarter,
/// so that clients that failed together do not all come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
    failures: u32,
}

impl Backoff {
    /// Makes a backoff with delays from `first` up to `limit`.
    pub fn new(first: Duration, limit: Duration) -> Self {
        Self { first, limit, failures: 0 }
    }

    /// Returns the delay after one more failure.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(30)).min(self.limit);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(0.75 + 0.5 * fastrand::f64())
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

impl Default for Backoff {
    /// One second to one minute.
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_mins(1))
    }
}
