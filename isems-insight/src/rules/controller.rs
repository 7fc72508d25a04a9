//! The rule of the solar controller: whether it answers.
//!
//! A node that has lost its controller reports a battery of 0 V, and sets the flag *controller lost*; all its other
//! values are void. The finding is raised with the first such measurement, unless it is older than six hours, and
//! cleared with the first measurement that is not.
//!
//! **Source.** Observed behaviour of the firmwares.
//!
//! **Thresholds.** Urgent from an hour on, before that worth attention: a loose contact comes and goes.

use isems_core::StatusFlag;

use super::Verdict;
use crate::{Evidence, Finding, FindingCode, FindingSeverity, slot::is_controller_lost};

/// The time after which it is urgent, seconds.
const LONG: i64 = 3600;

/// The age up to which the newest measurement says how the node is, seconds.
const PRESENT: i64 = 6 * 3600;

/// Judges the solar controller.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let latest = evidence.history.latest().filter(|latest| evidence.at - latest.timestamp <= PRESENT);
    let Some(latest) = latest.filter(|latest| is_controller_lost(latest)) else { return Verdict::default() };
    // Back to the last slot in which it answered.
    let slots = evidence.history.slots().rev().filter(|(_, slot)| !slot.is_empty());
    let lost = slots.take_while(|(_, slot)| slot.valid_readings() < slot.readings()).last();
    let since = lost.map_or(latest.timestamp, |(start, _)| start.min(latest.timestamp));
    let is_long = latest.timestamp - since >= LONG;
    let severity = if is_long { FindingSeverity::Urgent } else { FindingSeverity::Attention };
    let agrees = latest.status.map(|status| status.contains(StatusFlag::ControllerLost));
    let finding = Finding::new(FindingCode::ControllerLost, severity, since).node_agrees(agrees);
    Verdict { findings: vec![finding], ..Verdict::default() }
}
