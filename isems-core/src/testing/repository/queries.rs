//! Checks of queries for a node's measurements, and of deleting them.

use std::iter;

use futures_util::TryStreamExt;

use super::{SAMPLE_TIME, all_of, fail, kept, known, node_id, sample_measurement, sample_reject, store};
use crate::{
    Bucket, Buckets, Field, FieldSet, Measurement, MeasurementQuery, NumberField, Order, Reject, RejectQuery,
    Repository, SeriesQuery, TimeSource, pages,
    testing::{rejects::store_rejects, with_only},
};

/// Ranges include their start and exclude their end; limits apply after ordering.
pub async fn answers_ranges_and_limits(repository: &dyn Repository) {
    const MINUTES: i64 = 10;
    let time = |minute: i64| SAMPLE_TIME + 60 * minute;
    let minutes = (0..MINUTES).map(|minute| sample_measurement("Hut", time(minute))).collect();
    store(repository, minutes).await;
    let cases = [
        ("everything", i64::MIN, i64::MAX, 0..MINUTES),
        ("from a measurement to another one", time(2), time(5), 2..5),
        ("between measurements", time(2) - 1, time(5) + 1, 2..6),
        ("just after a measurement", time(2) + 1, time(5), 3..5),
        ("one second", time(4), time(4) + 1, 4..5),
        ("nothing between two", time(4) + 1, time(5), 0..0),
        ("before the first", i64::MIN, time(0), 0..0),
        ("after the last", time(MINUTES - 1) + 1, i64::MAX, 0..0),
        ("an empty range", time(4), time(4), 0..0),
        ("a range the wrong way round", time(5), time(2), 0..0),
        ("times before 1970 and after 2106", -1, 1 << 40, 0..MINUTES),
    ];
    for (name, from, to, expected) in cases {
        for limit in [0, 1, 3, usize::MAX] {
            let oldest: Vec<_> = expected.clone().take(limit).map(time).collect();
            let newest: Vec<_> = expected.clone().rev().take(limit).map(time).collect();
            for (order, expected) in [(Order::OldestFirst, oldest), (Order::NewestFirst, newest)] {
                let query =
                    MeasurementQuery { from, to, order, limit, ..MeasurementQuery::oldest_first(node_id("Hut")) };
                let found = repository.measurements(&query).await.unwrap_or_else(fail);
                let found: Vec<_> = found.iter().map(|measurement| measurement.timestamp).collect();
                assert_eq!(found, expected, "{name}, {order:?}, limit {limit}");
            }
        }
    }
}

/// The newest measurement before an instant never lies at the instant itself.
pub async fn finds_the_newest_before_an_instant(repository: &dyn Repository) {
    let minutes = [0, 60, 180].map(|second| sample_measurement("Hut", SAMPLE_TIME + second));
    store(repository, minutes.to_vec()).await;
    let cases = [
        ("the first one", 0, None),
        ("just after the first one", 1, Some(0)),
        ("another one", 60, Some(0)),
        ("between two", 120, Some(60)),
        ("long after the last one", 100_000_000, Some(180)),
    ];
    for (name, instant, expected) in cases {
        let query = MeasurementQuery::newest_before(node_id("Hut"), SAMPLE_TIME + instant);
        let found = repository.measurements(&query).await.unwrap_or_else(fail);
        let found: Vec<_> = found.iter().map(|measurement| measurement.timestamp - SAMPLE_TIME).collect();
        assert_eq!(found, Vec::from_iter(expected), "the newest measurement before {name}");
    }
}

