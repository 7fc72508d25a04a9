//! The rule of deep nights, which wear a lead-acid battery out: it lasts some 1300 cycles of 30 %, and a third of
//! that at twice the depth.
//!
//! A night is deep if the battery falls to 12.07 V while the panel gives nothing. That is where the ESP32 calls the
//! battery low, at 50 % of its gauge; OpenWrt does so at 30 %. Nights last from solar noon to solar noon. At least
//! seven must be known.
//!
//! Finding: on ten of the last 30 nights or more, until it is fewer than seven.

use super::Verdict;
use crate::{
    Evidence, Finding, FindingCode, FindingSeverity::Attention, Unknown, UnknownReason, lead_acid, solar_time,
};

const DAY: i64 = 86_400;
const NIGHTS: i64 = 30;
const LEAST_NIGHTS: usize = 7;
const DEEP_VOLTS: f64 = 12.07;
const MANY: (f64, f64) = (10.0, 7.0);

/// Judges the number of deep nights in 30 days.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<Option<u32>> {
    let mut verdict = Verdict::default();
    let sun = evidence.sun();
    let mut nights = 0;
    let mut last_night = None;
    let mut deep: Vec<(i64, i64)> = Vec::new();
    for (start, slot) in evidence.history.slots_between(evidence.at - NIGHTS * DAY, evidence.at) {
        let (Some(voltage), Some(false)) = (slot.battery_voltage(), slot.is_charging()) else { continue };
        let night = solar_time::night(start, sun);
        if last_night.replace(night) != Some(night) {
            nights += 1;
        }
        if lead_acid::voltage_of_one(voltage) <= DEEP_VOLTS && deep.last().is_none_or(|(last, _)| *last != night) {
            deep.push((night, start));
        }
    }
    if nights < LEAST_NIGHTS {
        let reason = UnknownReason::FewNights { nights, needed: LEAST_NIGHTS };
        verdict.unknown.push(Unknown { what: "battery.deepNightsIn30Days", reason });
        return verdict;
    }
    verdict.part = Some(deep.len() as u32);
    let code = FindingCode::DeepNights;
    let count = deep.len() as f64;
    if let Some((_, first)) = deep.first()
        && count >= evidence.threshold(code, MANY.0, MANY.1)
    {
        let finding = Finding::new(code, Attention, evidence.since(code, *first));
        verdict.findings.push(finding.with("deepNightsIn30Days", count).with("nightsKnown", nights as f64));
    }
    verdict
}
