//! The rule of reboots: whether a node reboots though none was scheduled.
//!
//! The countdown rises at a reboot. If it was near its end, the reboot was scheduled; if not, power was lost or the
//! node crashed. A comeback after the battery ran empty is a reboot, too, and no fault of its own: it follows a hole
//! that begins near the cut-off.
//!
//! **Source.** Observed behaviour of the firmwares.
//!
//! **Thresholds.** Three unplanned reboots in seven days; cleared when there was at most one.

use super::Verdict;
use crate::{Evidence, Finding, FindingCode, FindingSeverity, History, Reboot, countdown, mesh::Presence};

/// The days that count.
const DAYS: i64 = 7;

/// The time to the end of the countdown up to which a reboot was the scheduled one, minutes.
const NEAR_END: f64 = 5.0;

/// Judges the reboots.
pub(super) fn judge(evidence: &Evidence<'_>, presence: &Presence) -> Verdict<()> {
    let code = FindingCode::UnplannedReboots;
    let Some(units) = countdown::units_a_minute(evidence.history) else { return Verdict::default() };
    let after_empty = |reboot: &Reboot| presence.holes.iter().any(|hole| hole.has(reboot) && hole.may_have_run_empty());
    let unplanned: Vec<&Reboot> = recent(evidence.history, evidence.at)
        .filter(|reboot| {
            let gone = (reboot.after - reboot.before) as f64 / 60.0;
            reboot.countdown_before / units - gone > NEAR_END && !after_empty(reboot)
        })
        .collect();
    if (unplanned.len() as f64) < evidence.threshold(code, 3.0, 2.0) {
        return Verdict::default();
    }
    let since = unplanned.first().map_or(evidence.at, |reboot| reboot.after);
    let finding = Finding::new(code, FindingSeverity::Attention, evidence.since(code, since));
    let finding = finding.with("rebootsIn7Days", unplanned.len() as f64);
    Verdict { findings: vec![finding], ..Verdict::default() }
}

fn recent(history: &History, at: i64) -> impl Iterator<Item = &Reboot> {
    history.reboots().filter(move |reboot| reboot.after > at - DAYS * 86_400)
}
