//! The sky as the panels of the mesh saw it, day by day, so that one panel can be compared with the others.

use std::collections::{BTreeMap, HashMap};

use isems_core::NodeId;

use super::median;
use crate::{History, Sun, discharge::DischargeCurve, nights::nights, reserve::full, rules::full_charge};

/// The least share of a day's sun after which a yield can be judged.
const LEAST_SUN: f64 = 0.25;

/// The least number of days of a node, and of nodes of a day, that can be compared.
const LEAST_DAYS: usize = 4;
const LEAST_NODES: usize = 3;

/// The number of times that days and nodes are held against each other: more changes nothing.
const ROUNDS: usize = 3;

const DAY: i64 = 86_400;

/// The yields of the panels of the mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sky {
    /// The yields of each node relative to the mesh's, by the number of the day since 1970: natural logarithms, whose
    /// median over the nodes of a day is zero.
    relative: HashMap<NodeId, Vec<(i64, f64)>>,
    /// By how much the battery of the median node rose, V, by day.
    rises: BTreeMap<i64, f64>,
}

impl Sky {
    /// Holds the yields of all nodes against each other. Each is judged by what its battery gained, so panels and
    /// batteries of any size compare.
    pub(super) fn of<'a>(
        nodes: impl IntoIterator<Item = (&'a History, Option<&'a DischargeCurve>)>,
        sun: Option<Sun>,
    ) -> Self {
        let Some(sun) = sun else { return Self::default() };
        let mut yields: HashMap<NodeId, Vec<(i64, f64)>> = HashMap::new();
        let mut rises: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (history, curve) in nodes {
            for rise in rises_of(history, sun) {
                rises.entry(rise.day).or_default().push(rise.volts);
            }
            let days = curve.map(|curve| gains(history, curve, sun)).unwrap_or_default();
            if days.len() >= LEAST_DAYS {
                yields.insert(history.node().clone(), days);
            }
        }
        // The yield of a node on a day is taken as the node's usual one times the day's: medians of the logarithms in
        // turn.
        for _ in 0..ROUNDS {
            for days in yields.values_mut() {
                let mut values: Vec<f64> = days.iter().map(|(_, value)| *value).collect();
                let usual = median(&mut values).unwrap_or_default();
                for (_, value) in days.iter_mut() {
                    *value -= usual;
                }
            }
            let mut of_days: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (day, value) in yields.values().flatten() {
                of_days.entry(*day).or_default().push(*value);
            }
            let of_days: BTreeMap<i64, f64> = of_days
                .into_iter()
                .filter(|(_, values)| values.len() >= LEAST_NODES)
                .filter_map(|(day, mut values)| Some((day, median(&mut values)?)))
                .collect();
            for days in yields.values_mut() {
                days.retain_mut(|(day, value)| of_days.get(day).map(|usual| *value -= usual).is_some());
            }
        }
        let rises = rises.into_iter().filter(|(_, rises)| rises.len() >= LEAST_NODES);
        let rises = rises.filter_map(|(day, mut rises)| Some((day, median(&mut rises)?))).collect();
        Self { relative: yields, rises }
    }

    /// Returns the yields of a node relative to the mesh's, by day, oldest first: natural logarithms.
    pub(crate) fn relative(&self, node: &NodeId) -> &[(i64, f64)] {
        self.relative.get(node).map_or(&[], Vec::as_slice)
    }

    /// Returns by how much the battery of the median node rose on a day, V; `None` for days on which too few were
    /// heard.
    pub(crate) fn rise(&self, day: i64) -> Option<f64> {
        self.rises.get(&day).copied()
    }
}

/// By how much a battery rose on a day: what a panel does to it, whatever its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rise {
    /// The number of the day since 1970 by mean solar time.
    pub(crate) day: i64,
    /// The voltage of the battery around noon less that before dawn, V.
    pub(crate) volts: f64,
    /// The voltage of the battery before dawn, V.
    pub(crate) before: f64,
    /// The highest voltage of the panel around noon, V.
    pub(crate) panel: f64,
}

/// Returns the rises of a node's battery, day by day, of the days on which it was heard before dawn and around noon.
pub(crate) fn rises_of(history: &History, sun: Sun) -> Vec<Rise> {
    let mut slots = history.slots();
    let (Some((first, _)), Some((last, _))) = (slots.next(), slots.next_back()) else { return Vec::new() };
    let voltage = |from: i64, to: i64| {
        let mut voltages: Vec<f64> =
            history.slots_between(from, to).filter_map(|(_, slot)| slot.battery_voltage()).collect();
        (voltages.len() >= 3).then(|| median(&mut voltages)).flatten()
    };
    let days = solar_day(first, sun)..=solar_day(last, sun);
    let rise = |day: i64| {
        let noon = day * DAY + DAY / 2 - (sun.longitude() * 240.0) as i64;
        let rise = sun.next_rise(noon - DAY / 2)?;
        let before = voltage(rise - 7200, rise)?;
        let (from, to) = (noon - 7200, noon + 7200);
        let panel = history.slots_between(from, to).filter_map(|(_, slot)| slot.panel_voltage()).fold(0.0, f64::max);
        Some(Rise { day, volts: voltage(from, to)? - before, before, panel })
    };
    days.filter_map(rise).collect()
}

/// Returns the number of the day since 1970 by mean solar time.
pub(crate) fn solar_day(time: i64, sun: Sun) -> i64 {
    (time + (sun.longitude() * 240.0) as i64).div_euclid(DAY)
}

/// Returns the logarithm of what each day gained, in seconds of load, per share of the day's sun that it took. A day
/// that filled the battery counts up to then.
fn gains(history: &History, curve: &DischargeCurve, sun: Sun) -> Vec<(i64, f64)> {
    let (nights, _) = nights(history, curve, curve.cut_off());
    let full = full(curve, &nights);
    let bright = full_charge::bright(history);
    let mut gains = Vec::new();
    for pair in nights.windows(2) {
        let (Some(left_at_dawn), Some(dawn)) = (pair[0].left_at_dawn, pair[0].load_on.or(pair[0].end)) else {
            continue;
        };
        let dusk = pair[1].begin;
        if !(DAY / 10..DAY * 9 / 10).contains(&(dusk - dawn)) {
            continue;
        }
        let mut slots = history.slots_between(dawn, dusk);
        let filled = slots.find(|(_, slot)| full_charge::is_full(slot, bright)).map(|(start, _)| start);
        let (until, left) = filled.map_or((dusk, pair[1].left_at_dusk), |filled| (filled, full));
        let gained = left - left_at_dawn + (until - dawn) as f64;
        let share = sunshine(sun, dawn, until) / sunshine(sun, dawn - DAY / 4, dusk + DAY / 4).max(f64::MIN_POSITIVE);
        if gained > 0.0 && share >= LEAST_SUN {
            gains.push((solar_day(dawn, sun), (gained / share).ln()));
        }
    }
    gains
}

/// The sun's height above the horizon, added up over a time: what a clear sky would give.
fn sunshine(sun: Sun, from: i64, to: i64) -> f64 {
    const STEP: i64 = 1800;
    let heights = (from / STEP..to / STEP).map(|step| sun.elevation(step * STEP).to_radians().sin().max(0.0));
    heights.sum()
}
