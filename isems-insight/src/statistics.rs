//! Robust statistics: single odd values do not move them.

/// The median of the absolute deviation of a normal distribution, in standard deviations.
const DEVIATION_OF_NORMAL: f64 = 0.674_5;

/// Returns the median of finite numbers, the upper one of two; `None` of none. Their order changes.
pub(crate) fn median(numbers: &mut [f64]) -> Option<f64> {
    let middle = numbers.len() / 2;
    (!numbers.is_empty()).then(|| *numbers.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Returns the standard deviation of a normal distribution with the median of these absolute deviations; `None` of
/// none. Their order changes.
pub(crate) fn scatter(deviations: &mut [f64]) -> Option<f64> {
    Some(median(deviations)? / DEVIATION_OF_NORMAL)
}
