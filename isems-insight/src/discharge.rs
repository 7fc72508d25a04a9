//! The discharge curve of a node: how long its battery takes to fall from one voltage to another while nothing charges
//! it.

use crate::{History, Slot, statistics::median};

/// The width of a step of voltage, V.
const STEP: f64 = 0.02;

/// The highest voltage above the cut-off that the curve reaches, V. Above it, the surface charge decides.
const REACH: f64 = 1.5;

const STEPS: usize = (REACH / STEP) as usize;

/// The number of slots over which a fall of the voltage is measured: noise of some millivolts counts less over a longer
/// time.
const SPAN: usize = 3;

/// The number of slots after the end of charging in which the surface charge still decides the voltage.
const RELAXING: usize = 6;

/// The distance over which what was seen at one voltage speaks for another, V.
const REACH_OF_A_FALL: f64 = 0.03;

/// The weight of the shape of the mesh against what the node itself showed at a voltage, in hours of discharge.
const SHAPE_HOURS: f64 = 1.5;

/// The age at which a night counts half, days.
const HALF_LIFE_DAYS: f64 = 10.0;

/// The least time of discharge that a curve is learned from, hours.
const LEAST_HOURS: f64 = 4.0;

/// A fall of the voltage while nothing charged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fall {
    /// The middle of it, Unix seconds, UTC.
    pub(crate) at: i64,
    /// The voltage at its beginning and at its end, V.
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Fall {
    /// The duration, seconds.
    pub(crate) const SECONDS: f64 = (SPAN as i64 * Slot::SECONDS) as f64;
}

/// Returns the falls of a node's voltage before a time, oldest first, without those in which the surface charge
/// decides.
pub(crate) fn falls(history: &History, from: i64, to: i64) -> Vec<Fall> {
    let mut falls = Vec::new();
    let mut run: Vec<f64> = Vec::new();
    let mut charging = 0;
    let mut age = 0;
    for (start, slot) in history.slots_between(from, to) {
        match (slot.battery_voltage(), slot.is_charging()) {
            (Some(voltage), Some(false)) => {
                charging = 0;
                age += 1;
                if age > RELAXING {
                    run.push(voltage);
                }
            }
            (_, Some(true)) => {
                charging += 1;
                run.clear();
                // A glimpse of the sun charges nothing.
                if charging > 1 {
                    age = 0;
                }
            }
            _ => run.clear(),
        }
        if run.len() == 2 * SPAN {
            let mean = |slots: &[f64]| slots.iter().sum::<f64>() / SPAN as f64;
            let at = start + Slot::SECONDS - SPAN as i64 * Slot::SECONDS;
            falls.push(Fall { at, from: mean(&run[..SPAN]), to: mean(&run[SPAN..]) });
            run.drain(..SPAN);
        }
    }
    falls
}

/// The typical form of a discharge curve, relative to its own mean: how much more or less time a step of voltage takes
/// than the steps from 0.2 to 0.6 V above the cut-off.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape([f64; STEPS]);

impl Default for Shape {
    /// A lead-acid battery's voltage falls evenly with its charge, but faster near its end, and the surface charge on
    /// top of it is gone soon.
    fn default() -> Self {
        let relative = |step: usize| {
            let above = (step as f64 + 0.5) * STEP;
            let near_end = (0.55 + 1.5 * above).min(1.0);
            let on_top = 1.0 - ((above - 0.75) / 0.4).clamp(0.0, 0.8);
            near_end * on_top
        };
        Self(std::array::from_fn(relative))
    }
}

impl Shape {
    /// Returns the mean form of some curves, each with the default form where it is not known itself.
    pub(crate) fn of<'a>(curves: impl IntoIterator<Item = &'a DischargeCurve>) -> Self {
        let mut seen: Vec<Vec<f64>> = vec![Vec::new(); STEPS];
        for curve in curves {
            let Some(level) = level(&curve.seconds) else { continue };
            for (step, seen) in seen.iter_mut().enumerate() {
                if curve.known[step] >= SHAPE_HOURS {
                    seen.push(curve.seconds[step] / level);
                }
            }
        }
        let mut shape = Self::default();
        for (relative, seen) in shape.0.iter_mut().zip(&mut seen) {
            // Three nodes outweigh the default.
            let count = seen.len() as f64;
            if let Some(middle) = median(seen) {
                *relative = (*relative + middle * count) / (1.0 + count);
            }
        }
        shape
    }
}

