//! Lines of a chart, and the limit.

use std::ops::Range;

use isems_core::{Bucket, NodeId, NumberField};
use maud::{Markup, html};

use super::{Chart, path::Path, value_axis::ValueAxis};

/// The averages of a series, with the band between its lowest and highest values.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The label, such as the name of the node.
    pub label: &'a str,
    /// The start of the first bucket: a multiple of the chart's interval, Unix seconds, UTC.
    pub start: i64,
    /// The buckets, without gaps.
    pub buckets: &'a [Bucket],
    /// The longest time between two values that belong together, seconds: a few of the node's usual intervals. Where
    /// none was measured for longer, the line has a gap.
    pub longest_step: i64,
    /// The node and field that are shown, if the line is to grow by live events.
    pub live: Option<(&'a NodeId, NumberField)>,
}

/// A value that should not be passed.
#[derive(Debug, Clone, Copy)]
pub struct Limit<'a> {
    /// The value.
    pub value: f64,
    /// The label, with the value and its unit.
    pub label: &'a str,
}

impl<'a> Line<'a> {
    /// Returns the buckets with values that lie at least partly in a range, each with its start.
    pub(super) fn within(&self, range: &Range<i64>, interval: i64) -> impl Iterator<Item = (i64, &'a Bucket)> {
        let (range, start) = (range.clone(), self.start);
        let dated =
            self.buckets.iter().enumerate().map(move |(place, bucket)| (start + place as i64 * interval, bucket));
        dated.filter(move |(start, bucket)| bucket.count > 0 && *start < range.end && start + interval > range.start)
    }

    /// Returns all values as one bucket, and the last average.
    pub(super) fn summary(&self, range: &Range<i64>, interval: i64) -> Option<(Bucket, f64)> {
        let mut all = Bucket::EMPTY;
        let mut last = None;
        for (_, bucket) in self.within(range, interval) {
            all.merge(bucket);
            last = bucket.average();
        }
        Some((all, last?))
    }

    /// Draws the band and the line, with a class for its number.
    pub(super) fn draw(&self, number: usize, chart: &Chart<'_>, axis: &ValueAxis) -> Markup {
        let (mut band, mut line) = (Path::default(), Path::default());
        for piece in self.pieces(chart) {
            let points = |value: fn(&Bucket) -> f64| -> Vec<(i64, i64)> {
                piece.iter().map(|(place, bucket)| (*place, axis.units(value(bucket)))).collect()
            };
            let (high, low) = (points(|bucket| bucket.max), points(|bucket| bucket.min));
            if high != low {
                band.area(&high, &low);
            }
            line.line(&points(|bucket| bucket.sum / bucket.count as f64));
        }
        let node = self.live.map(|(node, _)| node.as_str());
        let field = self.live.map(|(_, field)| field.name());
        // What a script needs to go on with the line.
        let last = self.within(&chart.range, chart.interval).last();
        let count = self.live.and(last).map(|(_, bucket)| bucket.count);
        let steps = self.live.map(|_| self.steps(chart.interval));
        html! {
            g class={ "line-" (number) } data-label=(self.label) data-node=[node] data-field=[field]
                data-count=[count] data-steps=[steps] {
                @if !band.is_empty() { path.band d=(band) {} }
                path.line d=(line) {}
            }
        }
    }

    /// Returns the distance of two buckets that belong together, at most, in buckets.
    fn steps(&self, interval: i64) -> i64 {
        (self.longest_step / interval).max(1)
    }

    /// Returns the runs of buckets without a gap, each bucket with its number from the left edge.
    fn pieces(&self, chart: &Chart<'_>) -> Vec<Vec<(i64, &'a Bucket)>> {
        let mut pieces: Vec<Vec<_>> = Vec::new();
        let steps = self.steps(chart.interval);
        for (start, bucket) in self.within(&chart.range, chart.interval) {
            let place = (start - chart.first_bucket()).div_euclid(chart.interval);
            match pieces.last_mut() {
                Some(piece) if piece.last().is_some_and(|(last, _)| place - last <= steps) => {
                    piece.push((place, bucket));
                }
                _ => pieces.push(vec![(place, bucket)]),
            }
        }
        pieces
    }
}
