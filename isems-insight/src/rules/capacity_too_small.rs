//! The rule of a battery that is too small for its panel, so that it is charged with more current than is good for it.
//!
//! The figure is that of the firmwares: the capacity in Ah, divided by the panel's greatest current, which is its
//! power divided by 15 V. They set their flag at or below 5.0 (ESP32) or 2.5 (OpenWrt). Data sheets of sealed
//! lead-acid batteries allow a current of 0.3 C, which is 3.3. So that is the threshold for all, until it is above
//! 3.6.
//!
//! The capacity is the estimated one, else the rated one.

use isems_core::StatusFlag;

use super::Verdict;
use crate::{Battery, Evidence, Finding, FindingCode, FindingSeverity::Attention};

/// The voltage at which panels give their greatest current, V.
const PANEL_VOLTS: f64 = 15.0;
const TOO_FEW_HOURS: (f64, f64) = (3.3, 3.6);

/// Judges whether the battery is too small for the panel.
pub(super) fn judge(evidence: &Evidence<'_>, battery: &Battery) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let Some((changed_at, setup)) = evidence.history.setups().iter().next_back() else { return verdict };
    let estimated = battery.estimated_capacity_ah.map(|estimate| estimate.value);
    let (Some(capacity), Some(power)) = (estimated.or(setup.battery_capacity), setup.panel_power) else {
        return verdict;
    };
    let hours = capacity / (power / PANEL_VOLTS);
    let code = FindingCode::CapacityTooSmall;
    if power > 0.0 && capacity > 0.0 && hours <= evidence.threshold(code, TOO_FEW_HOURS.0, TOO_FEW_HOURS.1) {
        let agrees = evidence.present().and_then(|latest| latest.status);
        let finding = Finding::new(code, Attention, evidence.since(code, changed_at));
        let finding =
            finding.with("capacityAh", capacity).with("panelPowerW", power).with("hoursOfPanelCurrent", hours);
        verdict.findings.push(finding.node_agrees(agrees.map(|status| status.contains(StatusFlag::CapacityTooSmall))));
    }
    verdict
}