/// The mean time of the steps from 0.2 to 0.6 V above the cut-off, seconds.
fn level(seconds: &[f64; STEPS]) -> Option<f64> {
    let steps = (0.2 / STEP) as usize..(0.6 / STEP) as usize;
    let mean = seconds[steps.clone()].iter().sum::<f64>() / steps.len() as f64;
    (mean.is_finite() && mean > 0.0).then_some(mean)
}

/// The time that a node's battery takes to fall to the cut-off, by the voltage under load.
///
/// The load is nearly constant, so the voltage takes nearly the same curve each night, only begun at another place. The
/// time that each step of voltage takes is the time of all falls around it divided by their depths: noise of the
/// voltage cancels. Recent nights count more. Where the node has hardly been, the [`Shape`] of the mesh's curves stands
/// in, at the node's own level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DischargeCurve {
    cut_off: f64,
    /// The time that each step above the cut-off takes, seconds.
    seconds: [f64; STEPS],
    /// The hours of falls behind each step.
    known: [f64; STEPS],
}

impl DischargeCurve {
    /// Learns the curve from falls. `None` if there are less than four hours of them within its reach.
    pub(crate) fn learn(falls: &[Fall], cut_off: f64, at: i64, shape: &Shape) -> Option<Self> {
        let reach = cut_off - 0.1..cut_off + REACH;
        let (mut times, mut depths, mut known) = ([0.0; STEPS], [0.0; STEPS], [0.0; STEPS]);
        let (mut all_times, mut all_depths, mut hours) = (0.0, 0.0, 0.0);
        for fall in falls {
            let middle = fall.from.midpoint(fall.to);
            if !reach.contains(&middle) {
                continue;
            }
            let age = (at - fall.at).max(0) as f64 / 86_400.0;
            let weight = 0.5_f64.powf(age / HALF_LIFE_DAYS);
            let above = middle - cut_off;
            let expected = shape.0[step_of(above)];
            // What this fall would have been in time at the level of the steps in the middle.
            all_times += weight * Fall::SECONDS;
            all_depths += weight * (fall.from - fall.to) * expected;
            hours += weight * Fall::SECONDS / 3600.0;
            let nearby = (3.0 * REACH_OF_A_FALL / STEP) as usize;
            let centre = step_of(above);
            for step in centre.saturating_sub(nearby)..(centre + nearby + 1).min(STEPS) {
                let distance = ((step as f64 + 0.5) * STEP - above) / REACH_OF_A_FALL;
                let weight = weight * (-0.5 * distance * distance).exp();
                times[step] += weight * Fall::SECONDS;
                depths[step] += weight * (fall.from - fall.to);
                known[step] += weight * Fall::SECONDS / 3600.0;
            }
        }
        // A battery that does not fall at all while nothing charges it has no curve.
        if hours < LEAST_HOURS || all_depths <= 0.001 * hours {
            return None;
        }
        let level = all_times / all_depths;
        let mut seconds = [0.0; STEPS];
        for step in 0..STEPS {
            let assumed = SHAPE_HOURS * 3600.0;
            let per_volt = level * shape.0[step];
            let depth = depths[step] + assumed / per_volt;
            // Between a quarter and four times of what the shape says: more can only be noise.
            let measured = if depth > 0.0 { (times[step] + assumed) / depth } else { 4.0 * per_volt };
            seconds[step] = measured.clamp(0.25 * per_volt, 4.0 * per_volt) * STEP;
        }
        Some(Self { cut_off, seconds, known })
    }

    /// Returns the voltage below which the load is cut, V.
    pub(crate) fn cut_off(&self) -> f64 {
        self.cut_off
    }

    /// Returns the time from a voltage to the cut-off, seconds; 0 below the cut-off. Above its reach, the time from
    /// there.
    pub(crate) fn seconds_left(&self, voltage: f64) -> f64 {
        let steps = ((voltage - self.cut_off) / STEP).clamp(0.0, STEPS as f64);
        let whole = steps as usize;
        let part = self.seconds.get(whole).map_or(0.0, |seconds| seconds * (steps - whole as f64));
        self.seconds[..whole].iter().sum::<f64>() + part
    }
}

fn step_of(above: f64) -> usize {
    ((above / STEP).max(0.0) as usize).min(STEPS - 1)
}
