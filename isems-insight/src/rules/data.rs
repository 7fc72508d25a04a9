//! The rule of the completeness and timeliness of the data.
//!
//! Completeness is the number of measurements of the last seven days, times the usual interval between two, divided
//! by the time in which the node could measure. That is all of the seven days but the silences after the battery had
//! run down to the cut-off: a node without power has nothing to say. The battery had, if its last voltage was less
//! than 0.2 V above the cut-off, the distance at which firmwares start to worry. At least one day is needed.
//!
//! Incomplete: below 80 %, until it is above 90 %. Late: more than 20 % of the measurements arrived over an hour
//! after they were made, until it is below 10 %. All thresholds are ours.

use super::Verdict;
use crate::{
    DataQuality, Evidence, Finding, FindingCode,
    FindingSeverity::{Attention, Info},
    Slot, Unknown, UnknownReason,
};

const DAY: i64 = 86_400;
const WINDOW: i64 = 7 * DAY;

/// The distance to the cut-off below which a battery counts as run down, V.
const RUN_DOWN: f64 = 0.2;

const INCOMPLETE: (f64, f64) = (80.0, 90.0);
const LATE: (f64, f64) = (20.0, 10.0);

/// Judges the completeness of the data.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<DataQuality> {
    let mut verdict = Verdict::default();
    let Some(span) = Span::of(evidence) else {
        verdict.unknown.push(Unknown { what: "data", reason: UnknownReason::LessThanADay });
        return verdict;
    };
    let interval = evidence.history.measuring_interval();
    verdict.part = DataQuality {
        completeness_percent: interval.and_then(|interval| span.completeness_percent(interval)),
        late_percent: span.late_percent(),
        measuring_interval: interval,
    };
    if verdict.part.completeness_percent.is_none() {
        verdict.unknown.push(Unknown { what: "data.completenessPercent", reason: UnknownReason::NoPower });
    }
    let code = FindingCode::DataIncomplete;
    if let Some(percent) = verdict.part.completeness_percent
        && percent < evidence.threshold(code, INCOMPLETE.0, INCOMPLETE.1)
    {
        let since = evidence.since(code, span.first_gap.unwrap_or(span.from));
        verdict.findings.push(Finding::new(code, Attention, since).with("completenessPercent", percent));
    }
    let code = FindingCode::DeliveredLate;
    if let Some(percent) = verdict.part.late_percent
        && percent > evidence.threshold(code, LATE.0, LATE.1)
    {
        let since = evidence.since(code, span.first_late.unwrap_or(span.from));
        verdict.findings.push(Finding::new(code, Info, since).with("latePercent", percent));
    }
    verdict
}

/// The last seven days, added up.
#[derive(Debug)]
struct Span {
    from: i64,
    to: i64,
    readings: u32,
    late: u32,
    /// The seconds in which the node had no power.
    without_power: i64,
    /// When the first silence of over an hour began that was not for want of power.
    first_gap: Option<i64>,
    /// When the first late measurement was made.
    first_late: Option<i64>,
}

impl Span {
    /// `None` if less than a day is known.
    fn of(evidence: &Evidence<'_>) -> Option<Self> {
        let (first, _) = evidence.history.slots().next()?;
        let (from, to) = (first.max(evidence.at - WINDOW), evidence.at);
        if to - from < DAY {
            return None;
        }
        let mut span = Self { from, to, readings: 0, late: 0, without_power: 0, first_gap: None, first_late: None };
        let cut_off = evidence.history.setups().newest().and_then(|setup| setup.cut_off);
        let is_run_down = |slot: &Slot| {
            let is_low = |voltage: f64| cut_off.is_some_and(|cut_off| voltage < cut_off + RUN_DOWN);
            slot.battery_voltage().is_some_and(is_low)
        };
        let mut silent_from = from;
        let before = evidence.history.slots_between(i64::MIN, from).rev().find(|(_, slot)| !slot.is_empty());
        let mut ran_down = before.is_some_and(|(_, slot)| is_run_down(slot));
        for (start, slot) in evidence.history.slots_between(from, to).filter(|(_, slot)| !slot.is_empty()) {
            span.add_silence(silent_from, start, ran_down);
            span.readings += slot.readings();
            span.late += slot.late_readings();
            if slot.late_readings() > 0 {
                span.first_late.get_or_insert(start);
            }
            silent_from = start + Slot::SECONDS;
            ran_down = is_run_down(slot);
        }
        span.add_silence(silent_from, to, ran_down);
        Some(span)
    }

    fn add_silence(&mut self, from: i64, to: i64, ran_down: bool) {
        let seconds = (to - from).max(0);
        if ran_down {
            self.without_power += seconds;
        } else if seconds > 3600 {
            self.first_gap.get_or_insert(from);
        }
    }

    /// `None` if the node had no power.
    fn completeness_percent(&self, interval: f64) -> Option<f64> {
        let expected = (self.to - self.from - self.without_power) as f64 / interval;
        (expected >= 1.0).then(|| (100.0 * f64::from(self.readings) / expected).min(100.0))
    }

    /// `None` without measurements.
    fn late_percent(&self) -> Option<f64> {
        (self.readings > 0).then(|| 100.0 * f64::from(self.late) / f64::from(self.readings))
    }
}
