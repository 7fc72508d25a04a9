//! The rule of the panel that yields nothing: covered, or disconnected.
//!
//! **Formula.** For each of the last days, by how much the battery's voltage rose from before dawn to around noon.
//! While the median battery of the mesh rose, one that did not, though it was not full before dawn, gets nothing from
//! its panel. A panel that is disconnected shows hardly any voltage at all; one that is covered shows most of its
//! voltage, but gives no current.
//!
//! **Source.** Observed behaviour of the field: a panel that gives nothing for a day while its neighbours charge is
//! covered (below 2 degC: by snow) or disconnected.
//!
//! **Thresholds.** A rise of less than 0.05 V, of a battery that usually has half of the mesh's rise or more, while the
//! mesh's was 0.3 V or more, on the last two days that can be judged of the last four (on one, if the panel shows no
//! voltage), from less than 12.7 V; disconnected if the panel's voltage stayed below 2 V. At least three nodes must
//! have been heard.

use super::Verdict;
use crate::{Evidence, Finding, FindingCode, FindingSeverity, Panel, Unknown, lead_acid, statistics::median};

/// The days that are looked at.
const DAYS: i64 = 4;

/// The rise of a battery that gets nothing, and of the mesh's on a day that shows it, V.
const NOTHING: f64 = 0.05;
const MESH_RISES: f64 = 0.3;

/// The share of the mesh's rise that the battery must usually have, and the least number of days that show it.
const USUALLY_RISES: f64 = 0.5;
const LEAST_DAYS: usize = 4;

/// The voltage before dawn up to which there is room for a rise, V.
const HAS_ROOM: f64 = 12.7;

/// The highest voltage of a panel that is disconnected, V.
const DISCONNECTED: f64 = 2.0;

/// The battery temperature below which it may be snow, degC.
const SNOW: f64 = 2.0;

const DAY: i64 = 86_400;

/// Judges whether the panel is covered or disconnected.
pub(super) fn judge(evidence: &Evidence<'_>, panel: &mut Panel) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let sky = evidence.mesh.sky();
    let Some(daylight) = sky.daylight() else { return verdict };
    let today = daylight.day_of(evidence.at);
    let rises = sky.rises(evidence.history.node());
    let is_over = |day: i64| (today - DAYS..today).contains(&day);
    let has_room = |before: f64| lead_acid::voltage_of_one(before) < HAS_ROOM;
    let mut judged = rises.iter().rev().filter(|rise| {
        is_over(rise.day) && has_room(rise.before) && sky.rise(rise.day).is_some_and(|rise| rise >= MESH_RISES)
    });
    let (Some(rise), before) = (judged.next(), judged.next()) else {
        let reason =
            "none of the last four days could be compared: too little sun, a full battery, or too few neighbours";
        verdict.unknown.push(Unknown { what: "panel.covered", reason: reason.into() });
        return verdict;
    };
    let noon = daylight.noon(rise.day);
    let around_noon = || evidence.history.slots_between(noon - DAY / 8, noon + DAY / 8);
    let highest = rise.panel;
    // A large battery at a small panel hardly rises on a dim day, so the node's own usual rise counts.
    let mut ratios: Vec<f64> = rises
        .iter()
        .filter(|earlier| earlier.day < rise.day && has_room(earlier.before))
        .filter_map(|earlier| Some(earlier.volts / sky.rise(earlier.day).filter(|rise| *rise >= MESH_RISES)?))
        .collect();
    if ratios.len() < LEAST_DAYS {
        let reason = "too few earlier days show how the battery usually rises".into();
        verdict.unknown.push(Unknown { what: "panel.covered", reason });
        return verdict;
    }
    let usual = median(&mut ratios).unwrap_or_default();
    // A single day can be a dim one where this node stands; without any panel voltage it is sure.
    let is_sure = highest < DISCONNECTED || before.is_some_and(|before| before.volts < NOTHING);
    let yields_nothing = rise.volts < NOTHING && usual > USUALLY_RISES && is_sure;
    let is_disconnected = yields_nothing && highest < DISCONNECTED;
    panel.disconnected = Some(is_disconnected);
    panel.covered = Some(yields_nothing && !is_disconnected);
    if yields_nothing {
        let code = if is_disconnected { FindingCode::PanelDisconnected } else { FindingCode::PanelCovered };
        let mut temperatures: Vec<f64> = around_noon().filter_map(|(_, slot)| slot.temperature()).collect();
        let since = evidence.since(code, noon - DAY / 4);
        let mut finding = Finding::new(code, FindingSeverity::Urgent, since).with("highestPanelVoltage", highest);
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
