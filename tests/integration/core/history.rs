//! Random operations in random order: the repository contains what a plain map would.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use isems_core::{
    Batch, Buckets, Imported, Measurement, MeasurementQuery, NumberField, Order, Outcome, RedbRepository, Repository,
    Series, SeriesQuery, Status, Stored, TimeSource, pages,
};
use proptest::{collection::vec, prelude::*, sample::select};
use tempfile::TempDir;

use super::{MONDAY, WEEK, assert_exact, node_id};

const NODES: [&str; 3] = ["Hut", "Barn", "Größe 1.2 "];

/// Measurements of a node, a step apart.
#[derive(Debug, Clone)]
struct Run {
    node: usize,
    week: i64,
    second: i64,
    step: i64,
    count: i64,
    values: Values,
    variant: i64,
}

/// The kind of values in generated measurements.
#[derive(Debug, Clone, Copy)]
enum Values {
    Nothing,
    Constant,
    Decimals,
    Gaps,
    Odd,
    Noise,
}

#[derive(Debug, Clone)]
enum Step {
    Store(Vec<Run>),
    Import(Vec<Run>),
    /// Every week that ended before this one.
    Seal(i64),
    Delete {
        node: usize,
        from: i64,
        to: i64,
    },
    Reopen,
    Ask {
        node: usize,
        from: i64,
        to: i64,
        order: Order,
        limit: usize,
    },
    Chart {
        node: usize,
        from: i64,
        to: i64,
        buckets: Buckets,
    },
}

/// Seconds after [`MONDAY`], often at the ends of weeks.
fn time() -> impl Strategy<Value = i64> {
    let second = prop_oneof![select(&[0, 1, 60, WEEK - 1][..]), 0..WEEK];
    (0..5_i64, second).prop_map(|(week, second)| week * WEEK + second)
}

fn range() -> impl Strategy<Value = (i64, i64)> {
    let end = || prop_oneof![4 => time().prop_map(|time| MONDAY + time), 1 => select(&[i64::MIN, 0, i64::MAX][..])];
    (end(), end())
}

