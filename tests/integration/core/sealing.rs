//! Sealing: blocks lose nothing of a measurement, and nobody notices them being made.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use isems_core::{
    Batch, Buckets, Field, Measurement, MeasurementQuery, NumberField, Order, Outcome, RedbRepository, Repository,
    SeriesQuery, Status, TimeSource,
    testing::{sample_measurement, with_only},
};

use super::{MONDAY, WEEK, all_of, assert_exact, node_id};

/// Enough for three pages of a block, the last one short.
const ROWS: i64 = 2 * 2048 + 77;

async fn store(repository: &RedbRepository, measurements: Vec<Measurement>) -> u64 {
    repository.store(Batch { measurements, ..Batch::default() }).await.expect("it is stored").stored()
}

/// Returns a value for every row, by the way in which a column can hold it.
type Fill = fn(&mut Measurement, i64);

fn each_number(measurement: &mut Measurement, number: impl Fn(NumberField) -> Option<f64>) {
    for field in NumberField::ALL {
        *measurement.number_mut(field) = number(field);
    }
}

/// Every kind of column. Its content must be restored bit for bit, in every page.
const COLUMNS: [(&str, Fill); 16] = [
    ("nothing at all", |_, _| {}),
    ("the same number always", |m, _| each_number(m, |_| Some(12.3))),
    ("integers", |m, row| each_number(m, |_| Some((row % 80) as f64))),
    ("decimals", |m, row| each_number(m, |_| Some((row * 37 % 8999) as f64 / 100.0))),
    ("decimals of the most digits", |m, row| each_number(m, |_| Some((row * 7919 % 89_999_999) as f64 / 1e7))),
    ("one number in the last row", |m, row| each_number(m, |_| (row == ROWS - 1).then_some(1.5))),
    ("one number missing in the last row", |m, row| each_number(m, |_| (row < ROWS - 1).then_some(1.5))),
    ("a missing number at first, then none", |m, row| each_number(m, |_| (row > 0).then_some(row as f64 % 9.0))),
    ("every other number missing", |m, row| each_number(m, |_| (row % 2 > 0).then_some((row % 7) as f64))),
    ("runs across the ends of pages", |m, row| {
        each_number(m, |_| (row / 2048 != 1 || row % 2048 == 2047).then_some(0.25 * (row % 9) as f64));
    }),
    ("zeros of both signs", |m, row| each_number(m, |_| Some(if row % 3 == 0 { -0.0 } else { 0.0 }))),
    ("numbers that are no decimals", |m, row| each_number(m, |_| Some(1.0 / (row + 1) as f64))),
    ("the ends of the ranges", |m, row| {
        each_number(m, |field| Some(if row % 2 > 0 { *field.range().start() } else { *field.range().end() }));
    }),
    ("a column predicted by another, with gaps in both", |m, row| {
        let temperature = (row % 400) as f64 / 10.0;
        m.battery_temperature = (row % 11 > 0).then_some(temperature);
        m.temperature_corrected_voltage =
            (row % 13 > 0).then_some(((14.5 - 0.03 * temperature) * 1000.0).round() / 1000.0);
        m.open_circuit_voltage = Some((row % 210) as f64 / 10.0);
        m.mpp_voltage = Some((0.8 * (row % 210) as f64 * 100.0).round() / 1000.0);
    }),
    ("a column predicted by another that is not stored", |m, row| {
        m.temperature_corrected_voltage = Some((row % 10) as f64);
        m.mpp_voltage = (row % 2 > 0).then_some((row % 10) as f64);
    }),
    ("texts, levels, status words, arrivals", |m, row| {
        m.isems_revision = (row % 5 > 0).then(|| format!("revision {}", row * 7919 % 1000).into());
        m.firmware_version = Some(format!("{row:0128}").into());
        m.power_save_level = (row % 3 > 0).then_some((row % 256) as u8);
        m.status = (row % 4 > 0).then(|| Status::from_bits((row % 4096) as u16)).flatten();
        m.time_source = if row % 6 > 0 { TimeSource::Node } else { TimeSource::Arrival };
        m.received_at = [m.timestamp, i64::MAX, m.timestamp - 600, m.timestamp + row][(row % 4) as usize];
    }),
];