/// A query continues after the last measurement of a page, whatever is stored meanwhile.
pub async fn goes_on_where_a_page_ended(repository: &dyn Repository) {
    const PAGE: usize = 4;
    let time = |minute: i64| SAMPLE_TIME + 60 * minute;
    let minutes = (0..20).map(|minute| sample_measurement("Hut", time(2 * minute))).collect();
    store(repository, minutes).await;
    for (order, expected) in [
        (Order::OldestFirst, vec![0, 2, 4, 6, 8, 9, 10, 12, 14, 16, 18]),
        (Order::NewestFirst, vec![18, 16, 14, 12, 11, 10, 9, 8, 6, 4, 3, 2, 0]),
    ] {
        let all = MeasurementQuery { order, to: time(19), ..MeasurementQuery::oldest_first(node_id("Hut")) };
        let mut found = Vec::new();
        let mut next = Some(MeasurementQuery { limit: PAGE, ..all });
        while let Some(query) = next {
            let page = repository.measurements(&query).await.unwrap_or_else(fail);
            assert!(page.len() <= PAGE, "a page has at most as many measurements as its query allows");
            next = query.after(&page);
            if found.is_empty() {
                // One that the next pages must contain, and one before them.
                let new = if order == Order::OldestFirst { [9, 3] } else { [11, 17] };
                store(repository, new.map(|minute| sample_measurement("Hut", time(minute))).to_vec()).await;
            }
            found.extend(page.iter().map(|measurement| (measurement.timestamp - SAMPLE_TIME) / 60));
        }
        assert_eq!(found, expected, "pages, {order:?}, go on where the one before ended");
    }
}

/// Fields that a query selects are as they were stored, and so are node and time. The others may be missing.
pub async fn gives_selected_fields(repository: &dyn Repository) {
    let full = sample_measurement("Hut", SAMPLE_TIME);
    let mut arrival = sample_measurement("Hut", SAMPLE_TIME + 60);
    arrival.time_source = TimeSource::Arrival;
    arrival.battery_voltage = None;
    let empty = Measurement::new(node_id("Hut"), SAMPLE_TIME + 120, SAMPLE_TIME + 125);
    let stored = [full, arrival, empty];
    store(repository, stored.to_vec()).await;
    let single = Field::ALL.map(|field| vec![field]);
    let several = vec![Field::Number(NumberField::MppVoltage), Field::Status, Field::ReceivedAt];
    for selected in single.into_iter().chain([vec![], several, Field::ALL.to_vec()]) {
        let fields: FieldSet = selected.iter().copied().collect();
        let query = MeasurementQuery { fields, ..MeasurementQuery::oldest_first(node_id("Hut")) };
        let found = repository.measurements(&query).await.unwrap_or_else(fail);
        assert_eq!(found.len(), stored.len(), "a selection of {fields:?} gives every measurement");
        for (found, stored) in found.iter().zip(&stored) {
            assert_eq!(
                (&found.node_id, found.timestamp),
                (&stored.node_id, stored.timestamp),
                "node and time are always given"
            );
            assert_eq!(with_only(found, fields), with_only(stored, fields), "{fields:?} are as they were stored");
            for field in Field::ALL {
                let only = |measurement: &Measurement| with_only(measurement, [field].into_iter().collect());
                let is_missing = only(found) == with_only(found, FieldSet::default());
                assert!(
                    is_missing || only(found) == only(stored),
                    "{field}, beside a selection of {fields:?}, is as it was stored, or missing"
                );
            }
        }
    }
}

/// All pages together are the whole answer, in both orders and up to the limit.
pub async fn gives_everything_in_pages(repository: &dyn Repository) {
    const SECONDS: i64 = 20_500;
    let sparse = |second| Measurement::new(node_id("Hut"), SAMPLE_TIME + second, SAMPLE_TIME + second);
    store(repository, (0..SECONDS).map(sparse).collect()).await;
    for limit in [0, 1, 10_000, 10_001, 20_000, usize::MAX] {
        let expected = limit.min(SECONDS as usize);
        let oldest = MeasurementQuery { limit, ..MeasurementQuery::oldest_first(node_id("Hut")) };
        let found: Vec<_> = pages(repository, oldest).try_collect().await.unwrap_or_else(fail);
        let times = found.concat().into_iter().map(|measurement| measurement.timestamp);
        assert!(times.eq((SAMPLE_TIME..).take(expected)), "the pages of the oldest {limit} measurements");
        let newest = MeasurementQuery { limit, ..MeasurementQuery::newest_first(node_id("Hut")) };
        let found: Vec<_> = pages(repository, newest).try_collect().await.unwrap_or_else(fail);
        let times = found.concat().into_iter().map(|measurement| measurement.timestamp);
        let expected = (0..SECONDS).rev().map(|second| SAMPLE_TIME + second).take(expected);
        assert!(times.eq(expected), "the pages of the newest {limit} measurements");
    }
}