fn run() -> impl Strategy<Value = Run> {
    let values =
        select(&[Values::Nothing, Values::Constant, Values::Decimals, Values::Gaps, Values::Odd, Values::Noise][..]);
    let count = prop_oneof![8 => 1..30_i64, 1 => 2000..2100_i64];
    let step = select(&[1_i64, 60, 3600, 86_400][..]);
    (0..NODES.len(), 0..4_i64, prop_oneof![Just(0), 0..WEEK], step, count, values, 0..3_i64).prop_map(
        |(node, week, second, step, count, values, variant)| {
            // Long ones stay within a few weeks.
            let count = if step > 60 { count.min(40) } else { count };
            Run { node, week, second, step, count, values, variant }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let limit = prop_oneof![0..5_usize, Just(1000), Just(usize::MAX)];
    let order = select(&[Order::OldestFirst, Order::NewestFirst][..]);
    // Also intervals that divide neither a day nor a week.
    let interval = prop_oneof![select(&[3600, 86_400, WEEK, i64::MAX][..]), 601..2 * WEEK];
    let buckets = prop_oneof![(1..50_usize).prop_map(Buckets::AtMost), interval.prop_map(Buckets::Wide)];
    prop_oneof![
        4 => vec(run(), 1..4).prop_map(Step::Store),
        2 => vec(run(), 1..4).prop_map(Step::Import),
        3 => (0..7_i64).prop_map(Step::Seal),
        2 => (0..NODES.len(), range()).prop_map(|(node, (from, to))| Step::Delete { node, from, to }),
        1 => Just(Step::Reopen),
        3 => (0..NODES.len(), range(), order, limit).prop_map(|(node, (from, to), order, limit)| Step::Ask {
            node, from, to, order, limit
        }),
        2 => (0..NODES.len(), range(), buckets).prop_map(|(node, (from, to), buckets)| Step::Chart {
            node, from, to, buckets
        }),
    ]
}

/// Returns a number from 0 on that is unique for each time, and always the same for the same time.
fn noise(time: i64, salt: i64) -> i64 {
    let mut random =
        (time as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (salt as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    random ^= random >> 29;
    random = random.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (random ^ random >> 32) as i64 & i64::MAX
}

impl Run {
    fn measurements(&self) -> Vec<Measurement> {
        let start = MONDAY + self.week * WEEK + self.second;
        (0..self.count).map(|place| self.measurement(start + place * self.step)).collect()
    }

    fn measurement(&self, time: i64) -> Measurement {
        let mut measurement = Measurement::new(node_id(NODES[self.node]), time, time + self.variant);
        let part = (time / 60 % 90) as f64;
        for (place, field) in (0_i64..).zip(NumberField::ALL) {
            let range = field.range();
            let odd = [-0.0, 0.1 + 0.2, *range.start(), *range.end(), 1.0 / 3.0, 1e-300, f64::MIN_POSITIVE / 2.0, 7.0];
            *measurement.number_mut(field) = match self.values {
                Values::Nothing => None,
                Values::Constant => Some(12.5 + self.variant as f64),
                Values::Decimals => match field {
                    NumberField::MppVoltage => Some((part * 0.8 * 1000.0).round() / 1000.0),
                    NumberField::TemperatureCorrectedVoltage => Some((1400.0 - part).round() / 100.0),
                    _ => Some(part),
                },
                Values::Gaps => (noise(time, place) % 4 > 0).then_some(part / 8.0),
                Values::Odd => {
                    Some(odd[(noise(time, place + self.variant) % 8) as usize]).filter(|odd| range.contains(odd))
                }
                Values::Noise => {
                    let share = noise(time, place + 20 * self.variant) as f64 / i64::MAX as f64;
                    Some((range.start() + share * (range.end() - range.start())).clamp(*range.start(), *range.end()))
                }
            };
        }
        let random = noise(time, 99);
        match self.values {
            Values::Nothing => {}
            Values::Constant | Values::Decimals => {
                measurement.isems_revision = Some("1".into());
                measurement.firmware_version = Some("ESP_2.0".into());
                measurement.power_save_level = Some(0);
                measurement.status = Status::from_bits(0x300);
                measurement.received_at = time + random % 60;
            }
            Values::Gaps => {
                measurement.firmware_version = (random % 3 > 0).then(|| format!("v{}", random % 5).into());
                measurement.status = (random % 2 > 0).then(|| Status::from_bits((random % 4096) as u16)).flatten();
                measurement.received_at = time - Measurement::CLOCK_AHEAD_SECONDS;
            }
            Values::Odd | Values::Noise => {
                measurement.isems_revision = Some(format!("{random:0128}").into());
                measurement.power_save_level = Some((random % 256) as u8);
                measurement.status = Status::from_bits((random >> 20 & 0xfff) as u16);
                measurement.time_source = if random % 2 > 0 { TimeSource::Arrival } else { TimeSource::Node };
                measurement.received_at = if random % 7 > 0 { time + random % 100_000 } else { i64::MAX };
            }
        }
        measurement
    }
}

/// The expected record of a node.
#[derive(Debug)]
struct Kept {
    measurements: BTreeMap<i64, Measurement>,
    first_received_at: i64,
    last_received_at: i64,
}

/// The repository as it should be.
#[derive(Debug, Default)]
struct Model(BTreeMap<usize, Kept>);

impl Model {
    fn store(&mut self, runs: &[Run]) -> Vec<(Outcome, Measurement)> {
        let mut outcomes = Vec::new();
        for (node, measurement) in runs.iter().flat_map(|run| run.measurements().into_iter().map(|m| (run.node, m))) {
            let kept = self.0.entry(node).or_insert_with(|| Kept {
                measurements: BTreeMap::new(),
                first_received_at: i64::MAX,
                last_received_at: i64::MIN,
            });
            let outcome = match kept.measurements.get(&measurement.timestamp) {
                Some(known) if known.same_values(&measurement) => Outcome::Duplicate,
                Some(_) => Outcome::Conflict,
                None => {
                    kept.first_received_at = kept.first_received_at.min(measurement.received_at);
                    kept.last_received_at = kept.last_received_at.max(measurement.received_at);
                    kept.measurements.insert(measurement.timestamp, measurement.clone());
                    Outcome::Stored
                }
            };
            outcomes.push((outcome, measurement));
        }
        outcomes
    }

    fn delete(&mut self, node: usize, from: i64, to: i64) -> u64 {
        let Some(kept) = self.0.get_mut(&node) else { return 0 };
        let before = kept.measurements.len();
        kept.measurements.retain(|time, _| !(from <= *time && *time < to));
        let removed = before - kept.measurements.len();
        if kept.measurements.is_empty() {
            self.0.remove(&node);
        }
        removed as u64
    }

    fn of(&self, node: usize, from: i64, to: i64) -> impl DoubleEndedIterator<Item = &Measurement> {
        let measurements = self.0.get(&node).map(|kept| &kept.measurements);
        measurements.into_iter().flat_map(|kept| kept.values()).filter(move |m| from <= m.timestamp && m.timestamp < to)
    }

    fn series(&self, query: &SeriesQuery, node: usize) -> Series {
        let all = || self.of(node, i64::MIN, i64::MAX);
        let (Some(first), Some(last)) = (all().next(), all().next_back()) else { return Series::empty(query, 0, -1) };
        let mut series = Series::empty(query, first.timestamp, last.timestamp);
        self.of(node, query.from, query.to).for_each(|measurement| series.add(measurement));
        series
    }
}

fn batch(runs: &[Run]) -> Batch {
    Batch { measurements: runs.iter().flat_map(Run::measurements).collect(), ..Batch::default() }
}

/// The result of an import: conflicts are ordered by node and time.
fn imported(outcomes: &[(Outcome, Measurement)]) -> Imported {
    let of =
        |wanted| outcomes.iter().filter(move |(outcome, _)| *outcome == wanted).map(|(_, measurement)| measurement);
    let mut conflicts: Vec<_> = of(Outcome::Conflict).cloned().collect();
    conflicts.sort_by(|a, b| (&a.node_id, a.timestamp).cmp(&(&b.node_id, b.timestamp)));
    let (stored, duplicates) = (of(Outcome::Stored).count() as u64, of(Outcome::Duplicate).count() as u64);
    Imported { stored, duplicates, conflicts }
}

/// Compares series; the sums may differ by rounding.
fn assert_same_series(found: &Series, expected: &Series) {
    assert_eq!((found.start, found.interval), (expected.start, expected.interval));
    assert_eq!(found.fields.len(), expected.fields.len());
    for ((field, found), (expected_field, expected)) in found.fields.iter().zip(&expected.fields) {
        assert_eq!((field, found.len()), (expected_field, expected.len()));
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((found.count, found.min, found.max), (expected.count, expected.min, expected.max), "{field:?}");
            let magnitude = expected.max.abs().max(expected.min.abs()) * expected.count as f64;
            assert!(expected.count == 0 || (found.sum - expected.sum).abs() <= magnitude * 1e-12, "{field:?}");
        }
    }
}

/// A repository in a file that is reopened again and again.
struct Subject {
    folder: TempDir,
    repository: RedbRepository,
    model: Model,
    /// The series that were requested, and their nodes.
    charts: Vec<(SeriesQuery, usize)>,
}

impl Subject {
    fn open(folder: &TempDir) -> RedbRepository {
        RedbRepository::open(folder.path().join("isems.redb")).expect("the file can be opened")
    }

    async fn take(mut self, step: &Step) -> Self {
        match step {
            Step::Store(runs) => {
                let found = self.repository.store(batch(runs)).await.expect("it is stored");
                let expected: Stored = self.model.store(runs).into_iter().map(|(outcome, _)| outcome).collect();
                assert_eq!(found, expected);
            }
            Step::Import(runs) => {
                let found = self.repository.import(batch(runs)).await.expect("it is imported");
                assert_eq!(found, imported(&self.model.store(runs)));
            }
            Step::Seal(week) => drop(self.repository.seal(MONDAY + week * WEEK).await.expect("it is sealed")),
            Step::Delete { node, from, to } => {
                let found = self.repository.delete(&node_id(NODES[*node]), *from, *to).await.expect("it is deleted");
                assert_eq!(found, self.model.delete(*node, *from, *to));
            }
            Step::Reopen => {
                drop(self.repository);
                self.repository = Self::open(&self.folder);
            }
            Step::Ask { node, from, to, order, limit } => {
                let query = MeasurementQuery {
                    from: *from,
                    to: *to,
                    order: *order,
                    limit: *limit,
                    ..MeasurementQuery::oldest_first(node_id(NODES[*node]))
                };
                let mut expected: Vec<_> = self.model.of(*node, *from, *to).cloned().collect();
                if *order == Order::NewestFirst {
                    expected.reverse();
                }
                self.assert_pages(MeasurementQuery { limit: 7, ..query.clone() }, &expected[..expected.len().min(100)])
                    .await;
                expected.truncate(*limit);
                let found = self.repository.measurements(&query).await.expect("it can be read");
                assert_exact(&found, &expected);
                let found: Vec<_> = pages(&self.repository, query).try_collect().await.expect("it can be read");
                assert_exact(&found.concat(), &expected);
            }
            Step::Chart { node, from, to, buckets } => {
                let (skipped, most) = match buckets {
                    Buckets::AtMost(points) => (points % 3, *points),
                    Buckets::Wide(interval) => ((interval % 3) as usize, usize::MAX),
                };
                let fields = NumberField::ALL.into_iter().skip(skipped).collect();
                let query =
                    SeriesQuery { node: node_id(NODES[*node]), fields, from: *from, to: *to, buckets: *buckets };
                let found = self.repository.series(&query).await.expect("it can be read");
                assert!(found.fields.iter().all(|(_, buckets)| buckets.len() <= most));
                assert_eq!(found.start % found.interval, 0, "buckets begin at multiples of the interval");
                if let Buckets::Wide(interval) = buckets {
                    assert_eq!(found.interval, *interval);
                }
                assert_same_series(&found, &self.model.series(&query, *node));
                self.charts.push((query, *node));
            }
        }
        // Earlier requests are repeated.
        for (query, node) in self.charts.iter().rev().take(3) {
            let found = self.repository.series(query).await.expect("it can be read");
            assert_same_series(&found, &self.model.series(query, *node));
        }
        self
    }

    /// Checks that the first pages of a query return the first expected measurements.
    async fn assert_pages(&self, query: MeasurementQuery, expected: &[Measurement]) {
        let (mut found, mut next) = (Vec::new(), Some(query));
        while let Some(query) = next.filter(|_| found.len() < expected.len()) {
            let page = self.repository.measurements(&query).await.expect("it can be read");
            next = query.after(&page);
            found.extend(page);
        }
        found.truncate(expected.len());
        assert_exact(&found, expected);
    }

    async fn assert_everything(&self) {
        let nodes = self.repository.nodes().await.expect("it can be read");
        assert_eq!(nodes.len(), self.model.0.len());
        let statistics = self.repository.statistics().await.expect("it can be read");
        assert_eq!(statistics.nodes.len(), nodes.len());
        let checked = self.repository.check().await.expect("it can be read");
        assert_eq!(checked.damages, []);
        assert_eq!(checked.nodes as usize, nodes.len());
        assert_eq!(checked.measurements, nodes.iter().map(|node| node.measurements).sum::<u64>());
        for (place, kept) in &self.model.0 {
            let id = node_id(NODES[*place]);
            let expected: Vec<_> = kept.measurements.values().cloned().collect();
            let query = MeasurementQuery::oldest_first(id.clone());
            assert_exact(&self.repository.measurements(&query).await.expect("it can be read"), &expected);
            let node = self.repository.node(&id).await.expect("it can be read").expect("it is known");
            assert_eq!(node.measurements as usize, expected.len());
            assert_eq!(node.first_timestamp, expected[0].timestamp);
            assert_eq!(node.first_received_at, kept.first_received_at);
            assert_eq!(node.last_received_at, kept.last_received_at);
            assert_exact(std::slice::from_ref(&node.latest), &expected[expected.len() - 1..]);
            let counted = statistics.nodes.iter().find(|counted| counted.id == id).expect("it is counted");
            assert_eq!(counted.measurements, node.measurements);
            assert!(counted.recent <= counted.measurements && counted.bytes > 0);
            assert_eq!(
                (counted.first_timestamp, counted.last_timestamp),
                (node.first_timestamp, node.latest.timestamp)
            );
        }
    }
}

async fn holds_what_a_map_holds(steps: Vec<Step>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let repository = Subject::open(&folder);
    let mut subject = Subject { folder, repository, model: Model::default(), charts: Vec::new() };
    for step in &steps {
        subject = subject.take(step).await;
    }
    subject.assert_everything().await;
    let sealed = subject.repository.seal(i64::MAX).await.expect("it is sealed");
    subject.assert_everything().await;
    let statistics = subject.repository.statistics().await.expect("it can be read");
    assert_eq!(statistics.nodes.iter().map(|node| node.recent).sum::<u64>(), 0, "all is sealed, {sealed:?} of it now");
    subject = subject.take(&Step::Reopen).await;
    subject.assert_everything().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_repository_holds_what_a_map_holds(steps in vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(holds_what_a_map_holds(steps));
    }
}