#[tokio::test]
async fn long_blocks_keep_every_kind_of_column_to_the_bit() {
    let repository = RedbRepository::in_memory().expect("memory suffices");
    let step = WEEK / ROWS;
    for (name, fill) in COLUMNS {
        let measurements: Vec<_> = (0..ROWS)
            .map(|row| {
                let mut measurement = Measurement::new(node_id(name), MONDAY + row * step, MONDAY + row * step);
                fill(&mut measurement, row);
                measurement
            })
            .collect();
        assert_eq!(store(&repository, measurements.clone()).await, ROWS as u64, "{name}");
        let sealed = repository.seal(MONDAY + WEEK).await.expect("it is sealed");
        assert_eq!((sealed.blocks, sealed.measurements), (1, ROWS as u64), "{name}");
        assert_exact(&all_of(&repository, name).await, &measurements);
        for field in Field::ALL {
            let fields = [field].into_iter().collect();
            let query = MeasurementQuery { fields, ..MeasurementQuery::oldest_first(node_id(name)) };
            let found = repository.measurements(&query).await.expect("it can be read");
            let expected: Vec<_> = measurements.iter().map(|whole| with_only(whole, fields)).collect();
            assert_exact(&found, &expected);
        }
        // Spans that begin and end within pages and at their ends.
        for (from, to) in [(0, 1), (2047, 2049), (2048, 4096), (100, 4100), (4096, ROWS), (ROWS - 1, ROWS)] {
            let query = MeasurementQuery {
                from: MONDAY + from * step,
                to: MONDAY + to * step,
                order: Order::NewestFirst,
                ..MeasurementQuery::newest_first(node_id(name))
            };
            let mut found = repository.measurements(&query).await.expect("it can be read");
            found.reverse();
            assert_exact(&found, &measurements[from as usize..to as usize]);
        }
    }
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}

#[tokio::test]
async fn a_week_of_every_second_is_sealed_in_steps() {
    const ROWS: i64 = 45_000;
    let repository = RedbRepository::in_memory().expect("memory suffices");
    let sparse: Vec<_> =
        (0..ROWS).map(|second| Measurement::new(node_id("Hut"), MONDAY + second, MONDAY + second)).collect();
    store(&repository, sparse.clone()).await;
    let sealed = repository.seal(MONDAY + WEEK).await.expect("it is sealed");
    assert_eq!((sealed.blocks, sealed.measurements), (3, ROWS as u64), "three steps write the block");
    assert_exact(&all_of(&repository, "Hut").await, &sparse);
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}

#[tokio::test]
async fn the_last_second_of_time_can_be_sealed() {
    let repository = RedbRepository::in_memory().expect("memory suffices");
    let last = i64::from(u32::MAX);
    let expected = [sample_measurement("Hut", last - 1), sample_measurement("Hut", last)];
    store(&repository, expected.to_vec()).await;
    store(&repository, vec![sample_measurement("Next", MONDAY)]).await;
    repository.seal(i64::MAX).await.expect("it is sealed");
    assert_exact(&all_of(&repository, "Hut").await, &expected);
    let query = SeriesQuery {
        node: node_id("Hut"),
        fields: vec![NumberField::Latitude],
        from: i64::MIN,
        to: i64::MAX,
        buckets: Buckets::AtMost(1),
    };
    let series = repository.series(&query).await.expect("it can be read");
    assert_eq!(series.fields[0].1[0].count, 2);
    assert_eq!(repository.delete(&node_id("Hut"), last, i64::MAX).await.expect("it is deleted"), 1);
    assert_exact(&all_of(&repository, "Hut").await, &expected[..1]);
    assert_eq!(repository.delete(&node_id("Hut"), i64::MIN, i64::MAX).await.expect("it is deleted"), 1);
    assert_eq!(all_of(&repository, "Next").await.len(), 1, "the neighbour stays");
}

