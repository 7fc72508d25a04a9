//! The nights of a node: when nothing charged, and what the battery held at their beginning and end.

use crate::{History, Slot, discharge::DischargeCurve};

/// The least duration of a night, seconds: shorter times without charging are clouds.
const LEAST_SECONDS: i64 = 4 * 3600;

/// The time after the end of charging at which the voltage first tells the charge, seconds.
const RELAXING_SECONDS: i64 = 5400;

/// A hole of this length that begins near the cut-off means that the load was off, seconds.
const HOLE_SECONDS: i64 = 1800;

/// The distance above the cut-off up to which the last voltage before the load goes off may lie, V: it is a mean over
/// some minutes, with noise.
const NEAR_CUT_OFF: f64 = 0.1;

/// The time that a night must have lasted to count as much as the curve, which is all nights before it, seconds.
const TRUST_IN_THE_CURVE: f64 = 4.0 * 3600.0;

/// A time in which nothing charged, from dusk to dawn, as far as the measurements tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Night {
    /// When charging ended, Unix seconds, UTC.
    pub(crate) begin: i64,
    /// When charging began again, Unix seconds, UTC. `None` if the node was silent then.
    pub(crate) end: Option<i64>,
    /// The time that the load could run from the beginning on, seconds.
    pub(crate) left_at_dusk: f64,
    /// The time that the load could still run at the end, seconds; 0 if it went off. `None` if the node was silent at
    /// the end.
    pub(crate) left_at_dawn: Option<f64>,
    /// When the load went off: the last measurement, Unix seconds, UTC.
    pub(crate) load_off: Option<i64>,
    /// When the load was back: the first measurement after that, Unix seconds, UTC.
    pub(crate) load_on: Option<i64>,
    /// The fall of the voltage after the surface charge was gone: from when to when, and what the curve gave for it
    /// before and after, seconds.
    pub(crate) course: Option<Course>,
}

/// The course of a night after the surface charge was gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    /// The time that passed, seconds.
    pub(crate) passed: f64,
    /// The time that the curve gave for the fall of the voltage, seconds.
    pub(crate) expected: f64,
}

/// Smoothed voltages of a night after the surface charge was gone.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    time: i64,
    voltage: f64,
}

/// A night whose end has not been found yet.
struct Open {
    begin: i64,
    readings: Vec<Reading>,
    last: i64,
    lowest: f64,
}

/// The night that has begun and is not over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tonight {
    /// When charging ended, Unix seconds, UTC.
    pub(crate) begin: i64,
    /// The course so far, if it is long enough to tell.
    pub(crate) course: Option<Course>,
}

impl Tonight {
    /// Returns how fast it passes, in comparison to the curve: above 1 if the battery lasts longer. Its own course
    /// counts more the longer it has lasted.
    pub(crate) fn pace(&self) -> f64 {
        self.course.map_or(1.0, |course| {
            ((course.passed + TRUST_IN_THE_CURVE) / (course.expected + TRUST_IN_THE_CURVE).max(1.0)).clamp(0.5, 2.0)
        })
    }
}

/// Returns the nights of a node that are over, oldest first, and the one that is not, if there is one.
pub(crate) fn nights(history: &History, curve: &DischargeCurve, cut_off: f64) -> (Vec<Night>, Option<Tonight>) {
    let mut nights = Vec::new();
    let mut open: Option<Open> = None;
    let mut charging_since = None;
    for (start, slot) in history.slots() {
        let (Some((first, last)), Some(voltage)) = (slot.offsets(), slot.battery_voltage()) else { continue };
        let (first, last) = (start + first, start + last);
        if let Some(night) = &mut open
            && first - night.last > HOLE_SECONDS
        {
            let was_near_cut_off = night.lowest < cut_off + NEAR_CUT_OFF;
            if was_near_cut_off {
                // The load went off; what follows, cut-offs in twilight included, is another night.
                let night = open.take().map(|open| open.close(curve, None, true, Some(first)));
                nights.extend(night.flatten());
            } else if first - night.last > LEAST_SECONDS {
                nights.extend(open.take().and_then(|open| open.close(curve, None, false, None)));
            }
        }
        match slot.is_charging() {
            Some(true) => {
                let since = *charging_since.get_or_insert(first);
                // A glimpse of the sun is no day.
                if start - since >= Slot::SECONDS
                    && let Some(night) = open.take()
                {
                    nights.extend(night.close(curve, Some(since), false, None));
                }
            }
            Some(false) => {
                charging_since = None;
                let night = open.get_or_insert_with(|| Open {
                    begin: first,
                    readings: Vec::new(),
                    last,
                    lowest: f64::INFINITY,
                });
                night.last = last;
                night.lowest = voltage;
                if start - night.begin >= RELAXING_SECONDS - Slot::SECONDS {
                    night.readings.push(Reading { time: i64::midpoint(first, last), voltage });
                }
            }
            None => {}
        }
    }
    let tonight = open.map(|open| Tonight { begin: open.begin, course: open.course(curve) });
    (nights, tonight)
}

impl Open {
    /// Returns the course since the surface charge was gone.
    fn course(&self, curve: &DischargeCurve) -> Option<Course> {
        let first = smoothed(self.readings.get(..3)?);
        let last = smoothed(&self.readings[self.readings.len() - 3..]);
        let passed = (last.time - first.time) as f64;
        let expected = curve.seconds_left(first.voltage) - curve.seconds_left(last.voltage);
        (passed >= 1800.0).then_some(Course { passed, expected })
    }

    /// Makes a night of it, unless it was too short to tell anything.
    fn close(self, curve: &DischargeCurve, end: Option<i64>, went_off: bool, load_on: Option<i64>) -> Option<Night> {
        if self.readings.len() < 3 || (!went_off && end.unwrap_or(self.last) - self.begin < LEAST_SECONDS) {
            return None;
        }
        let first = smoothed(&self.readings[..3.min(self.readings.len())]);
        let last = smoothed(&self.readings[self.readings.len().saturating_sub(3)..]);
        let left = |reading: Reading| curve.seconds_left(reading.voltage);
        let left_at_dawn =
            if went_off { Some(0.0) } else { end.map(|end| (left(last) - (end - last.time) as f64).max(0.0)) };
        Some(Night {
            begin: self.begin,
            end,
            left_at_dusk: left(first) + (first.time - self.begin) as f64,
            left_at_dawn,
            load_off: went_off.then_some(self.last),
            load_on,
            course: self.course(curve),
        })
    }
}

/// The mean of some readings.
fn smoothed(readings: &[Reading]) -> Reading {
    let count = readings.len().max(1);
    Reading {
        time: readings.iter().map(|reading| reading.time).sum::<i64>() / count as i64,
        voltage: readings.iter().map(|reading| reading.voltage).sum::<f64>() / count as f64,
    }
}

/// Returns the moments at which the load went off, oldest first: the last measurements before holes that begin near the
/// cut-off. What is silent at the end of the history is no hole.
pub(crate) fn load_offs(history: &History) -> Vec<i64> {
    let Some(cut_off) = crate::reserve::cut_off(history) else { return Vec::new() };
    let mut offs = Vec::new();
    let mut newest: Option<(i64, f64)> = None;
    for (start, slot) in history.slots() {
        let (Some((first, last)), Some(voltage)) = (slot.offsets(), slot.battery_voltage()) else { continue };
        if let Some((last, voltage)) = newest
            && start + first - last > HOLE_SECONDS
            && voltage < cut_off + NEAR_CUT_OFF
        {
            offs.push(last);
        }
        newest = Some((start + last, voltage));
    }
    offs
}
