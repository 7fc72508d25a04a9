//! The evidence from which an assessment is made.

use isems_core::Measurement;

use crate::{Finding, FindingCode, History, Mesh, Sun, slot::is_controller_lost};

/// The age up to which a measurement reflects the node's present state, seconds: temperatures and voltages change over
/// hours.
const PRESENT_SECONDS: i64 = 6 * 3600;

/// Everything from which an [assessment](crate::assess) is made. It is a plain value, so an assessment can be made for
/// any instant, and repeated.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The node's recent past. It must end before [`at`](Self::at).
    pub history: &'a History,
    /// The view of the mesh as a whole.
    pub mesh: &'a Mesh,
    /// The instant, Unix seconds, UTC.
    pub at: i64,
    /// The usual interval between arrivals from the node, seconds. `None` while it is not known.
    pub usual_interval: Option<i64>,
    /// The findings of the assessment before this one. A finding that is already there clears later than it was raised,
    /// so that it does not flicker.
    pub previous: &'a [Finding],
}

impl Evidence<'_> {
    /// Returns the sun seen from the node, or from the middle of the mesh if the node's position is not set. `None` if
    /// no node has a position.
    pub fn sun(&self) -> Option<Sun> {
        let own = self.history.latest().filter(|latest| crate::Position::of(latest).is_set()).and_then(Sun::seen_by);
        own.or_else(|| self.mesh.sun()).or_else(|| self.history.latest().and_then(Sun::seen_by))
    }

    /// Returns the newest measurement if it says how the node is now: it is not older than six hours, and the solar
    /// controller answers.
    pub fn present(&self) -> Option<&Measurement> {
        let is_present = |latest: &&Measurement| {
            self.at.saturating_sub(latest.timestamp) <= PRESENT_SECONDS && !is_controller_lost(latest)
        };
        self.history.latest().filter(is_present)
    }

    /// Returns the finding of a kind in the assessment before.
    pub fn previous(&self, code: FindingCode) -> Option<&Finding> {
        self.previous.iter().find(|finding| finding.code == code)
    }

    /// Returns `clear` if there was a finding of a kind in the assessment before, else `raise`: the threshold that
    /// counts now.
    pub fn threshold(&self, code: FindingCode, raise: f64, clear: f64) -> f64 {
        if self.previous(code).is_some() { clear } else { raise }
    }

    /// Returns since when there has been a finding of a kind: what the assessment before said, else `since`.
    pub fn since(&self, code: FindingCode, since: i64) -> i64 {
        self.previous(code).map_or(since, |finding| finding.since)
    }
}
