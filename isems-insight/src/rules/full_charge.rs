//! The rule of the full charge, which lead-acid needs every week or two: what stays discharged sulphates.
//!
//! The battery is full in a slot in which the panel charges, and either
//!
//! * the panel is at 90 % of its open-circuit voltage or more, so that little current flows (at the point of greatest
//!   power it would be at 81 %, 1 / 1.24), and that is not for want of light: the battery is less than 0.15 V below
//!   the charge end voltage, or it is above 12.9 V while the open-circuit voltage is at 93 % of the highest one of
//!   the last month; or
//! * the node says so by its flag or a gauge of 100, and the battery is less than 0.7 V below the charge end voltage.
//!   In weak light, gauges reach 100 with a battery at 13.2 V that is far from full, so they are not believed there.
//!
//! The charge end voltage is that of the firmwares: 14.7 V at 25 degC and 30 mV less for each degree more, 13.1 V above
//! 42 degC. Without a temperature sensor the controller takes 25 degC.
//!
//! Not full: for 14 days or more, of which at least 10 were measured.

use isems_core::StatusFlag;

use super::Verdict;
use crate::{
    Evidence, Finding, FindingCode, FindingSeverity::Attention, FindingValue, History, Slot, Unknown, UnknownReason,
    lead_acid,
};

const DAY: i64 = 86_400;
const LONGEST: i64 = 14 * DAY;
const LEAST_DAYS: usize = 10;

/// The distance to the charge end voltage of a battery that is full, V, by its panel and by the node's word.
const BELOW_END: f64 = 0.15;
const BELOW_END_BY_WORD: f64 = 0.7;
/// The share of the open-circuit voltage above which hardly any current flows.
const WITHOUT_CURRENT: f64 = 0.9;
/// The share of the highest open-circuit voltage above which there is strong light.
const IN_STRONG_LIGHT: f64 = 0.93;
/// The voltage above which a battery is being charged, V.
const LEAST_VOLTAGE: f64 = 12.9;
/// The lowest gauge that says full, percent; a slot's gauge is a mean.
const FULL: f64 = 99.5;

/// Judges when the battery was last fully charged: Unix seconds, UTC.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<Option<i64>> {
    let mut verdict = Verdict::default();
    let history = evidence.history;
    let bright = bright(history);
    let mut full = history.slots().rev().filter(|(_, slot)| is_full(slot, bright));
    verdict.part = full.next().map(|(start, slot)| start + slot.offsets().map_or(0, |(_, last)| last));
    let Some((first, _)) = history.slots().next() else { return verdict };
    let since = verdict.part.unwrap_or(first);
    if evidence.at - since < LONGEST {
        return verdict;
    }
    if measured_days(evidence) < LEAST_DAYS {
        verdict.unknown.push(Unknown { what: "battery.lastFullChargeAt", reason: UnknownReason::RarelyHeard });
        return verdict;
    }
    let code = FindingCode::BatteryNotFull;
    let days = ((evidence.at - since) / DAY) as f64;
    let mut finding = Finding::new(code, Attention, evidence.since(code, since)).with("days", days);
    if let Some(last) = verdict.part {
        finding = finding.with("lastFullChargeAt", FindingValue::Time(last));
    }
    verdict.findings.push(finding);
    verdict
}

/// Returns on how many of the last 14 days the controller answered.
fn measured_days(evidence: &Evidence<'_>) -> usize {
    let first = (evidence.at - LONGEST).div_euclid(DAY);
    evidence.history.days().filter(|day| day.day >= first && day.readings > day.controller_lost).count()
}

/// Returns the open-circuit voltage above which the panel is in strong light, V.
pub(crate) fn bright(history: &History) -> f64 {
    let highest = history.slots().filter_map(|(_, slot)| slot.open_circuit_voltage()).fold(0.0, f64::max);
    IN_STRONG_LIGHT * highest
}

/// Returns whether the battery is full in a slot, given the open-circuit voltage in strong light.
pub(crate) fn is_full(slot: &Slot, bright: f64) -> bool {
    let (Some(battery), Some(panel), Some(true)) = (slot.battery_voltage(), slot.panel_voltage(), slot.is_charging())
    else {
        return false;
    };
    let voltage = lead_acid::voltage_of_one(battery);
    let below_end = charge_end_voltage(slot.temperature()) - voltage;
    let open = slot.open_circuit_voltage().filter(|open| *open > battery);
    let is_idle = open.is_some_and(|open| panel > WITHOUT_CURRENT * open);
    let is_bright = open.is_some_and(|open| open > bright);
    let is_said = slot.has_flag(StatusFlag::FullyCharged) || slot.gauge().is_some_and(|gauge| gauge >= FULL);
    is_idle && (below_end < BELOW_END || is_bright && voltage > LEAST_VOLTAGE)
        || is_said && below_end < BELOW_END_BY_WORD
}

/// Returns the voltage at which the controller stops charging, V, at a temperature in degC.
pub(crate) fn charge_end_voltage(temperature: Option<f64>) -> f64 {
    match temperature.unwrap_or(25.0) {
        celsius if celsius > 42.0 => 13.1,
        celsius => 14.7 - 0.03 * (celsius - 25.0),
    }
}
