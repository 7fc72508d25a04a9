//! The rule of ratings and cut-offs that cannot be right.
//!
//! * A battery below 1 Ah or above 1000 Ah, and a panel below 1 W or above 2000 W, are none that carry a node of a
//!   few watts.
//! * A cut-off outside of 11 to 12 V harms a 12 V lead-acid battery: below, it is discharged to its ruin; above, most
//!   of its charge is out of reach. If the battery shows more than 18 V, which no 12 V battery does, it is one of 24
//!   V, and the limits are twice as high.

use super::Verdict;
use crate::{
    Evidence, Finding, FindingCode,
    FindingSeverity::{Attention, Info},
    lead_acid,
};

const CAPACITY: std::ops::RangeInclusive<f64> = 1.0..=1000.0;
const PANEL: std::ops::RangeInclusive<f64> = 1.0..=2000.0;
const CUT_OFF: std::ops::RangeInclusive<f64> = 11.0..=12.0;

/// Judges whether the ratings and the cut-off are plausible.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let Some((since, setup)) = evidence.history.setups().iter().next_back() else { return verdict };
    let mut find = |code, severity, name, value: Option<f64>, is_plausible: &dyn Fn(f64) -> bool| {
        if let Some(value) = value.filter(|value| !is_plausible(*value)) {
            let since = evidence.since(code, since);
            verdict.findings.push(Finding::new(code, severity, since).with(name, value));
        }
    };
    let is_capacity = |value| CAPACITY.contains(&value);
    find(FindingCode::CapacityImplausible, Info, "ratedBatteryCapacity", setup.battery_capacity, &is_capacity);
    let is_panel = |value| PANEL.contains(&value);
    find(FindingCode::PanelImplausible, Info, "ratedSolarModuleCapacity", setup.panel_power, &is_panel);
    let voltage = evidence.history.latest().and_then(|latest| latest.battery_voltage);
    let batteries = voltage.map_or(1.0, lead_acid::batteries);
    let is_cut_off = |value: f64| CUT_OFF.contains(&(value / batteries));
    find(FindingCode::CutOffImplausible, Attention, "lowVoltageDisconnectVoltage", setup.cut_off, &is_cut_off);
    verdict
}
