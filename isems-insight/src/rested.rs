//! The parts of nights in which the voltage tells the charge: nothing charges, and the surface charge of the day is
//! gone.

use crate::{History, Slot};

/// The time after the last charging in which the surface charge still shows, seconds.
const RELAXING_SECONDS: i64 = 4 * 3600;

/// The least duration that a charge is told from, seconds.
const LEAST_SECONDS: i64 = 2 * 3600;

/// A hole of this length may hide that the battery was charged, seconds.
const HOLE_SECONDS: i64 = 2 * 3600;

/// The number of slots that are averaged at either end.
const SMOOTHED: usize = 3;

/// A part of a night in which the battery rested but for the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rest {
    /// The middle of the first and of the last slots, Unix seconds, UTC.
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// The voltages there, V.
    pub(crate) from_voltage: f64,
    pub(crate) to_voltage: f64,
    /// The mean temperature, degC; `None` without a sensor.
    pub(crate) temperature: Option<f64>,
}

impl Rest {
    /// Returns the duration, hours.
    pub(crate) fn hours(&self) -> f64 {
        (self.to - self.from) as f64 / 3600.0
    }
}

/// Returns the rests of a node from one time on and before another, oldest first.
pub(crate) fn rests(history: &History, from: i64, to: i64) -> Vec<Rest> {
    let mut rests = Vec::new();
    let mut resting: Vec<(i64, f64, Option<f64>)> = Vec::new();
    let mut rested_from: Option<i64> = None;
    let mut last = i64::MIN;
    let mut charging = 0;
    for (start, slot) in history.slots_between(from, to) {
        let (Some(voltage), Some(is_charging)) = (slot.battery_voltage(), slot.is_charging()) else { continue };
        if start.saturating_sub(last) > HOLE_SECONDS {
            rests.extend(rest(&resting));
            resting.clear();
            rested_from = None;
        }
        last = start;
        if is_charging {
            charging += 1;
            // A glimpse of the sun charges nothing.
            if charging > 1 {
                rests.extend(rest(&resting));
                resting.clear();
                rested_from = None;
            }
            continue;
        }
        charging = 0;
        if start - *rested_from.get_or_insert(start) >= RELAXING_SECONDS {
            resting.push((start + Slot::SECONDS / 2, voltage, slot.temperature()));
        }
    }
    rests.extend(rest(&resting));
    rests
}

/// Makes a rest of slots: the middle of each, its voltage and its temperature.
fn rest(slots: &[(i64, f64, Option<f64>)]) -> Option<Rest> {
    let mean = |slots: &[(i64, f64, Option<f64>)]| {
        let count = slots.len() as f64;
        let time = slots.iter().map(|(time, ..)| time).sum::<i64>() / slots.len() as i64;
        (time, slots.iter().map(|(_, voltage, _)| voltage).sum::<f64>() / count)
    };
    let (from, from_voltage) = mean(slots.first_chunk::<SMOOTHED>()?);
    let (to, to_voltage) = mean(slots.last_chunk::<SMOOTHED>()?);
    let temperatures: Vec<f64> = slots.iter().filter_map(|(.., temperature)| *temperature).collect();
    let temperature = (!temperatures.is_empty()).then(|| temperatures.iter().sum::<f64>() / temperatures.len() as f64);
    (to - from >= LEAST_SECONDS).then_some(Rest { from, to, from_voltage, to_voltage, temperature })
}
