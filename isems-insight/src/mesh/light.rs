//! The light that reaches each panel, compared with the other panels of the mesh under the same sky.

use std::collections::HashMap;

use isems_core::NodeId;

use super::daylight::Daylight;
use crate::{History, Slot, Sun, lead_acid, rules::full_charge, statistics::median};

/// The change of the logarithm of the open-circuit voltage with that of the light, under clouds. A cell's voltage
/// changes by 26 mV, times an ideality of 1.2, with each factor of e, and has 0.55 V; less light also warms it less,
/// which takes a fifth of that away.
const VOLTS_BY_LIGHT: f64 = 0.048;

/// The panel voltage below which no controller sweeps, with a margin, V.
const LEAST_PANEL: f64 = 13.3;

/// The distance to the charge end voltage within which no controller sweeps, with a margin, V.
const BELOW_END: f64 = 0.1;

/// The elevation of the sun above which panels are compared, and above which none should be dark, degrees.
const LOWEST_SUN: f64 = 3.0;
const HIGH_SUN: f64 = 8.0;

/// The least number of nodes that make a comparison.
const LEAST_NODES: usize = 4;

/// A slot is dull if the logarithms of the voltages deviate by less than the first from each other, as panels that face
/// different ways do only where there is no direct sun, and lie lower than the brightest by the second.
const DULL: (f64, f64) = (0.010, 0.03);

/// The least number of dull slots that make a day.
const LEAST_SLOTS: usize = 6;

/// The logarithm of a voltage below which the panel is dark: a quarter of the light is left.
const DARK: f64 = -0.08;

/// The width of a step of the sun's azimuth, degrees.
pub(crate) const AZIMUTH_STEP: f64 = 15.0;
const AZIMUTHS: usize = 24;

/// The days in which the sun's azimuths are looked at.
const SHADE_DAYS: i64 = 21;

/// The light of the panels of the mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Light(HashMap<NodeId, NodeLight>);

/// The light of a panel relative to the mesh's.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NodeLight {
    /// The logarithm of the light on days with clouds, relative to what is usual for the panel, by the number of the
    /// day since 1970, oldest first.
    pub(crate) days: Vec<(i64, f64)>,
    /// The days on which the other panels were in the light while the battery was not full, oldest first.
    pub(crate) dark_days: Vec<DarkDay>,
    /// The logarithm of the voltage in the direct sun less that under clouds, by the sun's azimuth, and the number of
    /// slots.
    pub(crate) in_sun: [Option<(f64, usize)>; AZIMUTHS],
}

/// A day of a panel, in slots in which the other panels were in the light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DarkDay {
    /// The number of the day since 1970 by mean solar time.
    pub(crate) day: i64,
    /// The number of slots, and of those in which the panel was dark.
    pub(crate) slots: u32,
    pub(crate) dark: u32,
    /// The highest voltage of the panel, V.
    pub(crate) panel: f64,
}

/// A value of a node in a slot, by the number of the slot.
type Value = (usize, f64);

