//! The rule of an id that two nodes use.
//!
//! Two nodes with one id show as two alternating sets of settings, or as two countdowns:
//!
//! * Settings that come back after a change to others, at least three times within a day: A, B, A, B, A. An owner
//!   changes them, and perhaps changes them back. Only what differs between two nodes counts: firmware, cut-off,
//!   ratings, or the position by more than 50 m, and only where both are reported, for the same node reports less
//!   over MQTT than in its log.
//! * A countdown that falls faster than any firmware counts, and rises again, at least three times within a day. A node
//!   that reboots over and over has a countdown that rises as often, but in between it falls at its pace.

use super::Verdict;
use crate::{Evidence, Finding, FindingCode, FindingSeverity::Attention, Setup, countdown};

const DAY: i64 = 86_400;
const LEAST_RETURNS: usize = 3;
/// Two nodes are further apart than this, km.
const LEAST_DISTANCE: f64 = 0.05;
/// The units by which a countdown may seem to fall too far, as it is rounded and read at different moments.
const COUNTDOWN_TOLERANCE: f64 = 8.0;

/// Judges whether two nodes use the id.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let mut verdict = Verdict::default();
    if let Some((first, alternating)) = alternation(evidence) {
        let since = evidence.since(FindingCode::IdShared, first);
        let finding = Finding::new(FindingCode::IdShared, Attention, since);
        verdict.findings.push(finding.with("alternating", alternating));
    }
    verdict
}

/// Returns when something began to alternate that tells two nodes apart, and what.
pub(super) fn alternation(evidence: &Evidence<'_>) -> Option<(i64, &'static str)> {
    alternation_of_setups(evidence).or_else(|| alternation_of_countdowns(evidence))
}

fn alternation_of_setups(evidence: &Evidence<'_>) -> Option<(i64, &'static str)> {
    let mut first = None;
    let mut alternating = "";
    let mut returns = 0;
    let mut setups = evidence.history.setups().iter().filter(|(since, _)| *since > evidence.at - DAY);
    let (mut before_last, mut last): (Option<&Setup>, Option<&Setup>) = (None, setups.next().map(|(_, setup)| setup));
    for (since, setup) in setups {
        let Some(difference) = last.and_then(|last| difference(last, setup)) else { continue };
        if before_last.is_some_and(|before| self::difference(before, setup).is_none()) {
            returns += 1;
            first.get_or_insert(since);
            alternating = difference;
        }
        (before_last, last) = (last, Some(setup));
    }
    first.filter(|_| returns >= LEAST_RETURNS).map(|first| (first, alternating))
}

/// Returns what tells two setups apart as those of two nodes.
fn difference(a: &Setup, b: &Setup) -> Option<&'static str> {
    fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.zip(b).is_some_and(|(a, b)| a != b)
    }
    if a.position().distance_km(b.position()).is_some_and(|distance| distance > LEAST_DISTANCE) {
        Some("position")
    } else if differ(a.firmware.as_ref(), b.firmware.as_ref()) {
        Some("firmwareVersion")
    } else if differ(a.battery_capacity.as_ref(), b.battery_capacity.as_ref()) {
        Some("ratedBatteryCapacity")
    } else if differ(a.panel_power.as_ref(), b.panel_power.as_ref()) {
        Some("ratedSolarModuleCapacity")
    } else if differ(a.cut_off.as_ref(), b.cut_off.as_ref()) {
        Some("lowVoltageDisconnectVoltage")
    } else {
        None
    }
}

fn alternation_of_countdowns(evidence: &Evidence<'_>) -> Option<(i64, &'static str)> {
    let rises: Vec<_> = evidence.history.reboots().filter(|rise| rise.after > evidence.at - DAY).collect();
    let is_too_fast = |rises: &&[&crate::Reboot]| {
        let minutes = (rises[1].before - rises[0].after) as f64 / 60.0;
        let fall = rises[0].countdown_after - rises[1].countdown_before;
        fall > countdown::FASTEST * minutes + COUNTDOWN_TOLERANCE
    };
    let mut falls = rises.windows(2).filter(is_too_fast);
    let first = falls.next()?[0].after;
    (1 + falls.count() >= LEAST_RETURNS).then_some((first, "timeToShutdown"))
}
