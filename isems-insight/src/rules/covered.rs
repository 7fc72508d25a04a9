//! The rule of the panel that gets no light: covered, or disconnected.
//!
//! **Formula.** In each slot in which at least four panels were in the light, a panel whose battery could have taken
//! its power is dark if its voltage was too low to charge, or its open-circuit voltage, compared with the others' and
//! with what is usual for it, speaks of less than a quarter of the light. A panel that is disconnected shows hardly any
//! voltage at all; one that is covered shows most of its voltage.
//!
//! **Source.** Observed behaviour of the field: a panel that gives nothing for a day while its neighbours charge is
//! covered (below 2 degC: by snow) or disconnected.
//!
//! **Thresholds.** Dark in 80 % of the slots (cleared below 50 %) of the last day of the last four that can be judged:
//! with two and a half hours of such slots or more, of today as soon as there are so many. Disconnected if the panel's
//! voltage stayed below 2 V. Snow that lies on most panels of the mesh shows on none of them.

use super::Verdict;
use crate::{Evidence, Finding, FindingCode, FindingSeverity, Panel, Unknown, UnknownReason, statistics::median};

/// The days that are looked at.
const DAYS: i64 = 4;

/// The least number of slots that make a day.
const LEAST_SLOTS: u32 = 15;

/// The share of the slots in which the panel must be dark, raised and cleared.
const DARK: (f64, f64) = (0.8, 0.5);

/// The highest voltage of a panel that is disconnected, V.
const DISCONNECTED: f64 = 2.0;

/// The battery temperature below which it may be snow, degC.
const SNOW: f64 = 2.0;

const DAY: i64 = 86_400;

/// Judges whether the panel is covered or disconnected.
pub(super) fn judge(evidence: &Evidence<'_>, panel: &mut Panel) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let Some(daylight) = evidence.mesh.sky().daylight() else { return verdict };
    let today = daylight.day_of(evidence.at);
    let light = evidence.mesh.light().of_node(evidence.history.node());
    let mut days = light.iter().flat_map(|light| light.dark_days.iter().rev());
    let Some(last) = days.find(|day| day.slots >= LEAST_SLOTS && day.day >= today - DAYS) else {
        verdict.unknown.push(Unknown { what: "panel.covered", reason: UnknownReason::NoComparison });
        return verdict;
    };
    let is_disconnected = last.panel < DISCONNECTED;
    let code = if is_disconnected { FindingCode::PanelDisconnected } else { FindingCode::PanelCovered };
    let share = f64::from(last.dark) / f64::from(last.slots);
    let is_dark = share >= evidence.threshold(code, DARK.0, DARK.1);
    panel.disconnected = Some(is_dark && is_disconnected);
    panel.covered = Some(is_dark && !is_disconnected);
    if is_dark {
        let noon = daylight.noon(last.day);
        let around_noon = evidence.history.slots_between(noon - DAY / 8, noon + DAY / 8);
        let mut temperatures: Vec<f64> = around_noon.filter_map(|(_, slot)| slot.temperature()).collect();
        let since = evidence.since(code, noon - DAY / 4);
        let mut finding = Finding::new(code, FindingSeverity::Urgent, since)
            .with("highestPanelVoltage", last.panel)
            .with("darkPercent", 100.0 * share);
        if let Some(temperature) = median(&mut temperatures) {
            finding = finding.with("batteryTemperature", temperature);
            if !is_disconnected && temperature < SNOW {
                finding = finding.with("cover", "snow");
            }
        }
        verdict.findings.push(finding);
    }
    verdict
}
