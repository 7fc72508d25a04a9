//! The rule of settings that the firmware ships with, and of those that are missing.
//!
//! The id and the position are known by their values. A battery of 7.2 Ah and a panel of 10 W exist; but together, on
//! a node whose owner has not set a position, they are what nobody has changed.

use super::Verdict;
use crate::{
    Evidence, Finding, FindingCode,
    FindingSeverity::{Attention, Info},
    Position,
};

/// The ids that firmwares ship with.
const IDS: [&str; 2] = ["ESP32-Meshnode-Unconfigured", "ESP32-Meshnode-Default"];
/// The battery's rated capacity, Ah, and the panel's rated power, W.
const RATINGS: (f64, f64) = (7.2, 10.0);

/// Judges whether the settings are still those that the firmware ships with.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let Some(latest) = evidence.history.latest() else { return verdict };
    let setup_since = evidence.history.setups().iter().next_back().map_or(latest.timestamp, |(since, _)| since);
    let mut find = |code, severity| {
        let since = evidence.since(code, setup_since);
        verdict.findings.push(Finding::new(code, severity, since));
    };
    if IDS.contains(&evidence.history.node().as_str()) {
        find(FindingCode::IdDefault, Attention);
    }
    let position = Position::of(latest);
    match position {
        Position::Unset => find(FindingCode::PositionUnset, Info),
        Position::ShippedDefault => find(FindingCode::PositionDefault, Info),
        Position::Set { .. } => {}
    }
    if !position.is_set() && (latest.rated_battery_capacity, latest.rated_solar_module_capacity) == ratings() {
        find(FindingCode::RatingsDefault, Info);
    }
    verdict
}

fn ratings() -> (Option<f64>, Option<f64>) {
    (Some(RATINGS.0), Some(RATINGS.1))
}
