//! The rule of charge: what the battery holds, how long that lasts, and whether the load goes off.
//!
//! **Formula.** No current is measured, so charge is counted in hours of load. At night the voltage takes nearly the
//! same curve each time; [`DischargeCurve`](crate::discharge::DischargeCurve) learns how long each step of it takes,
//! and the time to the cut-off is the sum of the steps below the present voltage, corrected by how fast tonight has
//! passed so far. By day, what the battery held at dawn is known, and what the day adds is taken from the days that
//! went like today so far. What comes after is taken from the last days, since weather lasts. All of it is a set of
//! weighted cases, whose shares are the probabilities and whose quantiles are the intervals.
//!
//! **Source.** Load nearly constant, curves that repeat, gauge misleading by day: observed behaviour of the firmwares.
//! The percentage at the cut-off is that of the firmware's gauge.
//!
//! **Thresholds.** `loadOffPredicted` is urgent from a probability of 50 % within twelve hours on (cleared below 35 %),
//! and worth attention from 50 % within 48 hours on (cleared below 35 %). `survivesNight` is `yes` or `no` from 80 %
//! on.

use super::Verdict;
use crate::{
    Energy, Evidence, Finding, FindingCode, FindingSeverity, LoadOff, Silence, SilenceCause, Survival, Unknown,
    UnknownReason,
    outlook::Outlook,
    reserve::Reserve,
    rules::{comeback, dark_reserve},
};

/// The probability from which on an answer is sure enough.
const SURE: f64 = 0.8;

/// The least probability of a load-off that is told.
const TOLD: f64 = 0.2;

/// The age of the newest measurement at which nothing is said of the charge any more, seconds.
const TOO_OLD: i64 = 12 * 3600;

/// Judges what the battery holds.
pub(super) fn judge(evidence: &Evidence<'_>, silence: Option<&Silence>) -> Verdict<Energy> {
    let mut verdict = Verdict::default();
    let mut unknown = |what, reason| verdict.unknown.push(Unknown { what, reason });
    let reserve = match Reserve::learn(evidence) {
        Ok(reserve) => reserve,
        Err(reason) => {
            unknown("energy", reason);
            return verdict;
        }
    };
    let mut energy = Energy { ..dark_reserve::judge(evidence, &reserve) };
    let has_run_empty = silence.is_some_and(|silence| silence.cause == SilenceCause::RanEmpty);
    if has_run_empty {
        energy.comeback = comeback::judge(evidence, &reserve);
        energy.charge_percent = Some(reserve.percent_at_cut_off());
        energy.usable_percent = Some(0.0);
        energy.autonomy_hours = Some(0.0);
        verdict.part = energy;
        return verdict;
    }
    if evidence.history.latest().is_none_or(|latest| evidence.at - latest.timestamp > TOO_OLD) {
        unknown("energy", UnknownReason::Outdated);
        verdict.part = energy;
        return verdict;
    }
    match Outlook::of(evidence, &reserve) {
        Ok(outlook) => {
            let usable = (outlook.left / reserve.full).clamp(0.0, 1.0);
            let percent_at_cut_off = reserve.percent_at_cut_off();
            energy.usable_percent = Some(100.0 * usable);
            energy.charge_percent = Some(percent_at_cut_off + usable * (100.0 - percent_at_cut_off));
            energy.autonomy_hours = Some(outlook.left / 3600.0);
            energy.margin_hours = Some((outlook.empty - outlook.dawn) as f64 / 3600.0);
            energy.survives_night = Some(if outlook.tonight >= SURE {
                Survival::No
            } else if outlook.tonight <= 1.0 - SURE {
                Survival::Yes
            } else {
                Survival::Uncertain
            });
            energy.load_off =
                outlook.off.filter(|_| outlook.ahead >= TOLD).map(|when| LoadOff { when, probability: outlook.ahead });
            verdict.findings.extend(finding(evidence, &outlook, energy.load_off.as_ref()));
        }
        Err(reason) => unknown("energy.loadOff", reason),
    }
    verdict.findings.extend(dark_reserve::findings(evidence, &energy));
    verdict.part = energy;
    verdict
}

/// The finding that the load goes off soon.
fn finding(evidence: &Evidence<'_>, outlook: &Outlook, load_off: Option<&LoadOff>) -> Option<Finding> {
    let code = FindingCode::LoadOffPredicted;
    let load_off = load_off?;
    let was_urgent = evidence.previous(code).is_some_and(|finding| finding.severity == FindingSeverity::Urgent);
    let severity = if outlook.soon >= if was_urgent { 0.35 } else { 0.5 } {
        FindingSeverity::Urgent
    } else if outlook.ahead >= evidence.threshold(code, 0.5, 0.35) {
        FindingSeverity::Attention
    } else {
        return None;
    };
    let finding = Finding::new(code, severity, evidence.since(code, evidence.at));
    Some(
        finding
            .with("expectedAt", crate::FindingValue::Time(load_off.when.expected_at))
            .with("probability", load_off.probability),
    )
}
