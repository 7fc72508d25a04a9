//! The most that anybody could know of a dirty panel: the true light on it, wherever a node's measurements hold light.
//!
//! Dirt is then hidden by nothing but the clouds that pass over one node and not over the others, and by the lack of
//! measurements: while nothing is heard, and, without a sensor for the current, while the battery takes less than the
//! panel gives.

use std::collections::{BTreeMap, BTreeSet};

use isems_core::{Measurement, NodeId, simulation::TrueMesh};
use isems_insight::{Slot, Sun};

const DAY: i64 = 86_400;

/// The least number of slots of a day.
const LEAST_SLOTS: usize = 6;

/// The slots in which passing clouds are still the same: they change within twenty minutes.
const SLOTS_OF_A_CLOUD: f64 = 4.0;

/// The logarithm of the light below which a panel is covered, and says nothing of dirt.
const COVERED: f64 = -1.2;

/// The days before, with which the last ones are compared, and the least number of them.
const DAYS_BEFORE: i64 = 32;
const LEAST_BEFORE: usize = 4;

/// The most days that are taken together, and the days that they may reach back.
const MOST_RECENT: usize = 6;
const LONGEST: i64 = 14;

/// The least deviation of a day: dust comes and goes.
const LEAST_DEVIATION: f64 = 0.02;

/// A kind of knowledge of the light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// All light while the node is heard.
    Heard,
    /// The light while the node is heard and the battery takes all that the panel gives.
    Charging,
}

/// A rule for saying that a panel is dirty: the least number of days, the fall of the logarithm of their light, and the
/// standard errors by which they must have fallen.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Threshold {
    pub(crate) days: usize,
    pub(crate) fall: f64,
    pub(crate) errors: f64,
}

impl Threshold {
    /// All that are tried.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for days in [1, 2, 3] {
            for fall in [0.12, 0.15, 0.18, 0.21] {
                all.extend([3.0, 4.0, 5.0, 6.0].map(|errors| Self { days, fall, errors }));
            }
        }
        all
    }
}

/// The true light of a mesh, and where it is known.
#[derive(Debug)]
pub(crate) struct TrueLight {
    sun: Sun,
    /// The logarithm of the light on each node by slot, in proportion to what a clean panel would get.
    light: BTreeMap<NodeId, BTreeMap<i64, f64>>,
    known: BTreeSet<(Known, NodeId, i64)>,
}

/// A day of a node: its number, the mean logarithm of its light, and the variance of that.
type Day = (i64, f64, f64);

impl TrueLight {
    pub(crate) fn new(sun: Sun) -> Self {
        Self { sun, light: BTreeMap::new(), known: BTreeSet::new() }
    }

    /// Takes in the light at this moment, and what has arrived of the last ones.
    pub(crate) fn observe(&mut self, mesh: &TrueMesh, arrived: &[Measurement]) {
        for measurement in arrived {
            let slot = measurement.timestamp.div_euclid(Slot::SECONDS);
            self.known.insert((Known::Heard, measurement.node_id.clone(), slot));
            if is_charging(measurement) {
                self.known.insert((Known::Charging, measurement.node_id.clone(), slot));
            }
        }
        // The last minute that was simulated belongs to the slot that ends now.
        let slot = (mesh.now() - 1).div_euclid(Slot::SECONDS);
        if self.sun.elevation(mesh.now()) > 3.0 {
            for node in mesh.ids() {
                if let Some(light) = mesh.light(node) {
                    self.light.entry(node.clone()).or_default().insert(slot, light.max(1e-6).ln());
                }
            }
        }
    }

    /// Returns the days of each node.
    pub(crate) fn days(&self, known: Known) -> BTreeMap<NodeId, Vec<Day>> {
        let mut by_day: BTreeMap<(i64, &NodeId), Vec<f64>> = BTreeMap::new();
        for (node, slots) in &self.light {
            for (slot, light) in slots {
                if self.known.contains(&(known, node.clone(), *slot)) {
                    by_day.entry((slot * Slot::SECONDS / DAY, node)).or_default().push(*light);
                }
            }
        }
        by_day.retain(|_, values| values.len() >= LEAST_SLOTS);
        let mut spreads: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for ((day, _), values) in &by_day {
            let mean = mean(values);
            spreads
                .entry(*day)
                .or_default()
                .push(values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64);
        }
        let mut days: BTreeMap<NodeId, Vec<Day>> = BTreeMap::new();
        for ((day, node), values) in &by_day {
            let mean = mean(values);
            let Some(spreads) = spreads.get_mut(day) else { continue };
            spreads.sort_unstable_by(f64::total_cmp);
            let variance = spreads[spreads.len() / 2] * SLOTS_OF_A_CLOUD / values.len() as f64;
            if mean > COVERED {
                days.entry((*node).clone()).or_default().push((*day, mean, variance + LEAST_DEVIATION.powi(2)));
            }
        }
        days
    }
}

/// Returns whether a measurement shows the panel with all of its light in use: the panel is above the battery, and the
/// battery below the voltage at which charging ends.
fn is_charging(measurement: &Measurement) -> bool {
    let (Some(battery), Some(panel), Some(end)) =
        (measurement.battery_voltage, measurement.mpp_voltage, measurement.temperature_corrected_voltage)
    else {
        return false;
    };
    panel > 13.0 && panel > battery && battery < end - 0.02
}

/// Returns whether a panel is said to be dirty on a day.
pub(crate) fn is_said(days: &[Day], today: i64, threshold: Threshold) -> bool {
    let end = days.partition_point(|(day, ..)| *day <= today);
    let days = &days[days.partition_point(|(day, ..)| *day < today - DAYS_BEFORE)..end];
    (threshold.days..=MOST_RECENT).any(|count| {
        let Some(split) = days.len().checked_sub(count).filter(|before| *before >= LEAST_BEFORE) else { return false };
        let (before, recent) = days.split_at(split);
        if recent[0].0 < today - LONGEST {
            return false;
        }
        let ((usual, of_usual), (now, of_now)) = (weighted(before), weighted(recent));
        let change = now - usual;
        change < -threshold.fall && change < -threshold.errors * (of_usual + of_now).sqrt()
    })
}

/// Returns the mean of some days, each as important as it is exact, and its variance.
fn weighted(days: &[Day]) -> (f64, f64) {
    let weight: f64 = days.iter().map(|(.., variance)| 1.0 / variance).sum();
    (days.iter().map(|(_, value, variance)| value / variance).sum::<f64>() / weight, 1.0 / weight)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
