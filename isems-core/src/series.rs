//! Series: a node's numeric fields over time, in buckets, ready for a chart.

use crate::{Measurement, NodeId, NumberField};

const SECONDS_A_DAY: i64 = 86_400;

/// Every measured time is below this, Unix seconds.
const END_OF_TIME: i64 = 1 << 32;

/// The bucket widths below a day, seconds. Each divides a day, so that buckets start at whole minutes and hours.
const INTERVALS: [i64; 30] = [
    1,
    2,
    3,
    4,
    5,
    6,
    10,
    12,
    15,
    20,
    30,
    60,
    120,
    180,
    240,
    300,
    360,
    600,
    720,
    900,
    1200,
    1800,
    3600,
    7200,
    10_800,
    14_400,
    21_600,
    28_800,
    43_200,
    SECONDS_A_DAY,
];

/// A query for series.
///
/// ```
/// use isems_core::{Buckets, NumberField, SeriesQuery};
/// let june = SeriesQuery {
///     node: "Elektra-Dach".parse()?,
///     fields: vec![NumberField::BatteryVoltage],
///     from: 1_780_272_000,
///     to: 1_782_864_000,
///     buckets: Buckets::AtMost(720),
/// };
/// assert_eq!(june.interval(june.from, june.to), 3600);
/// # Ok::<(), isems_core::InvalidNodeId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesQuery {
    /// The node.
    pub node: NodeId,
    /// The fields, without repeats.
    pub fields: Vec<NumberField>,
    /// The earliest measured time, Unix seconds, UTC.
    pub from: i64,
    /// The measured time before which the range ends, Unix seconds, UTC.
    pub to: i64,
    /// The division of the range into buckets.
    pub buckets: Buckets,
}

/// The division of a range into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buckets {
    /// At most this many buckets, at least 1, of a width that [`SeriesQuery::interval`] chooses.
    AtMost(usize),
    /// Buckets of this width, seconds, at least 1, as many as cover the range and the node's measurements. The caller
    /// must keep their number reasonable: each takes 32 bytes per field, and ten years have 315 million seconds.
    Wide(i64),
}

impl SeriesQuery {
    /// Returns the width of the buckets that cover a range, seconds. It is the width that the query gives, or else the
    /// smallest that does not need more buckets than allowed, out of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 and 30 seconds or
    /// minutes, 1, 2, 3, 4, 6, 8 and 12 hours, and whole days. Only the part of the range in which measurements can lie
    /// counts.
    ///
    /// To show several nodes in one chart, choose the interval for their common range and query [`Buckets::Wide`] with
    /// it. Buckets start at multiples of the interval since the epoch, so those of all nodes line up.
    pub fn interval(&self, from: i64, to: i64) -> i64 {
        let points = match self.buckets {
            Buckets::AtMost(points) => i64::try_from(points.max(1)).unwrap_or(i64::MAX),
            Buckets::Wide(interval) => return interval.max(1),
        };
        let (from, to) = (from.clamp(0, END_OF_TIME), to.clamp(0, END_OF_TIME));
        let enough = |interval: &i64| buckets(from, to, *interval) <= points;
        INTERVALS.into_iter().find(enough).unwrap_or_else(|| {
            // One bucket from the epoch on that covers all time is always enough.
            let days = ((to - from) / SECONDS_A_DAY / points).max(1)..END_OF_TIME / SECONDS_A_DAY;
            days.map(|days| days * SECONDS_A_DAY).find(enough).unwrap_or(END_OF_TIME)
        })
    }
}

/// Returns the number of aligned buckets that cover a range.
fn buckets(from: i64, to: i64, interval: i64) -> i64 {
    if from >= to { 0 } else { (to - 1).div_euclid(interval) - from.div_euclid(interval) + 1 }
}

/// A node's fields over time.
///
/// All fields have the same buckets, without gaps: bucket `i` starts at `start + i * interval`. A bucket without
/// measurements has a count of 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The start of the first bucket: a multiple of the interval, Unix seconds, UTC.
    pub start: i64,
    /// The width of a bucket, seconds.
    pub interval: i64,
    /// The buckets of each field, in the order of the query.
    pub fields: Vec<(NumberField, Vec<Bucket>)>,
}

impl Series {
    /// Makes the empty buckets for a query on a node whose measurements lie between two times, both included.
    pub fn empty(query: &SeriesQuery, first: i64, last: i64) -> Self {
        let (from, to) = (query.from.max(first), query.to.min(last.saturating_add(1)));
        let interval = query.interval(from, to);
        let count = buckets(from, to, interval) as usize;
        let fields = query.fields.iter().map(|field| (*field, vec![Bucket::EMPTY; count])).collect();
        Self { start: from.div_euclid(interval) * interval, interval, fields }
    }

    /// Adds a measurement within the range of the buckets.
    pub fn add(&mut self, measurement: &Measurement) {
        self.add_numbers(measurement.timestamp, |field| measurement.number(field));
    }

    /// Adds the numbers measured at a time within the range of the buckets.
    pub(crate) fn add_numbers(&mut self, timestamp: i64, number: impl Fn(NumberField) -> Option<f64>) {
        let place = (timestamp - self.start).div_euclid(self.interval) as usize;
        for (field, buckets) in &mut self.fields {
            if let Some(number) = number(*field) {
                buckets[place].add(number);
            }
        }
    }
}

/// A summary of one field's values within an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The number of values. If it is 0, the other members are meaningless.
    pub count: u64,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The sum of the values.
    pub sum: f64,
}

impl Bucket {
    /// Makes a bucket without values.
    pub const EMPTY: Self = Self { count: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0 };

    /// Returns the average of the values, or `None` if there are none.
    pub fn average(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
    }

    /// Adds the values of another bucket.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }
}