impl Light {
    /// Compares the panels in the days of the mesh before a time.
    pub(super) fn of(histories: &[&History], sun: Sun, daylight: &Daylight, at: i64) -> Self {
        let from = (at - History::DAYS * 86_400).div_euclid(Slot::SECONDS) * Slot::SECONDS;
        let slots = ((at - from) / Slot::SECONDS) as usize;
        let time = |slot: usize| from + slot as i64 * Slot::SECONDS;
        let suns: Vec<_> = (0..slots).map(|slot| sun.position(time(slot) + Slot::SECONDS / 2)).collect();
        let values: Vec<Vec<Value>> = histories
            .iter()
            .map(|history| {
                let with_sun = history.slots_between(from, at).filter_map(|(start, slot)| {
                    let index = ((start - from) / Slot::SECONDS) as usize;
                    let is_up = suns.get(index)?.elevation > LOWEST_SUN;
                    Some((index, swept(slot).filter(|_| is_up)?.ln()))
                });
                inner(&with_sun.collect::<Vec<Value>>())
            })
            .collect();
        let (usual, mesh) = compare(&values, slots, |_| true);
        let spreads = spreads(&values, &usual, &mesh, slots);
        let mut levels: Vec<f64> = mesh.iter().flatten().copied().collect();
        if levels.is_empty() {
            return Self::default();
        }
        let place = levels.len() * 19 / 20;
        let brightest = *levels.select_nth_unstable_by(place, f64::total_cmp).1;
        let is_dull = |slot: usize| {
            spreads[slot].is_some_and(|spread| spread < DULL.0)
                && mesh[slot].is_some_and(|level| level < brightest - DULL.1)
        };
        let (usual_dull, mesh_dull) = compare(&values, slots, is_dull);
        let nodes = histories.iter().enumerate().map(|(node, history)| {
            let mut light = NodeLight::default();
            let own = &values[node];
            if let Some(usual) = usual_dull[node] {
                let dull = own.iter().filter_map(|(slot, value)| {
                    Some((daylight.day_of(time(*slot)), (value - usual - mesh_dull[*slot]?) / VOLTS_BY_LIGHT))
                });
                light.days = medians_of_days(dull);
                let first = at - SHADE_DAYS * 86_400;
                let mut by_azimuth = vec![Vec::new(); AZIMUTHS];
                for (slot, value) in own.iter().filter(|(slot, _)| time(*slot) >= first) {
                    let is_sunny = spreads[*slot].is_some_and(|spread| spread >= DULL.0);
                    if let Some(level) = mesh[*slot].filter(|_| is_sunny) {
                        by_azimuth[azimuth_of(suns[*slot].azimuth)].push(value - usual - level);
                    }
                }
                light.in_sun = std::array::from_fn(|azimuth| {
                    let count = by_azimuth[azimuth].len();
                    Some((median(&mut by_azimuth[azimuth])?, count))
                });
            }
            let is_high = |slot: usize| suns[slot].elevation > HIGH_SUN && mesh[slot].is_some();
            // A node that never swept would always seem dark.
            if let Some(usual) = usual[node] {
                light.dark_days = dark_days(history, from, time(slots), daylight, is_high, |slot, value| {
                    mesh[slot].is_some_and(|level| value - usual - level < DARK)
                });
            }
            (history.node().clone(), light)
        });
        Self(nodes.collect())
    }

    /// Returns the light of a node.
    pub(crate) fn of_node(&self, node: &NodeId) -> Option<&NodeLight> {
        self.0.get(node)
    }
}

fn azimuth_of(azimuth: f64) -> usize {
    (azimuth / AZIMUTH_STEP) as usize % AZIMUTHS
}

/// Returns the open-circuit voltage that was measured in a slot: controllers sweep only while there is light and the
/// battery can take what the panel gives, and show an old one else.
fn swept(slot: &Slot) -> Option<f64> {
    let (battery, panel, open) = (slot.battery_voltage()?, slot.panel_voltage()?, slot.open_circuit_voltage()?);
    let batteries = lead_acid::batteries(battery);
    let is_in_light = panel > LEAST_PANEL * batteries && panel > battery && open > panel;
    (is_in_light && is_below_end(slot, BELOW_END)?).then_some(open)
}

/// Returns the values in slots whose neighbours have one, too: in others, the mean may hold what was shown before the
/// first sweep or after the last.
fn inner(values: &[Value]) -> Vec<Value> {
    let with_neighbours = values.windows(3).filter(|three| three[2].0 - three[0].0 == 2);
    with_neighbours.map(|three| three[1]).collect()
}

/// Returns whether the battery is below the charge end voltage by some volts.
fn is_below_end(slot: &Slot, volts: f64) -> Option<bool> {
    let voltage = lead_acid::voltage_of_one(slot.battery_voltage()?);
    Some(voltage < full_charge::charge_end_voltage(slot.temperature()) - volts)
}