#[tokio::test]
async fn what_is_late_for_a_sealed_week_meets_it() {
    let repository = RedbRepository::in_memory().expect("memory suffices");
    let at = |second: i64| sample_measurement("Hut", MONDAY + second);
    store(&repository, (0..50).map(|minute| at(60 * minute)).collect()).await;
    repository.seal(MONDAY + WEEK).await.expect("it is sealed");
    let conflict = Measurement { battery_voltage: Some(1.0), ..at(120) };
    let late = vec![at(60), conflict, at(61), at(61), at(50 * 60)];
    let late = Batch { measurements: late, ..Batch::default() };
    let outcomes = repository.store(late).await.expect("it is stored").outcomes;
    let (stored, duplicate) = (Outcome::Stored, Outcome::Duplicate);
    assert_eq!(outcomes, [duplicate, Outcome::Conflict, stored, duplicate, stored]);
    let mut expected: Vec<_> = (0..=50).map(|minute| at(60 * minute)).collect();
    expected.insert(2, at(61));
    assert_exact(&all_of(&repository, "Hut").await, &expected);
    let again = repository.seal(MONDAY + WEEK).await.expect("it is sealed");
    assert_eq!((again.blocks, again.measurements), (1, 2));
    assert_exact(&all_of(&repository, "Hut").await, &expected);
    assert_eq!(repository.seal(MONDAY + WEEK).await.expect("there is nothing to seal"), isems_core::Sealed::default());
}

#[tokio::test]
async fn a_chart_that_was_asked_for_before_has_what_changed_since() {
    let repository = RedbRepository::in_memory().expect("memory suffices");
    let at = |minute: i64| sample_measurement("Hut", MONDAY + 60 * minute);
    let query = SeriesQuery {
        node: node_id("Hut"),
        fields: vec![NumberField::BatteryVoltage, NumberField::MppVoltage],
        from: MONDAY,
        to: MONDAY + 2 * WEEK,
        buckets: Buckets::Wide(3600),
    };
    let seal = async || repository.seal(MONDAY + 2 * WEEK).await.expect("it is sealed");
    // Asked for twice: how many values there are, and the highest one of the first hour.
    let chart = async || {
        let first = repository.series(&query).await.expect("it can be read");
        assert_eq!(first, repository.series(&query).await.expect("it can be read"));
        let counts = [0, 1].map(|field| first.fields[field].1.iter().map(|bucket| bucket.count).sum::<u64>());
        assert_eq!(counts[0], counts[1]);
        (counts[0], first.fields[0].1[0].max)
    };
    store(&repository, (0..20_000).filter(|minute| *minute != 7).map(at).collect()).await;
    seal().await;
    let (count, usual) = chart().await;
    assert_eq!(count, 19_999);
    store(&repository, vec![Measurement { battery_voltage: Some(usual + 1.0), ..at(7) }]).await;
    assert_eq!(chart().await, (20_000, usual + 1.0), "what is late lies beside its block");
    seal().await;
    assert_eq!(chart().await, (20_000, usual + 1.0), "and in it");
    repository.delete(&node_id("Hut"), MONDAY + 7 * 60, MONDAY + 8 * 60).await.expect("it is deleted");
    assert_eq!(chart().await, (19_999, usual));
    repository.delete(&node_id("Hut"), MONDAY + WEEK, i64::MAX).await.expect("it is deleted");
    assert_eq!(chart().await, (WEEK as u64 / 60 - 1, usual));
}

const BASE: i64 = 600;
const LATE: i64 = 300;

/// A measurement of four weeks: the even ones are there from the beginning, the odd ones come late.
fn of_four_weeks(place: i64) -> Measurement {
    sample_measurement("Hut", MONDAY + place * (4 * WEEK / (2 * BASE)))
}

