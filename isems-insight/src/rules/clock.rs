//! The rule of the node's clock: whether it is set and right.
//!
//! A measurement whose clock was not set is dated by its arrival. One whose clock is set is compared with its arrival:
//! the least delay of a day is nearly that of the link, as the first poll after a measurement fetches it soon. A clock
//! that is ahead makes it negative. A clock that is behind looks like a slow link, so it is only said of a delay that
//! no link has day after day. The slope of the least delays over days is the drift.
//!
//! **Source.** Observed behaviour of the firmwares: unset clocks start at 0 or 123456789. Crystals are good to some
//! seconds a day.
//!
//! **Thresholds.** `clockUnset` if more than half of the last day was dated by arrival though the node has a clock (it
//! dated others itself). `clockSkewed` from 60 s ahead (cleared below 30) or 30 minutes behind (cleared below 20) on
//! each of the last two days. `clockDrifting` from 20 s a day over at least five days (cleared below 10).

use super::Verdict;
use crate::{Day, Evidence, Finding, FindingCode, FindingSeverity, statistics::median};

/// The days over which drift is looked at.
const DAYS: i64 = 10;

/// The least number of days that show drift.
const LEAST_DAYS: usize = 5;

/// Judges the node's clock.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let today = evidence.at.div_euclid(86_400);
    let days: Vec<&Day> = evidence.history.days().filter(|day| (today - DAYS..=today).contains(&day.day)).collect();
    let findings = [unset(evidence, &days, today), skewed(evidence, &days, today), drifting(evidence, &days)];
    Verdict { findings: findings.into_iter().flatten().collect(), ..Verdict::default() }
}

fn unset(evidence: &Evidence<'_>, days: &[&Day], today: i64) -> Option<Finding> {
    // A node that never sends a time has no clock that could be set.
    let has_clock = evidence.history.days().any(|day| day.least_delay.is_some());
    let last: Vec<&&Day> = days.iter().filter(|day| day.day >= today - 1).collect();
    let readings: u32 = last.iter().map(|day| day.readings).sum();
    let by_arrival: u32 = last.iter().map(|day| day.dated_by_arrival).sum();
    let code = FindingCode::ClockUnset;
    let share = f64::from(by_arrival) / f64::from(readings.max(1));
    (has_clock && share > evidence.threshold(code, 0.5, 0.2)).then(|| {
        let since = last.first().map_or(evidence.at, |day| day.day * 86_400);
        Finding::new(code, FindingSeverity::Attention, evidence.since(code, since)).with("unsetPercent", 100.0 * share)
    })
}

fn skewed(evidence: &Evidence<'_>, days: &[&Day], today: i64) -> Option<Finding> {
    let code = FindingCode::ClockSkewed;
    let last: Vec<(i64, i64)> =
        days.iter().filter(|day| day.day >= today - 1).filter_map(|day| Some((day.day, day.least_delay?))).collect();
    let ahead = evidence.threshold(code, 60.0, 30.0);
    let behind = evidence.threshold(code, 1800.0, 1200.0);
    let is_wrong = |delay: i64| -(delay as f64) > ahead || delay as f64 > behind;
    if last.len() < 2 || !last.iter().all(|(_, delay)| is_wrong(*delay)) {
        return None;
    }
    let (first_day, _) = last[0];
    let (_, delay) = last[last.len() - 1];
    let finding = Finding::new(code, FindingSeverity::Attention, evidence.since(code, first_day * 86_400));
    Some(finding.with("secondsAhead", -(delay as f64)))
}

fn drifting(evidence: &Evidence<'_>, days: &[&Day]) -> Option<Finding> {
    let code = FindingCode::ClockDrifting;
    // The last day is not over, and its least delay not the final one.
    let delays: Vec<(i64, f64)> =
        days.iter().rev().skip(1).filter_map(|day| Some((day.day, day.least_delay? as f64))).collect();
    if delays.len() < LEAST_DAYS {
        return None;
    }
    // The median of the slopes between all pairs (Theil and Sen), which single days do not move.
    let mut slopes = Vec::new();
    for (index, (day, delay)) in delays.iter().enumerate() {
        for (earlier, before) in &delays[index + 1..] {
            slopes.push((delay - before) / (day - earlier) as f64);
        }
    }
    let slope = median(&mut slopes)?;
    (slope.abs() > evidence.threshold(code, 20.0, 10.0)).then(|| {
        let since = delays.last().map_or(evidence.at, |(day, _)| day * 86_400);
        let finding = Finding::new(code, FindingSeverity::Attention, evidence.since(code, since));
        finding.with("secondsAheadPerDay", -slope)
    })
}
