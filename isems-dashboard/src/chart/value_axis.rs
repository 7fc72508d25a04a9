//! The axis of values.

use crate::{percent::percent, round_step::RoundStep};

/// The largest number of steps between ticks.
const STEPS: i64 = 6;

/// The largest number of units from the lowest to the highest tick.
const UNITS: i64 = 500;

/// No field has values as large as this.
const TOO_LARGE: f64 = 1e9;

/// The share of the values at each end that may be outliers.
const OUTLIERS: f64 = 0.02;

/// An outlier lies beyond the others by this many times the range that they span,
const FAR: f64 = 3.0;

/// and by this share of their size.
const CONSIDERABLE: f64 = 0.3;

/// Returns the values without the few that lie far from all others: an axis that covers them, too, would show the
/// others as a flat line.
pub(super) fn without_outliers(mut values: Vec<f64>) -> Vec<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let skipped = (values.len() as f64 * OUTLIERS) as usize;
    let usual = &values[skipped..values.len() - skipped];
    let (Some(low), Some(high)) = (usual.first().copied(), usual.last().copied()) else { return values };
    let room = (FAR * (high - low)).max(CONSIDERABLE * low.abs().max(high.abs()));
    values.retain(|value| (low - room..=high + room).contains(value));
    values
}

/// The axis of values, from one round number to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueAxis {
    step: RoundStep,
    lowest: i64,
    highest: i64,
    /// The values that a unit of the plot spans.
    unit: RoundStep,
    /// The units of the plot from the highest to the lowest tick.
    height: i64,
}

impl ValueAxis {
    /// Makes the axis that covers values, except those that are no numbers or absurd. Without any it is from 0 to 1.
    pub(super) fn covering(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.abs() < TOO_LARGE)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // A flat line lies in the middle, and its noise is not magnified to a mountain range.
        let least = (low.abs().max(high.abs()) * 0.02).max(1e-3);
        let (low, high) = if high - low < least {
            let middle = f64::midpoint(low, high);
            (middle - least / 2.0, middle + least / 2.0)
        } else {
            (low, high)
        };
        let mut step = RoundStep::at_most(STEPS, high - low);
        let bounds =
            |step: RoundStep| ((step.times(low) + 1e-6).floor() as i64, (step.times(high) - 1e-6).ceil() as i64);
        let (mut lowest, mut highest) = bounds(step);
        if highest - lowest > STEPS {
            step = RoundStep::at_most(STEPS - 1, (high - low) * 1.01);
            (lowest, highest) = bounds(step);
        }
        let unit = RoundStep::at_most(UNITS, step.value(highest) - step.value(lowest));
        let height = unit.times(step.value(highest) - step.value(lowest)).round() as i64;
        Self { step, lowest, highest, unit, height }
    }

    /// Returns the ticks, the lowest first.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = self.step;
        (self.lowest..=self.highest).map(move |count| step.value(count))
    }

    /// Returns the lowest and the highest value that are within the plot, with its margins.
    pub(super) fn edges(&self) -> (f64, f64) {
        let margin = self.unit.value(self.margin());
        (self.step.value(self.lowest) - margin, self.step.value(self.highest) + margin)
    }

    /// Returns the number of decimals of ticks.
    pub(super) fn decimals(&self) -> usize {
        self.step.decimals()
    }

    /// Returns the units of the plot between the highest and the lowest tick.
    pub(super) fn height(&self) -> i64 {
        self.height
    }

    /// Returns the units of the plot above the highest tick, and below the lowest.
    pub(super) fn margin(&self) -> i64 {
        self.height / 50 + 1
    }

    /// Returns where a value is in the plot, in units down from the highest tick.
    pub(super) fn units(&self, value: f64) -> i64 {
        let units = self.unit.times(self.step.value(self.highest) - value).round();
        (units as i64).clamp(-10 * UNITS, 10 * UNITS)
    }

    /// Returns where a value is, in percent of the height.
    pub(super) fn place(&self, value: f64) -> String {
        let margin = self.margin() as f64;
        let units = self.unit.times(self.step.value(self.highest) - value);
        percent((units + margin) / (self.height as f64 + 2.0 * margin))
    }

    /// Returns the distance of a text to a line at a value: above it, or below if there is no room.
    pub(super) fn beside(&self, value: f64) -> &'static str {
        if self.units(value) * 8 < self.height { "1.2em" } else { "-.4em" }
    }

    /// Returns the value of the highest tick as a number in a script.
    pub(super) fn top_text(&self) -> String {
        format!("{:.*}", self.step.decimals(), self.step.value(self.highest))
    }

    /// Returns the value of a unit as a number in a script.
    pub(super) fn unit_text(&self) -> String {
        format!("{:.*}", self.unit.decimals(), self.unit.value(1))
    }

    /// Returns the number of decimals that a value read from the plot has.
    pub(super) fn decimals_of_values(&self) -> usize {
        // Halves of a decimal do not justify another one.
        let halves = usize::from(self.unit.is_half());
        self.unit.decimals().saturating_sub(halves).max(self.step.decimals())
    }
}