/// Reads everything of the node until nothing changes any more. Everything is read once, and everything acknowledged is
/// read.
async fn read(repository: Arc<RedbRepository>, acknowledged: Arc<AtomicI64>, is_over: Arc<AtomicBool>, order: Order) {
    let query = MeasurementQuery { order, ..MeasurementQuery::oldest_first(node_id("Hut")) };
    let series = SeriesQuery {
        node: node_id("Hut"),
        fields: vec![NumberField::BatteryVoltage],
        from: i64::MIN,
        to: i64::MAX,
        buckets: Buckets::AtMost(50),
    };
    loop {
        let is_last = is_over.load(Ordering::SeqCst);
        let before = acknowledged.load(Ordering::SeqCst);
        let mut found = repository.measurements(&query).await.expect("it can be read");
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert!(found.is_sorted_by(|a, b| a.timestamp < b.timestamp), "each is met once, in order");
        assert!(found.len() as i64 >= BASE + before, "{} of {} are met", found.len(), BASE + before);
        let before = acknowledged.load(Ordering::SeqCst);
        let series = repository.series(&series).await.expect("it can be read");
        let count: u64 = series.fields[0].1.iter().map(|bucket| bucket.count).sum();
        assert!((BASE + before..=BASE + LATE).contains(&(count as i64)), "{count} of {} are counted", BASE + before);
        if is_last {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_that_is_stored_anew_while_its_week_is_sealed_keeps_what_came_last() {
    let repository = Arc::new(RedbRepository::in_memory().expect("memory suffices"));
    let id = node_id("Barn");
    // Values for which making a block takes longer than deleting and storing.
    let varied = |minute: i64| {
        let mut measurement = sample_measurement("Barn", MONDAY + 60 * minute);
        each_number(&mut measurement, |field| Some(1.0 / (minute + field as i64) as f64));
        measurement
    };
    store(&repository, (1..4000).map(varied).collect()).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let sealing = {
        let (repository, is_over) = (repository.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                repository.seal(i64::MAX).await.expect("it is sealed");
            }
        })
    };
    let mut last = sample_measurement("Barn", MONDAY);
    for round in 0..300 {
        repository.delete(&id, MONDAY, MONDAY + 1).await.expect("it is deleted");
        last.battery_voltage = Some(f64::from(round));
        assert_eq!(store(&repository, vec![last.clone()]).await, 1);
        if round % 10 == 9 {
            repository.seal(i64::MAX).await.expect("it is sealed");
            let query = MeasurementQuery { to: MONDAY + 1, ..MeasurementQuery::oldest_first(id.clone()) };
            let found = repository.measurements(&query).await.expect("it can be read");
            assert_exact(&found, std::slice::from_ref(&last));
        }
    }
    is_over.store(true, Ordering::SeqCst);
    sealing.await.expect("sealing does not panic");
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_meet_everything_once_while_it_is_stored_sealed_and_deleted() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = Arc::new(RedbRepository::open(&path).expect("the file can be opened"));
    store(&repository, (0..BASE).map(|place| of_four_weeks(2 * place)).collect()).await;
    let (acknowledged, is_over) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = [Order::OldestFirst, Order::NewestFirst]
        .map(|order| tokio::spawn(read(repository.clone(), acknowledged.clone(), is_over.clone(), order)))
        .into();
    let deleting = tokio::spawn({
        let repository = repository.clone();
        async move {
            for round in 0..30 {
                let time = MONDAY + round % 3;
                store(&repository, vec![sample_measurement("Barn", time)]).await;
                let deleted = repository.delete(&node_id("Barn"), time, time + 1).await;
                assert_eq!(deleted.expect("it is deleted"), 1);
            }
        }
    });
    let sealing = {
        let (repository, is_over) = (repository.clone(), is_over.clone());
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                repository.seal(i64::MAX).await.expect("it is sealed");
            }
        })
    };
    for part in 0..LATE / 20 {
        // 7 and 300 are coprime, so every index is visited once, anywhere in the weeks.
        let late = (0..20).map(|place| of_four_weeks(2 * ((20 * part + place) * 7 % LATE) + 1)).collect();
        let batch = Batch { measurements: late, ..Batch::default() };
        let stored = if part % 5 == 4 {
            repository.import(batch).await.expect("it is imported").stored
        } else {
            repository.store(batch).await.expect("it is stored").stored()
        };
        assert_eq!(stored, 20);
        acknowledged.fetch_add(20, Ordering::SeqCst);
    }
    deleting.await.expect("deleting does not panic");
    is_over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("reading does not panic");
    }
    sealing.await.expect("sealing does not panic");
    let mut expected: Vec<_> = (0..BASE).map(|place| of_four_weeks(2 * place)).collect();
    expected.extend((0..LATE).map(|place| of_four_weeks(2 * place + 1)));
    expected.sort_by_key(|measurement| measurement.timestamp);
    assert_exact(&all_of(&*repository, "Hut").await, &expected);
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}
