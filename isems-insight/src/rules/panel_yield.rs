//! The rule of the panel's yield: whether it has fallen behind the other panels of the mesh.
//!
//! **Formula.** No current is measured, but each sweep tells the open-circuit voltage, which changes with the logarithm
//! of the light that reaches the cells: by 26 mV, times the ideality, with each factor of e. A quarter less light is
//! 0.3 V less of 21. Direct sun warms panels differently and shines on them at different angles, so only slots under
//! clouds count, which all panels see alike: those in which the panels deviate least from each other. The voltages of
//! all nodes and slots are split into what is usual for the node and what the slot gave to all, by medians in turn; the
//! median of what is left on a day is how the panel did against the others under the same sky. The last cloudy days are
//! compared with those before.
//!
//! Where no sweeps are known, the yield of a day is what the battery gained, in hours of load: what it could run at
//! dusk, less what it could run at dawn, and the day itself, up to where the battery was full, divided by the share of
//! the day's clear-sky sun that had shone until then; and split in the same way.
//!
//! The trend is the median of the slopes between all pairs of days (Theil and Sen).
//!
//! **Source.** The equation of the solar cell (Shockley and Queisser). All panels of a mesh see the same sky within the
//! hour, so clouds cancel; 20 % and more against the other panels is dirt, snow, shade or damage (observed behaviour of
//! the field).
//!
//! **Thresholds.** `panelYieldLow`: the last two, three, four or six cloudy days within 14 days, which span two days or
//! more, each below the median of those before, at least four, by 10 %, and their median by 17 % (cleared when it is
//! less than 9 %) and by four times its standard error. By the battery alone: 60 % of the usual (cleared above 74 %)
//! and five standard errors below it, three of the last seven days and six before.
//!
//! **Limits.** A panel is compared with its own month before, so one that has been poor for weeks reads as usual. Dirt
//! that lies on a few cells only changes the voltage less than the power. At least four nodes must be in the light at
//! the same time, with batteries that are not full.

use super::Verdict;
use crate::{
    Evidence, Finding, FindingCode, FindingSeverity, Panel, Unknown, UnknownReason,
    statistics::{median, scatter},
};

/// The numbers of cloudy days that are compared with those before, the days that they may reach back, and the days that
/// they must span.
const RECENT_CLOUDY: [usize; 4] = [2, 3, 4, 6];
const LONGEST: i64 = 14;
const SHORTEST: i64 = 2;
const LEAST_CLOUDY_BEFORE: usize = 4;

/// The logarithms of the yield that each of these days, and their median, must be below; the latter raised and cleared.
const EACH: f64 = -0.10;
const LOW: (f64, f64) = (-0.18, -0.09);

/// The number of standard errors by which it must be low, and the least scatter of a day: nothing is measured better.
const SURE: f64 = 4.0;
const LEAST_SCATTER: f64 = 0.03;

/// The logarithm of the light of a panel that is covered: such a day says nothing of dirt.
const COVERED: f64 = -1.2;

/// The days whose gains are compared with those before, and the least numbers of them.
const RECENT_DAYS: i64 = 7;
const LEAST_RECENT: usize = 3;
const LEAST_BEFORE: usize = 6;

/// The logarithm of the yield by gains below which it is said, and above which that ends, and the standard errors.
const LOW_BY_GAINS: (f64, f64) = (-0.51, -0.3);
const SURE_BY_GAINS: f64 = 5.0;
const LEAST_SCATTER_OF_GAINS: f64 = 0.05;

/// The most days between which slopes are taken.
const MONTH: f64 = 30.0;

/// A day and the logarithm of its yield.
type DayYield = (i64, f64);

/// A change of the yield.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// The logarithm of the yield, relative to the days before.
    log: f64,
    /// Its standard error.
    error: f64,
    /// The first of the days.
    since: i64,
    /// The least low of the days.
    highest: f64,
}

impl Change {
    /// Compares the last days with those before. `None` if there are none.
    fn between(before: &[DayYield], recent: &[DayYield], least_scatter: f64) -> Option<Self> {
        let values = |days: &[DayYield]| days.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
        let usual = median(&mut values(before))?;
        let now = median(&mut values(recent))?;
        let scatter = scatter(&mut before.iter().map(|(_, value)| (value - usual).abs()).collect::<Vec<f64>>())?;
        // The standard error of a median is 1.25 times that of a mean.
        let error = 1.25 * scatter.max(least_scatter) * (1.0 / recent.len() as f64 + 1.0 / before.len() as f64).sqrt();
        let highest = values(recent).into_iter().fold(f64::NEG_INFINITY, f64::max) - usual;
        Some(Self { log: now - usual, error, since: recent.first()?.0, highest })
    }
}

