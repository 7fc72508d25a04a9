//! The rule of the battery's ageing.
//!
//! **Formula.** The trend is the slope of a straight line through the endurance of the nights of the last 30 days. A
//! month is short for that: nights scatter by several per cent, and a battery loses one a month. So the slope is
//! averaged with what a battery of this use loses, 40 % of its capacity over 1300 cycles of 30 %, and proportionally
//! less or more for the depth of this node's nights. Weights are the inverse squares of the deviations. The time to
//! replacement is the distance to 60 % of the rated capacity, divided by the trend.
//!
//! **Source.** Cycles and the limit of 60 %: rules of thumb of the field.
//!
//! **Thresholds.** `batteryDue` at 60 % of the rated capacity or less, until it is above 66 %. Health estimates of
//! the node that were measured say whether it agrees.

use super::Verdict;
use crate::{
    Battery, Evidence, Finding, FindingCode, FindingSeverity::Attention, Unknown, UnknownReason, endurance::Endurance,
    health,
};

const MONTH_DAYS: f64 = 30.0;

/// The percentage of the rated capacity at which a battery is due, raised and cleared.
const DUE: (f64, f64) = (60.0, 66.0);

/// The percentage that a cycle of the whole charge costs: 40 over 1300 cycles of 30 %.
const LOSS_PER_CYCLE: f64 = 40.0 / 1300.0 / 0.3;
/// The deviation of the loss from it, percent of the rated capacity a month.
const LOSS_DEVIATION: f64 = 0.8;
/// The hours of a day in which the battery carries the load.
const DARK_HOURS: f64 = 14.0;
/// The slowest trend that leads to a replacement, percent a month.
const SLOWEST: f64 = 0.05;

/// The least number of nights that a slope is taken from.
const LEAST_NIGHTS: usize = 6;

/// Judges how the battery ages, given its capacity and the endurance that this was told from.
pub(super) fn judge(evidence: &Evidence<'_>, battery: &mut Battery, endurance: &Endurance) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let Some(capacity) = battery.capacity_percent_of_rated else { return verdict };
    if capacity.value <= evidence.threshold(FindingCode::BatteryDue, DUE.0, DUE.1) {
        let own = health::measured(evidence.history).next_back();
        let since = evidence.since(FindingCode::BatteryDue, evidence.at);
        let finding = Finding::new(FindingCode::BatteryDue, Attention, since)
            .with("capacityPercentOfRated", capacity.value)
            .with("uncertaintyPercent", capacity.uncertainty);
        verdict.findings.push(finding.node_agrees(own.map(|(_, health)| health <= DUE.0)));
    }
    let trend = trend(capacity.value, endurance);
    battery.trend_percent_per_month = Some(trend);
    let left = (capacity.value - DUE.0).max(0.0);
    if left == 0.0 || trend < -SLOWEST {
        battery.months_to_replacement = Some(left / trend.abs().max(SLOWEST));
    } else {
        verdict.unknown.push(Unknown { what: "battery.monthsToReplacement", reason: UnknownReason::NoLoss });
    }
    verdict
}

/// Returns how fast a capacity, in percent of the rated one, changes, percent a month.
fn trend(capacity: f64, endurance: &Endurance) -> f64 {
    let expected = -LOSS_PER_CYCLE * MONTH_DAYS * (DARK_HOURS / endurance.hours).min(1.0);
    let (slope, deviation) = slope(endurance).unwrap_or((0.0, f64::INFINITY));
    let (slope, deviation) = (slope * capacity, deviation * capacity);
    let (weight, expected_weight) = (deviation.powi(-2), LOSS_DEVIATION.powi(-2));
    if !weight.is_finite() {
        return expected;
    }
    (slope * weight + expected * expected_weight) / (weight + expected_weight)
}

/// Returns the slope of the endurance over the nights, as a share a month, and its standard deviation.
fn slope(endurance: &Endurance) -> Option<(f64, f64)> {
    let nights = &endurance.nights;
    let count = nights.len();
    if count < LEAST_NIGHTS {
        return None;
    }
    let month = |at: i64| (at - nights[0].at) as f64 / (MONTH_DAYS * 86_400.0);
    let mean = |value: &dyn Fn(usize) -> f64| (0..count).map(value).sum::<f64>() / count as f64;
    let share = |night: usize| (nights[night].hours() / endurance.hours).ln();
    let (mean_month, mean_share) = (mean(&|night| month(nights[night].at)), mean(&share));
    let away = |night: usize| month(nights[night].at) - mean_month;
    let spread: f64 = (0..count).map(|night| away(night).powi(2)).sum();
    let slope = (0..count).map(|night| away(night) * (share(night) - mean_share)).sum::<f64>() / spread;
    let left = |night: usize| (share(night) - mean_share - slope * away(night)).powi(2);
    let variance = (0..count).map(left).sum::<f64>() / (count - 2) as f64;
    let deviation = (variance / spread).sqrt();
    (slope.is_finite() && deviation.is_finite()).then_some((slope, deviation))
}
