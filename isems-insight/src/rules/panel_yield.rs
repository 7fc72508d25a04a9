//! The rule of the panel's yield: whether it has fallen behind the other panels of the mesh.
//!
//! **Formula.** No current is measured, so the yield of a day is what the battery gained, in hours of load: what it
//! could run at dusk, less what it could run at dawn, and the day itself. A day that filled the battery counts up to
//! that moment. It is divided by the share of the day's clear-sky sun that had shone until then. The yields of all
//! nodes and days are split into what is usual for the node and what the day gave to all, by medians of the logarithms
//! in turn; what is left is how the panel did against the others under the same sky. The last seven days are compared
//! with the node's own month before. The trend is the median of the slopes between all pairs of days (Theil and Sen).
//!
//! **Source.** All panels of a mesh see the same sky within the hour, so clouds cancel; 20 % and more against the other
//! panels is dirt, snow, shade or damage (observed behaviour of the field).
//!
//! **Thresholds.** `panelYieldLow` below 78 % (cleared above 87 %), if the loss is more than 3.5 times its standard
//! error. At least three of the last seven days and six days before must be comparable, each with three nodes.
//!
//! **Limits.** A panel is compared with its own month before, so one that has been poor for weeks reads as usual.
//!
//! The finding is only worth knowing, not worth a visit: measured against simulated truth it misses most panels that
//! lost a quarter of their light, and is wrong about nine times in a hundred node-months, mostly after the battery ran
//! empty.

use super::Verdict;
use crate::{
    Evidence, Finding, FindingCode, FindingSeverity, Panel, Unknown,
    statistics::{median, scatter},
};

/// The days that are compared with those before.
const RECENT_DAYS: i64 = 7;
const LEAST_RECENT: usize = 3;
const LEAST_BEFORE: usize = 6;

/// The yield below which it is said, and above which that ends.
const LOW: f64 = 0.78;
const CLEAR: f64 = 0.87;

/// The number of standard errors by which it must be low.
const SURE: f64 = 3.5;

/// The least scatter of a day's yield: no panel is measured better than that.
const LEAST_SCATTER: f64 = 0.05;

/// The most days between which slopes are taken.
const MONTH: f64 = 30.0;

/// Judges the yield.
pub(super) fn judge(evidence: &Evidence<'_>, panel: &mut Panel) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let mut unknown = |reason: String| {
        verdict.unknown.push(Unknown { what: "panel.yieldPercentOfMesh", reason });
    };
    let Some(daylight) = evidence.mesh.sky().daylight() else {
        unknown("no node of the mesh has a position".into());
        return verdict;
    };
    let days = evidence.mesh.sky().relative(evidence.history.node());
    let today = daylight.day_of(evidence.at);
    let is_recent = |day: i64| day > today - 1 - RECENT_DAYS;
    let first_recent = days.partition_point(|(day, _)| !is_recent(*day));
    let (before, recent) = days.split_at(first_recent);
    if recent.len() < LEAST_RECENT || before.len() < LEAST_BEFORE {
        let (recent, before) = (recent.len(), before.len());
        unknown(format!(
            "too few days can be compared with the mesh: {recent} of the last seven and {before} before, of at least \
             {LEAST_RECENT} and {LEAST_BEFORE}"
        ));
        return verdict;
    }
    let values = |days: &[(i64, f64)]| days.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
    let (Some(now), Some(usual)) = (median(&mut values(recent)), median(&mut values(before))) else { return verdict };
    let mut deviations: Vec<f64> = values(before).iter().map(|value| (value - usual).abs()).collect();
    // The standard error of a median is 1.25 times that of a mean.
    let scatter = scatter(&mut deviations).unwrap_or_default().max(LEAST_SCATTER);
    let error = 1.25 * scatter * (1.0 / recent.len() as f64 + 1.0 / before.len() as f64).sqrt();
    let change = now - usual;
    let share = change.exp();
    panel.yield_percent_of_mesh = Some(100.0 * share);
    panel.yield_trend_percent_per_month = slope(days).map(|slope| 100.0 * ((slope * MONTH).exp() - 1.0));
    let code = FindingCode::PanelYieldLow;
    if share < evidence.threshold(code, LOW, CLEAR) && change < -SURE * error {
        let since = recent.first().map_or(evidence.at, |(day, _)| day * 86_400);
        let finding = Finding::new(code, FindingSeverity::Info, evidence.since(code, since));
        verdict.findings.push(finding.with("yieldPercentOfMesh", 100.0 * share));
    }
    verdict
}

/// The median slope between all pairs of days, per day.
fn slope(days: &[(i64, f64)]) -> Option<f64> {
    let pairs =
        days.iter().enumerate().flat_map(|(index, later)| days[..index].iter().map(move |earlier| (earlier, later)));
    let mut slopes: Vec<f64> =
        pairs.map(|(earlier, later)| (later.1 - earlier.1) / (later.0 - earlier.0).max(1) as f64).collect();
    median(&mut slopes)
}
