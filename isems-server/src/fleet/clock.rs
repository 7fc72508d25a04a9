//! The clock of simulated nodes.

use std::time::Instant;

use isems_core::unix_now;

/// A clock for simulated nodes, in Unix seconds.
#[derive(Debug, Clone)]
pub struct SimulatedClock(Option<FastClock>);

#[derive(Debug, Clone)]
struct FastClock {
    start: i64,
    speed: f64,
    started: Instant,
}

impl SimulatedClock {
    /// Uses the system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// Makes a clock that shows `start` now and runs `speed` times as fast as the system's until it has caught up with
    /// it.
    pub fn fast(start: i64, speed: f64) -> Self {
        Self(Some(FastClock { start, speed, started: Instant::now() }))
    }

    /// Returns the time, which is never later than the system's.
    pub fn now(&self) -> i64 {
        let now = unix_now();
        match &self.0 {
            None => now,
            Some(FastClock { start, speed, started }) => {
                start.saturating_add((speed * started.elapsed().as_secs_f64()) as i64).min(now)
            }
        }
    }
}
