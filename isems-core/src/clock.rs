//! The collector's own clock, which can be wrong: a small computer without a clock chip starts in the past.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use serde::Serialize;
use tokio::{sync::OnceCell, time::Instant};
use tracing::{info, warn};

use crate::{Measurement, Repository, RepositoryError, node_pages};

/// The collector's verdict on its own clock.
///
/// | When the clock is | [`Plausible`](Self::Plausible) | [`Behind`](Self::Behind) | [`Unset`](Self::Unset) |
/// |---|---|---|---|
/// | a node's time that is ahead of the arrival is | rejected | stored | stored |
/// | a line without a usable time is | dated by its arrival | dated by its arrival | rejected as `clock_unset` |
///
/// [`received_at`](Measurement::received_at) is always the time that the collector's clock showed, right or wrong. The
/// clock is checked on every delivery, so lines that come again are judged anew as soon as it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockState {
    /// Nothing contradicts it.
    Plausible,
    /// It is more than ten minutes behind the newest arrival or the newest stored measurement. Either it is behind now,
    /// or it was ahead then. It becomes plausible again once it has caught up, or once most nodes agree with it.
    Behind,
    /// It shows a time before 2025, when this program did not exist yet.
    Unset,
}

impl ClockState {
    /// 2025-01-01T00:00:00Z, Unix seconds. A clock that shows an earlier time is not set.
    pub const UNSET_BEFORE: i64 = 1_735_689_600;
}

/// A clock that seems to be behind is accepted as right once this many more deliveries agree with it than contradict
/// it.
const AGREEMENTS: u32 = 10;

/// The collector's clock, as judged by the deliveries. Clones share their state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Set once the stored measurements have been looked at.
    stored: OnceCell<()>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// A time that has certainly been reached, and the instant at which that was known.
    reached: Option<(i64, Instant)>,
    agreements: u32,
    state: ClockState,
}

impl Default for Seen {
    fn default() -> Self {
        Self { reached: None, agreements: 0, state: ClockState::Plausible }
    }
}

impl Seen {
    /// Returns the earliest time that it can be now.
    fn earliest(&self) -> i64 {
        self.reached.map_or(i64::MIN, |(time, at)| time.saturating_add(at.elapsed().as_secs() as i64))
    }

    fn reach(&mut self, time: i64) {
        if time > self.earliest() {
            self.reached = Some((time, Instant::now()));
        }
    }

    fn judge(&self, now: i64) -> ClockState {
        if now < ClockState::UNSET_BEFORE {
            ClockState::Unset
        } else if now < self.earliest().saturating_sub(Measurement::CLOCK_AHEAD_SECONDS) {
            ClockState::Behind
        } else {
            ClockState::Plausible
        }
    }
}

impl Clock {
    /// Judges the clock when it shows this time, Unix seconds.
    pub(crate) fn state(&self, now: i64) -> ClockState {
        self.seen().judge(now)
    }

    /// Judges the clock on the arrival of a delivery, and logs a changed verdict.
    pub(crate) async fn observe(&self, now: i64, repository: &dyn Repository) -> Result<ClockState, RepositoryError> {
        let stored = async || {
            let mut pages = node_pages(repository);
            while let Some(page) = pages.try_next().await? {
                for node in page {
                    self.seen().reach(node.last_received_at.max(node.latest.timestamp));
                }
            }
            Ok::<_, RepositoryError>(())
        };
        self.0.stored.get_or_try_init(stored).await?;
        let mut seen = self.seen();
        let state = seen.judge(now);
        if state == ClockState::Plausible {
            seen.reach(now);
            seen.agreements = 0;
        }
        if state != seen.state {
            seen.state = state;
            let earliest = seen.earliest();
            match state {
                ClockState::Plausible => info!(now, "the clock of this computer is plausible again"),
                ClockState::Behind => warn!(
                    now,
                    earliest,
                    "the clock of this computer is behind the stored data; nodes' clocks are not judged by it"
                ),
                ClockState::Unset => warn!(
                    now,
                    "the clock of this computer is not set; nodes' clocks are not judged by it, and readings \
                     without a time cannot be stored; set the clock, or let this computer reach a time server"
                ),
            }
        }
        Ok(state)
    }

    /// Takes note of the newest time that a node has measured at. Nodes that send as they measure know the time.
    pub(crate) fn hear(&self, now: i64, newest_measured: i64) {
        let mut seen = self.seen();
        if seen.judge(now) == ClockState::Plausible {
            return;
        }
        let difference = newest_measured.saturating_sub(now);
        if difference > Measurement::CLOCK_AHEAD_SECONDS {
            seen.reach(newest_measured);
            seen.agreements = seen.agreements.saturating_sub(1);
        } else if difference > -Measurement::CLOCK_AHEAD_SECONDS {
            seen.agreements += 1;
        }
        if seen.agreements >= AGREEMENTS {
            seen.reached = Some((now, Instant::now()));
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
