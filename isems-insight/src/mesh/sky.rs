//! The sky as the panels of the mesh saw it, day by day, so that one panel can be compared with the others.

use std::collections::{BTreeMap, HashMap};

use isems_core::NodeId;

use super::daylight::Daylight;
use crate::{
    History, discharge::DischargeCurve, nights::nights, reserve::full, rules::full_charge, statistics::median,
};

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
    daylight: Option<Daylight>,
}

impl Sky {
    /// Holds the yields of all nodes against each other. Each is judged by what its battery gained, so panels and
    /// batteries of any size compare.
    pub(super) fn of<'a>(
        nodes: impl IntoIterator<Item = (&'a History, Option<&'a DischargeCurve>)>,
        daylight: Option<Daylight>,
    ) -> Self {
        let Some(light) = &daylight else { return Self::default() };
        let mut yields: HashMap<NodeId, Vec<(i64, f64)>> = HashMap::new();
        for (history, curve) in nodes {
            let days = curve.map(|curve| gains(history, curve, light)).unwrap_or_default();
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
        Self { relative: yields, daylight }
    }

    /// Returns the yields of a node relative to the mesh's, by day, oldest first: natural logarithms.
    pub(crate) fn relative(&self, node: &NodeId) -> &[(i64, f64)] {
        self.relative.get(node).map_or(&[], Vec::as_slice)
    }

    /// Returns the days of the mesh; `None` if no node has a position.
    pub(crate) fn daylight(&self) -> Option<&Daylight> {
        self.daylight.as_ref()
    }
}

/// Returns the logarithm of what each day gained, in seconds of load, per share of the day's sun that it took. A day
/// that filled the battery counts up to then.
fn gains(history: &History, curve: &DischargeCurve, daylight: &Daylight) -> Vec<(i64, f64)> {
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
        let Some(share) = daylight.share(dawn, until) else { continue };
        if gained > 0.0 && share >= LEAST_SUN {
            gains.push((daylight.day_of(dawn), (gained / share).ln()));
        }
    }
    gains
}