/// Buckets count the values of their measurements but not the missing ones; they cover the intersection of the range
/// and the node's measurements.
pub async fn draws_series(repository: &dyn Repository) {
    // An hour of minutes from a full hour on, every third without a temperature, then an hour of nothing.
    const HOUR: i64 = 3600;
    let start = SAMPLE_TIME - SAMPLE_TIME % HOUR;
    let minute = |minute: i64| Measurement {
        battery_voltage: Some(minute as f64),
        battery_temperature: (minute % 3 > 0).then_some(-0.5 * minute as f64),
        ..sample_measurement("Hut", start + 60 * minute)
    };
    let minutes: Vec<_> = (0..60).chain([125]).map(minute).collect();
    store(repository, minutes.into_iter().rev().collect()).await;
    let query = |from, to, points| SeriesQuery {
        node: node_id("Hut"),
        fields: vec![NumberField::BatteryTemperature, NumberField::BatteryVoltage],
        from,
        to,
        buckets: Buckets::AtMost(points),
    };
    let series = async |query: &SeriesQuery| repository.series(query).await.unwrap_or_else(fail);

    let hours = series(&query(i64::MIN, i64::MAX, 3)).await;
    assert_eq!(
        (hours.start, hours.interval),
        (start, HOUR),
        "three buckets of an hour are enough for two hours and more"
    );
    let fields: Vec<_> = hours.fields.iter().map(|(field, _)| *field).collect();
    assert_eq!(
        fields,
        [NumberField::BatteryTemperature, NumberField::BatteryVoltage],
        "fields are in the order of the query"
    );
    let temperatures = [
        Bucket {
            count: 40,
            min: -29.5,
            max: -0.5,
            sum: -0.5 * (0..60).filter(|minute| minute % 3 > 0).sum::<i64>() as f64,
        },
        Bucket::EMPTY,
        Bucket { count: 1, min: -62.5, max: -62.5, sum: -62.5 },
    ];
    assert_eq!(hours.fields[0].1, temperatures, "a missing value counts in no bucket");
    let voltages = [
        Bucket { count: 60, min: 0.0, max: 59.0, sum: 1770.0 },
        Bucket::EMPTY,
        Bucket { count: 1, min: 125.0, max: 125.0, sum: 125.0 },
    ];
    assert_eq!(hours.fields[1].1, voltages, "an hour of values, one of none, and one with a single value");

    let part = series(&query(start + 90, start + 600, 60)).await;
    assert_eq!((part.start, part.interval), (start + 90, 10), "buckets begin at multiples of their width");
    let counts: Vec<_> = part.fields[1].1.iter().map(|bucket| bucket.count).collect();
    let expected: Vec<_> = (9..60).map(|ten| u64::from(ten % 6 == 0)).collect();
    assert_eq!(counts, expected, "a series begins with its range, and its end is not in it");
    for (name, from, to) in [
        ("before the first measurement", i64::MIN, start),
        ("after the last one", start + 3 * HOUR, i64::MAX),
        ("the wrong way round", start + 60, start),
    ] {
        let nothing = series(&query(from, to, 10)).await;
        assert!(nothing.fields.iter().all(|(_, buckets)| buckets.is_empty()), "a range {name} has no buckets");
    }
    let gap = series(&query(start + HOUR, start + 2 * HOUR, 4)).await;
    assert_eq!(gap.fields[0].1, [Bucket::EMPTY; 4], "an hour of nothing between others has buckets without values");
    let unknown = series(&SeriesQuery { node: node_id("Barn"), ..query(i64::MIN, i64::MAX, 10) }).await;
    assert_eq!(unknown.fields.len(), 2, "the series of an unknown node has its fields");
    assert!(unknown.fields.iter().all(|(_, buckets)| buckets.is_empty()), "an unknown node has no buckets");
}

