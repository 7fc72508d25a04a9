//! Round steps, for axes and scales.

/// A step that is 1, 2 or 5 times a power of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundStep {
    digit: i64,
    exponent: i32,
}

impl RoundStep {
    /// Returns the smallest step of which not more than a number cover a width.
    pub(crate) fn at_most(count: i64, width: f64) -> Self {
        Self::at_least(width / count as f64)
    }

    /// Returns the smallest step that is not smaller than a number above 0.
    pub(crate) fn at_least(number: f64) -> Self {
        let exponent = number.log10().floor() as i32;
        let candidates = [1, 2, 5].map(|digit| Self { digit, exponent });
        // What rounding errors make a little smaller is still the same.
        let found = candidates.into_iter().find(|step| step.times(number) <= 1.0 + 1e-9);
        found.unwrap_or(Self { digit: 1, exponent: exponent + 1 })
    }

    /// Returns how many steps a value has.
    pub(crate) fn times(self, value: f64) -> f64 {
        value / self.digit as f64 * 10f64.powi(-self.exponent)
    }

    /// Returns a number of steps as a value, without the error of adding them up.
    pub(crate) fn value(self, count: i64) -> f64 {
        let whole = (count * self.digit) as f64;
        if self.exponent < 0 { whole / 10f64.powi(-self.exponent) } else { whole * 10f64.powi(self.exponent) }
    }

    /// Returns the multiples between two values.
    pub(crate) fn between(self, low: f64, high: f64) -> impl Iterator<Item = f64> {
        (self.times(low).ceil() as i64..=self.times(high).floor() as i64).map(move |count| self.value(count))
    }

    /// Returns the number of decimals of multiples.
    pub(crate) fn decimals(self) -> usize {
        self.exponent.min(0).unsigned_abs() as usize
    }

    /// Returns whether it is 5 times a power of ten.
    pub(crate) fn is_half(self) -> bool {
        self.digit == 5
    }
}