/// Judges the yield.
pub(super) fn judge(evidence: &Evidence<'_>, panel: &mut Panel) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let sky = evidence.mesh.sky();
    let Some(daylight) = sky.daylight() else {
        let reason = UnknownReason::NoPosition;
        verdict.unknown.push(Unknown { what: "panel.yieldPercentOfMesh", reason });
        return verdict;
    };
    let today = daylight.day_of(evidence.at);
    let node = evidence.history.node();
    let cloudy: Vec<DayYield> = evidence
        .mesh
        .light()
        .of_node(node)
        .map_or_else(Vec::new, |light| light.days.iter().copied().filter(|(_, value)| *value > COVERED).collect());
    let by_light = changes_of_light(&cloudy, today);
    let by_gains = change_of_gains(sky.relative(node), today);
    let is_raised = evidence.previous(FindingCode::PanelYieldLow).is_some();
    let low = if is_raised { LOW.1 } else { LOW.0 };
    let is_low = |change: &&Change| {
        change.log < low && (is_raised || change.log < -SURE * change.error && change.highest < EACH)
    };
    let low_by_gains = if is_raised { LOW_BY_GAINS.1 } else { LOW_BY_GAINS.0 };
    let is_low_by_gains = |change: &Change| change.log < low_by_gains && change.log < -SURE_BY_GAINS * change.error;
    let said = by_light.iter().rfind(is_low).copied().or_else(|| by_gains.filter(is_low_by_gains));
    // What is said is shown; else the newest days, if they are more than one.
    let shown = said.or_else(|| by_light.get(1).or(by_light.first()).copied()).or(by_gains);
    let Some(shown) = shown else {
        let reason = UnknownReason::FewDays { cloudy: cloudy.len(), gains: sky.relative(node).len() };
        verdict.unknown.push(Unknown { what: "panel.yieldPercentOfMesh", reason });
        return verdict;
    };
    panel.yield_percent_of_mesh = Some(100.0 * shown.log.exp());
    let days = if by_light.is_empty() { sky.relative(node) } else { &cloudy };
    panel.yield_trend_percent_per_month = slope(days).map(|slope| 100.0 * ((slope * MONTH).exp() - 1.0));
    if let Some(said) = said {
        let code = FindingCode::PanelYieldLow;
        let since = evidence.since(code, daylight.noon(said.since));
        let finding = Finding::new(code, FindingSeverity::Info, since);
        verdict.findings.push(finding.with("yieldPercentOfMesh", 100.0 * said.log.exp()));
    }
    verdict
}

/// Returns how the last cloudy days differ from those before, by the number of the days.
fn changes_of_light(days: &[DayYield], today: i64) -> Vec<Change> {
    let change = |recent: usize| {
        let split = days.len().checked_sub(recent).filter(|before| *before >= LEAST_CLOUDY_BEFORE)?;
        let (before, recent) = days.split_at(split);
        let (first, last) = (recent.first()?.0, recent.last()?.0);
        let is_known = first >= today - LONGEST && last - first >= SHORTEST;
        is_known.then(|| Change::between(before, recent, LEAST_SCATTER)).flatten()
    };
    RECENT_CLOUDY.into_iter().filter_map(change).collect()
}

/// Returns how the gains of the last days differ from those before.
fn change_of_gains(days: &[DayYield], today: i64) -> Option<Change> {
    let split = days.partition_point(|(day, _)| *day <= today - 1 - RECENT_DAYS);
    let (before, recent) = days.split_at(split);
    let is_known = recent.len() >= LEAST_RECENT && before.len() >= LEAST_BEFORE;
    is_known.then(|| Change::between(before, recent, LEAST_SCATTER_OF_GAINS)).flatten()
}

/// The median slope between all pairs of days, per day.
fn slope(days: &[DayYield]) -> Option<f64> {
    let pairs =
        days.iter().enumerate().flat_map(|(index, later)| days[..index].iter().map(move |earlier| (earlier, later)));
    let mut slopes: Vec<f64> =
        pairs.map(|(earlier, later)| (later.1 - earlier.1) / (later.0 - earlier.0).max(1) as f64).collect();
    median(&mut slopes)
}
