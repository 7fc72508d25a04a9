//! The forecast in a chart.

use super::{Chart, path::Path, value_axis::ValueAxis};

/// A point of a forecast: Unix seconds, UTC, and the value.
type Point = (i64, f64);

/// A forecast that continues the first line. Its interval lies between two courses, and may be one of values, of times,
/// or of both.
#[derive(Debug, Clone, Copy)]
pub struct Forecast<'a> {
    /// The most likely course. It begins where the line ends.
    pub expected: &'a [(i64, f64)],
    /// One border of the interval: the course in which everything comes as early as is likely.
    pub earliest: &'a [(i64, f64)],
    /// The other border: the course in which everything comes as late as is likely.
    pub latest: &'a [(i64, f64)],
}

impl Forecast<'_> {
    /// Returns all values.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.expected.iter().chain(self.earliest).chain(self.latest).map(|(_, value)| *value)
    }

    /// Returns the last points of the earliest, the most likely, and the latest course.
    pub(super) fn ends(&self) -> Option<[Point; 3]> {
        Some([*self.earliest.last()?, *self.expected.last()?, *self.latest.last()?])
    }
}

/// A forecast as it is drawn.
pub(super) struct ForecastPaths {
    pub(super) expected: Path,
    pub(super) interval: Path,
}

impl ForecastPaths {
    pub(super) fn new(forecast: &Forecast<'_>, chart: &Chart<'_>, axis: &ValueAxis) -> Self {
        let place = |(time, value): &Point| (chart.units(*time), axis.units(*value) as f64);
        let mut paths = Self { expected: Path::default(), interval: Path::default() };
        paths.expected.polyline(forecast.expected.iter().map(place));
        paths.interval.polygon(forecast.earliest.iter().chain(forecast.latest.iter().rev()).map(place));
        paths
    }
}