/// Splits values into what is usual for each node and what each slot gave to all, by medians in turn.
fn compare(
    values: &[Vec<Value>],
    slots: usize,
    is_compared: impl Fn(usize) -> bool,
) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let mut usual: Vec<Option<f64>> = vec![None; values.len()];
    let mut mesh: Vec<Option<f64>> = (0..slots).map(|slot| is_compared(slot).then_some(0.0)).collect();
    let mut by_slot: Vec<Vec<f64>> = vec![Vec::new(); slots];
    for _ in 0..2 {
        for slot in &mut by_slot {
            slot.clear();
        }
        for (own, usual) in values.iter().zip(&mut usual) {
            let mut rest: Vec<f64> = own.iter().filter_map(|(slot, value)| Some(value - mesh[*slot]?)).collect();
            *usual = (rest.len() >= LEAST_SLOTS).then(|| median(&mut rest)).flatten();
            let Some(usual) = usual else { continue };
            for (slot, value) in own.iter().filter(|(slot, _)| mesh[*slot].is_some()) {
                by_slot[*slot].push(value - *usual);
            }
        }
        for (level, rest) in mesh.iter_mut().zip(&mut by_slot) {
            *level = (rest.len() >= LEAST_NODES).then(|| median(rest)).flatten();
        }
    }
    (usual, mesh)
}

/// Returns how far the nodes deviate from each other in each slot.
fn spreads(values: &[Vec<Value>], usual: &[Option<f64>], mesh: &[Option<f64>], slots: usize) -> Vec<Option<f64>> {
    let mut by_slot: Vec<Vec<f64>> = vec![Vec::new(); slots];
    for (own, usual) in values.iter().zip(usual) {
        let Some(usual) = usual else { continue };
        for (slot, value) in own {
            if let Some(level) = mesh[*slot] {
                by_slot[*slot].push((value - usual - level).abs());
            }
        }
    }
    by_slot.iter_mut().map(|deviations| median(deviations)).collect()
}

/// Returns the medians of days with enough values; days in order.
fn medians_of_days(values: impl Iterator<Item = (i64, f64)>) -> Vec<(i64, f64)> {
    let mut days: Vec<(i64, Vec<f64>)> = Vec::new();
    for (day, value) in values {
        match days.last_mut() {
            Some((last, values)) if *last == day => values.push(value),
            _ => days.push((day, vec![value])),
        }
    }
    let days = days.into_iter().filter(|(_, values)| values.len() >= LEAST_SLOTS);
    days.filter_map(|(day, mut values)| Some((day, median(&mut values)?))).collect()
}

/// Counts the slots of each day in which a panel was dark while others were in the light.
fn dark_days(
    history: &History,
    from: i64,
    to: i64,
    daylight: &Daylight,
    is_compared: impl Fn(usize) -> bool,
    is_dark: impl Fn(usize, f64) -> bool,
) -> Vec<DarkDay> {
    let mut days: Vec<DarkDay> = Vec::new();
    for (start, slot) in history.slots_between(from, to) {
        let index = ((start - from) / Slot::SECONDS) as usize;
        let (true, Some(panel)) = (is_compared(index), slot.panel_voltage()) else { continue };
        // A full battery leaves the panel alone.
        if is_below_end(slot, 3.0 * BELOW_END) != Some(true) {
            continue;
        }
        let is_dark = swept(slot).is_none_or(|open| is_dark(index, open.ln()));
        let day = daylight.day_of(start);
        if days.last().is_none_or(|last| last.day != day) {
            days.push(DarkDay { day, slots: 0, dark: 0, panel: 0.0 });
        }
        if let Some(last) = days.last_mut() {
            last.slots += 1;
            last.dark += u32::from(is_dark);
            last.panel = last.panel.max(panel);
        }
    }
    days
}
