//! The recent course of a node's battery.

use crate::{History, Slot};

/// The battery voltage of the last day in steps of half an hour: what fits into a picture the size of a word.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// The means of the steps, V, oldest first; `None` where nothing was measured. The last step is under way.
    pub voltages: Vec<Option<f64>>,
}

impl Course {
    /// The length of a step, seconds. Steps begin at multiples of it.
    pub const STEP_SECONDS: i64 = 3 * Slot::SECONDS;

    /// The number of steps.
    pub const STEPS: usize = 48;

    /// Returns the course that ends at an instant, Unix seconds, UTC.
    pub(crate) fn of(history: &History, at: i64) -> Self {
        let end = (at.div_euclid(Self::STEP_SECONDS) + 1) * Self::STEP_SECONDS;
        let start = end - Self::STEPS as i64 * Self::STEP_SECONDS;
        let mut sums = [(0.0, 0.0); Self::STEPS];
        for (time, slot) in history.slots_between(start, end) {
            if let Some(voltage) = slot.battery_voltage() {
                let (sum, count) = &mut sums[((time - start) / Self::STEP_SECONDS) as usize];
                *sum += voltage;
                *count += 1.0;
            }
        }
        Self { voltages: sums.iter().map(|(sum, count)| (*count > 0.0).then(|| sum / count)).collect() }
    }

    /// Returns the lowest and the highest voltage, V.
    pub fn extremes(&self) -> Option<(f64, f64)> {
        let mut known = self.voltages.iter().flatten().copied();
        let first = known.next()?;
        Some(known.fold((first, first), |(low, high), voltage| (low.min(voltage), high.max(voltage))))
    }
}