/// Deleting removes the measurements of that node in that range only, and the node's record follows.
pub async fn deletes_ranges(repository: &dyn Repository) {
    let time = |minute: i64| SAMPLE_TIME + 60 * minute;
    let of = |name: &str, minutes: std::ops::Range<i64>| -> Vec<_> {
        minutes.map(|minute| sample_measurement(name, time(minute))).collect()
    };
    store(repository, of("Hut", 0..20)).await;
    store(repository, of("Barn", 0..20)).await;
    let delete = async |from, to| repository.delete(&node_id("Hut"), from, to).await.unwrap_or_else(fail);
    assert_eq!(delete(time(5), time(5)).await, 0, "an empty range has nothing to delete");
    assert_eq!(delete(time(7), time(5)).await, 0, "a range the wrong way round has nothing to delete");
    assert_eq!(delete(time(5) + 1, time(6)).await, 0, "between two measurements is nothing to delete");
    assert_eq!(delete(time(5), time(7)).await, 2, "a range contains its start and not its end");
    assert_eq!(delete(time(5), time(7)).await, 0, "what is deleted is gone");
    let mut left = of("Hut", 0..5);
    left.extend(of("Hut", 7..20));
    assert_eq!(all_of(repository, "Hut").await, left, "what lies outside of the range stays");
    assert_eq!(delete(i64::MIN, time(2)).await, 2, "a range can begin before the first measurement");
    assert_eq!(delete(time(18), i64::MAX).await, 2, "a range can end after the last measurement");
    let node = known(repository, "Hut").await;
    assert_eq!(node.measurements, 14, "what is deleted is not counted");
    assert_eq!(node.first_timestamp, time(2), "the first timestamp is of what is left");
    assert_eq!(node.latest, sample_measurement("Hut", time(17)), "the latest measurement is of what is left");
    assert_eq!(all_of(repository, "Barn").await, of("Barn", 0..20), "another node keeps everything");
    assert_eq!(kept(repository, "Barn").await, 20, "another node's record stays");
    let again = store(repository, of("Hut", 0..20)).await;
    assert_eq!((again.stored(), again.duplicates()), (6, 14), "what is deleted can be stored again");
    assert_eq!(all_of(repository, "Hut").await, of("Hut", 0..20), "what is stored again is there");
    let unknown = repository.delete(&node_id("Attic"), i64::MIN, i64::MAX).await.unwrap_or_else(fail);
    assert_eq!(unknown, 0, "an unknown node has nothing to delete");
}

/// A node whose last measurement is deleted is unknown until it is stored again. Its rejects stay.
pub async fn forgets_a_node_of_which_nothing_is_left(repository: &dyn Repository) {
    let both = || ["Hut", "Barn"].map(|name| sample_measurement(name, SAMPLE_TIME)).to_vec();
    store(repository, both()).await;
    store_rejects(repository, iter::once(Reject { node: Some("Hut".into()), ..sample_reject(1) })).await;
    let removed = repository.delete(&node_id("Hut"), i64::MIN, i64::MAX).await.unwrap_or_else(fail);
    assert_eq!(removed, 1, "everything of a node can be deleted");
    assert!(
        repository.node(&node_id("Hut")).await.unwrap_or_else(fail).is_none(),
        "a node without anything is unknown"
    );
    let nodes = repository.nodes().await.unwrap_or_else(fail);
    assert_eq!(nodes.len(), 1, "a node without anything is not listed");
    assert_eq!(repository.node_count().await.unwrap_or_else(fail), 1, "a node without anything is not counted");
    assert!(all_of(repository, "Hut").await.is_empty(), "a node without anything has no measurements");
    assert_eq!(
        repository.rejects(&RejectQuery::newest(10)).await.unwrap_or_else(fail).rejects.len(),
        1,
        "rejects stay when a node is forgotten"
    );
    let again = store(repository, both()).await;
    assert_eq!((again.stored(), again.duplicates()), (1, 1), "a node that was forgotten can come again");
    assert_eq!(known(repository, "Hut").await.measurements, 1, "a node that comes again counts anew");
}
