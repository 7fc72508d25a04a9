//! The conformance suite of [`Repository`].
//!
//! [`conformance`] runs every check, each on a fresh repository. A check is also public by itself, for looking into one
//! that fails; it needs an empty repository.

use std::{collections::BTreeSet, iter};

use futures_util::{
    TryStreamExt,
    future::{join, join_all},
};

use super::{SAMPLE_TIME, sample_measurement};
use crate::{
    Batch, Bucket, Field, Measurement, MeasurementQuery, NodeId, Order, Reject, RejectReason, Repository,
    RepositoryError, SeriesQuery, Stored, pages,
};

/// Runs every check against fresh, empty repositories that `make` gives.
///
/// # Panics
/// When a check is violated; the message names what was expected.
pub async fn conformance<R: Repository>(make: impl AsyncFn() -> R) {
    stores_every_field(&make().await).await;
    storing_again_changes_nothing(&make().await).await;
    conflicts_keep_the_first(&make().await).await;
    settles_duplicates_within_a_batch(&make().await).await;
    order_of_arrival_is_irrelevant(&make().await, &make().await).await;
    knows_the_latest_of_each_node(&make().await).await;
    lists_nodes_in_order_of_bytes(&make().await).await;
    answers_ranges_and_limits(&make().await).await;
    finds_the_newest_before_an_instant(&make().await).await;
    goes_on_where_a_page_ended(&make().await).await;
    gives_everything_in_pages(&make().await).await;
    draws_series(&make().await).await;
    keeps_nodes_apart(&make().await).await;
    knows_nothing_of_an_unknown_node(&make().await).await;
    lists_rejects_newest_first(&make().await).await;
    keeps_enough_rejects(&make().await).await;
    keeps_metadata(&make().await).await;
    stores_an_empty_batch(&make().await).await;
    stores_all_of_a_batch_or_nothing(&make().await).await;
    stores_concurrently(&make().await).await;
    deletes_ranges(&make().await).await;
    forgets_a_node_of_which_nothing_is_left(&make().await).await;
}

/// A measurement comes back as it was stored: with every value, with none, and with the time of its arrival.
pub async fn stores_every_field(repository: &dyn Repository) {
    let full = sample_measurement("Full", SAMPLE_TIME);
    let mut empty = Measurement::new(node_id("Empty"), SAMPLE_TIME, SAMPLE_TIME + 7);
    empty.time_source = crate::TimeSource::Arrival;
    let mut odd = sample_measurement("Größe 1.2 ", SAMPLE_TIME);
    odd.battery_voltage = Some(-0.1 + 1e-13);
    odd.battery_health_estimate = None;
    odd.status = None;
    for measurement in [full, empty, odd] {
        let stored = store(repository, vec![measurement.clone()]).await;
        assert_eq!(stored.stored, 1, "a new measurement is stored");
        let found = all_of(repository, measurement.node_id.as_str()).await;
        assert_eq!(found, [measurement], "a measurement is read as it was stored");
    }
}

/// The same measurement again, from another arrival, is a duplicate; the first one stays as it is.
pub async fn storing_again_changes_nothing(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    store(repository, vec![first.clone()]).await;
    let again = Measurement { received_at: first.received_at + 100, ..first.clone() };
    for _ in 0..2 {
        let outcome = store(repository, vec![again.clone()]).await;
        let expected = Stored { duplicates: 1, ..Stored::default() };
        assert_eq!(outcome, expected, "the same values again are a duplicate");
    }
    assert_eq!(all_of(repository, "Hut").await, [first], "a duplicate changes nothing");
    assert_eq!(kept(repository, "Hut").await, 1, "a duplicate is not counted as a measurement");
}

/// Other values for a stored second are a conflict: reported, not stored.
pub async fn conflicts_keep_the_first(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    let other = Measurement { battery_voltage: Some(3.0), ..first.clone() };
    let missing = Measurement { battery_voltage: None, ..first.clone() };
    let status = Measurement { status: None, ..first.clone() };
    let firmware = Measurement { firmware_version: Some("another".into()), ..first.clone() };
    store(repository, vec![first.clone(), sample_measurement("Hut", SAMPLE_TIME + 60)]).await;
    for conflict in [other, missing, status, firmware] {
        let outcome = store(repository, vec![conflict.clone()]).await;
        let expected = Stored { conflicts: vec![conflict], ..Stored::default() };
        assert_eq!(outcome, expected, "other values for a stored second are a conflict");
    }
    assert_eq!(all_of(repository, "Hut").await[0], first, "of a conflict the first measurement stays");
}

/// Within a batch the first of a second counts, as if each came by itself.
pub async fn settles_duplicates_within_a_batch(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    let later = sample_measurement("Hut", SAMPLE_TIME + 60);
    let conflict = Measurement { mpp_voltage: Some(1.0), ..first.clone() };
    let batch = vec![first.clone(), later.clone(), first.clone(), conflict.clone(), later.clone()];
    let outcome = store(repository, batch).await;
    let expected = Stored { stored: 2, duplicates: 2, conflicts: vec![conflict] };
    assert_eq!(outcome, expected, "duplicates and conflicts within a batch are settled in its order");
    assert_eq!(all_of(repository, "Hut").await, [first, later], "a batch stores each second once");
}

/// Two empty repositories hold the same after the same measurements came in different orders.
pub async fn order_of_arrival_is_irrelevant(one: &dyn Repository, other: &dyn Repository) {
    let measurements: Vec<_> = (0..50).map(|minute| sample_measurement("Hut", SAMPLE_TIME + 60 * minute)).collect();
    for measurement in &measurements {
        store(one, vec![measurement.clone()]).await;
    }
    for place in 0..measurements.len() {
        // 23 and 50 have no common divisor: every place is met once.
        store(other, vec![measurements[(place * 23 + 49) % 50].clone()]).await;
    }
    for repository in [one, other] {
        assert_eq!(all_of(repository, "Hut").await, measurements, "measurements are ordered by measured time");
        let node = known(repository, "Hut").await;
        assert_eq!(node.latest, measurements[49], "the latest is the newest by measured time");
        assert_eq!(node.first_timestamp, SAMPLE_TIME, "the first timestamp is the oldest by measured time");
        assert_eq!(node.measurements, 50, "every measurement is counted once");
    }
}

/// A node's record follows what is stored of it, also when that is late.
pub async fn knows_the_latest_of_each_node(repository: &dyn Repository) {
    let newest = sample_measurement("Hut", SAMPLE_TIME + 600);
    let late = Measurement { received_at: SAMPLE_TIME + 9000, ..sample_measurement("Hut", SAMPLE_TIME) };
    let neighbour = sample_measurement("Barn", SAMPLE_TIME + 60);
    store(repository, vec![newest.clone(), neighbour.clone()]).await;
    store(repository, vec![late.clone()]).await;

    let hut = known(repository, "Hut").await;
    assert_eq!(hut.latest, newest, "a late measurement is not the latest");
    assert_eq!(hut.first_timestamp, late.timestamp, "a late measurement can be the first");
    assert_eq!(hut.last_received_at, late.received_at, "the last arrival is the late measurement's");
    assert_eq!(hut.measurements, 2, "a late measurement is counted");
    let barn = known(repository, "Barn").await;
    assert_eq!(barn.latest, neighbour, "each node has its own latest measurement");
    assert!(barn.number > 0 && hut.number > 0, "node numbers start at 1");
    assert_ne!(barn.number, hut.number, "each node has its own number");

    store(repository, vec![sample_measurement("Attic", SAMPLE_TIME)]).await;
    assert_eq!(known(repository, "Hut").await.number, hut.number, "a node's number never changes");
}

/// Nodes are listed by the bytes of their ids, whatever came first.
pub async fn lists_nodes_in_order_of_bytes(repository: &dyn Repository) {
    assert!(repository.nodes().await.unwrap_or_else(fail).is_empty(), "an empty repository has no nodes");
    let names = ["b", "Ä", "a b", "A", "a", "ab", "a.b", "B", "ß"];
    for name in names {
        store(repository, vec![sample_measurement(name, SAMPLE_TIME)]).await;
    }
    let nodes = repository.nodes().await.unwrap_or_else(fail);
    let found: Vec<_> = nodes.iter().map(|node| node.id.as_str()).collect();
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(found, expected, "nodes are ordered by the bytes of their ids");
    for node in nodes {
        let single = known(repository, node.id.as_str()).await;
        assert_eq!(single, *node, "a node is the same in the list and by itself");
    }
}

/// Ranges contain their start and not their end; limits cut after ordering.
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
                let query = MeasurementQuery { node: node_id("Hut"), from, to, order, limit };
                let found = repository.measurements(&query).await.unwrap_or_else(fail);
                let found: Vec<_> = found.iter().map(|measurement| measurement.timestamp).collect();
                assert_eq!(found, expected, "{name}, {order:?}, limit {limit}");
            }
        }
    }
}

/// The newest measurement before an instant is the last one that is not of the instant itself.
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

/// A query goes on after the last measurement of a page, whatever is stored meanwhile.
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
                // One that the next pages meet, and one that lies before them.
                let new = if order == Order::OldestFirst { [9, 3] } else { [11, 17] };
                store(repository, new.map(|minute| sample_measurement("Hut", time(minute))).to_vec()).await;
            }
            found.extend(page.iter().map(|measurement| (measurement.timestamp - SAMPLE_TIME) / 60));
        }
        assert_eq!(found, expected, "pages, {order:?}, go on where the one before ended");
    }
}

/// All pages together are the whole answer, in both orders, and up to the limit.
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

/// Buckets count the values of the measurements in them, the missing ones not; they cover what the range and the node's
/// measurements have in common.
pub async fn draws_series(repository: &dyn Repository) {
    // An hour of minutes, from a whole hour on, in which every third has no temperature, then an hour of nothing.
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
        fields: vec![Field::BatteryTemperature, Field::BatteryVoltage],
        from,
        to,
        points,
    };
    let series = async |query: &SeriesQuery| repository.series(query).await.unwrap_or_else(fail);

    let hours = series(&query(i64::MIN, i64::MAX, 3)).await;
    assert_eq!(
        (hours.start, hours.interval),
        (start, HOUR),
        "three buckets of an hour are enough for two hours and more"
    );
    let fields: Vec<_> = hours.fields.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, [Field::BatteryTemperature, Field::BatteryVoltage], "fields are in the order of the query");
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

/// Deleting removes what lies in the range, of the node only, and the node's record follows.
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
    assert_eq!((again.stored, again.duplicates), (6, 14), "what is deleted can be stored again");
    assert_eq!(all_of(repository, "Hut").await, of("Hut", 0..20), "what is stored again is there");
    let unknown = repository.delete(&node_id("Attic"), i64::MIN, i64::MAX).await.unwrap_or_else(fail);
    assert_eq!(unknown, 0, "an unknown node has nothing to delete");
}

/// A node whose last measurement is deleted is unknown, until it is stored again. Its rejects stay.
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
    assert!(all_of(repository, "Hut").await.is_empty(), "a node without anything has no measurements");
    assert_eq!(repository.rejects(10).await.unwrap_or_else(fail).len(), 1, "rejects stay when a node is forgotten");
    let again = store(repository, both()).await;
    assert_eq!((again.stored, again.duplicates), (1, 1), "a node that was forgotten can come again");
    assert_eq!(known(repository, "Hut").await.measurements, 1, "a node that comes again counts anew");
    let (hut, barn) = (known(repository, "Hut").await, known(repository, "Barn").await);
    assert_ne!(hut.number, barn.number, "a node that comes again has a number of its own");
}

/// Nodes that measure in the same second do not meet, not at the ends of time either.
pub async fn keeps_nodes_apart(repository: &dyn Repository) {
    let times = [Measurement::CLOCK_UNSET_BEFORE, SAMPLE_TIME, i64::from(u32::MAX)];
    for time in times {
        let of = |name| sample_measurement(name, time);
        let outcome = store(repository, vec![of("A"), of("B"), of("AB")]).await;
        assert_eq!(outcome.stored, 3, "nodes that measure in the same second are stored side by side");
    }
    for name in ["A", "B", "AB"] {
        let expected = times.map(|time| sample_measurement(name, time));
        assert_eq!(all_of(repository, name).await, expected, "node {name} has its own measurements and no others");
    }
}

/// An unknown node is `None` and has no measurements; asking is no error.
pub async fn knows_nothing_of_an_unknown_node(repository: &dyn Repository) {
    store(repository, vec![sample_measurement("Hut", SAMPLE_TIME)]).await;
    for name in ["Barn", "hut", "Hut ", "Hu", "Hutt"] {
        let node = repository.node(&node_id(name)).await.unwrap_or_else(fail);
        assert!(node.is_none(), "node {name:?} is unknown");
        assert!(all_of(repository, name).await.is_empty(), "the unknown node {name:?} has no measurements");
    }
}

/// Rejects come back as they were, newest first, and make no nodes.
pub async fn lists_rejects_newest_first(repository: &dyn Repository) {
    let reject = |line: u32| Reject {
        node: line.is_multiple_of(2).then(|| "Hut".into()),
        field: line.is_multiple_of(3).then(|| "latitude".into()),
        reason: RejectReason::ALL[line as usize % RejectReason::ALL.len()],
        ..sample_reject(line)
    };
    store_rejects(repository, (1..=2).map(reject)).await;
    store_rejects(repository, (3..=20).map(reject)).await;
    for limit in [0, 1, 5, 20, usize::MAX] {
        let found = repository.rejects(limit).await.unwrap_or_else(fail);
        let expected: Vec<_> = (1..=20).rev().take(limit).map(reject).collect();
        assert_eq!(found, expected, "rejects are listed newest first, at most {limit}");
    }
    assert!(repository.nodes().await.unwrap_or_else(fail).is_empty(), "a reject makes no node");
}

/// At least the newest 10,000 rejects are kept.
pub async fn keeps_enough_rejects(repository: &dyn Repository) {
    const KEPT: u32 = 10_000;
    for thousand in 0..=KEPT / 1000 {
        store_rejects(repository, (1..=1000).map(|line| sample_reject(1000 * thousand + line))).await;
    }
    let found = repository.rejects(KEPT as usize).await.unwrap_or_else(fail);
    let lines: Vec<_> = found.iter().map(|reject| reject.line).collect();
    let expected: Vec<_> = (1001..=KEPT + 1000).rev().collect();
    assert!(lines == expected, "the newest {KEPT} rejects are kept; {} were found", lines.len());
}

/// A value under a key is there until it is replaced. Any key and any value can be kept.
pub async fn keeps_metadata(repository: &dyn Repository) {
    let read = async |key: &str| repository.metadata(key).await.unwrap_or_else(fail);
    let entries = [("a", vec![1]), ("b", vec![0, 255, 0]), ("format", vec![7]), ("", vec![8]), ("a/ä 1", Vec::new())];
    for (key, _) in &entries {
        assert_eq!(read(key).await, None, "nothing is kept yet under {key:?}");
    }
    let metadata = entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    repository.store(Batch { metadata, ..Batch::default() }).await.unwrap_or_else(fail);
    for (key, value) in entries {
        assert_eq!(read(key).await, Some(value), "the value under {key:?} is kept");
    }
    let metadata = vec![("a".into(), vec![2]), ("a".into(), vec![3])];
    repository.store(Batch { metadata, ..Batch::default() }).await.unwrap_or_else(fail);
    assert_eq!(read("a").await, Some(vec![3]), "a later value replaces the earlier one");
}

/// An empty batch is stored without an error, and changes nothing.
pub async fn stores_an_empty_batch(repository: &dyn Repository) {
    let outcome = repository.store(Batch::default()).await.unwrap_or_else(fail);
    assert_eq!(outcome, Stored::default(), "an empty batch stores nothing");
    assert!(repository.nodes().await.unwrap_or_else(fail).is_empty(), "an empty batch makes no node");
}

/// A batch with one invalid measurement fails as a whole; the batches beside it do not.
pub async fn stores_all_of_a_batch_or_nothing(repository: &dyn Repository) {
    let good = |name| sample_measurement(name, SAMPLE_TIME);
    let faulty = [
        Measurement { latitude: Some(91.0), ..good("Bad") },
        Measurement { battery_voltage: Some(f64::NAN), ..good("Bad") },
        Measurement { timestamp: Measurement::CLOCK_UNSET_BEFORE - 1, ..good("Bad") },
        Measurement { timestamp: SAMPLE_TIME + Measurement::CLOCK_AHEAD_SECONDS + 1, ..good("Bad") },
        Measurement { firmware_version: Some("a;b".into()), ..good("Bad") },
    ];
    for bad in faulty {
        let batch = Batch {
            measurements: vec![good("Hut"), bad.clone(), good("Hut")],
            rejects: vec![sample_reject(1)],
            metadata: vec![("key".into(), vec![1])],
        };
        let beside = Batch { measurements: vec![good("Barn")], ..Batch::default() };
        let (outcome, beside) = join(repository.store(batch), repository.store(beside)).await;
        assert!(
            matches!(&outcome, Err(RepositoryError::Invalid { node, .. }) if *node == bad.node_id),
            "a batch with the invalid {bad:?} fails and names its node, not {outcome:?}"
        );
        beside.unwrap_or_else(fail);
    }
    let nodes = repository.nodes().await.unwrap_or_else(fail);
    let names: Vec<_> = nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(names, ["Barn"], "nothing is stored of a batch that failed, all of the batch beside it");
    assert!(repository.rejects(1).await.unwrap_or_else(fail).is_empty(), "no reject of a batch that failed is kept");
    let metadata = repository.metadata("key").await.unwrap_or_else(fail);
    assert_eq!(metadata, None, "no metadata of a batch that failed is kept");
}

/// Overlapping stores of several tasks: every measurement is stored once, and can be read when its store has returned.
pub async fn stores_concurrently(repository: &dyn Repository) {
    const STORES: i64 = 64;
    const OVERLAP: i64 = 5;
    let names = ["A", "B", "C"];
    let one = async |number: i64| {
        let time = SAMPLE_TIME + 60 * number;
        let minutes = (0..OVERLAP).flat_map(|minute| names.map(|name| sample_measurement(name, time + 60 * minute)));
        let outcome = store(repository, minutes.collect()).await;
        for name in names {
            let query = MeasurementQuery {
                from: time,
                to: time + 60 * OVERLAP,
                ..MeasurementQuery::oldest_first(node_id(name))
            };
            let found = repository.measurements(&query).await.unwrap_or_else(fail);
            assert_eq!(found.len() as i64, OVERLAP, "what a store has returned for can be read");
            let node = known(repository, name).await;
            assert!(node.latest.timestamp >= time + 60 * (OVERLAP - 1), "the latest measurement is up to date");
        }
        outcome
    };
    let outcomes = join_all((0..STORES).map(one)).await;
    let each_node = (STORES + OVERLAP - 1) as u64;
    let all = 3 * STORES as u64 * OVERLAP as u64;
    let stored: u64 = outcomes.iter().map(|outcome| outcome.stored).sum();
    let duplicates: u64 = outcomes.iter().map(|outcome| outcome.duplicates).sum();
    assert_eq!(stored, 3 * each_node, "of concurrent stores each measurement counts as stored once");
    assert_eq!(duplicates, all - 3 * each_node, "of concurrent stores the others count as duplicates");
    let mut numbers = BTreeSet::new();
    for name in names {
        assert_eq!(kept(repository, name).await, each_node, "concurrent stores count each measurement once");
        assert_eq!(all_of(repository, name).await.len() as u64, each_node, "concurrent stores keep everything");
        numbers.insert(known(repository, name).await.number);
    }
    assert_eq!(numbers.len(), names.len(), "concurrent stores number each node once");
}

fn node_id(name: &str) -> NodeId {
    NodeId::new(name).unwrap_or_else(|error| panic!("{error}"))
}

fn sample_reject(line: u32) -> Reject {
    Reject {
        received_at: SAMPLE_TIME,
        transport: "test".into(),
        source: "a test".into(),
        node: None,
        reason: RejectReason::FieldCount,
        field: None,
        line,
        text: format!("line {line} with „quotes“ and \u{fffd}"),
    }
}

async fn store(repository: &dyn Repository, measurements: Vec<Measurement>) -> Stored {
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap_or_else(fail)
}

async fn store_rejects(repository: &dyn Repository, rejects: impl Iterator<Item = Reject>) {
    let batch = Batch { rejects: rejects.collect(), ..Batch::default() };
    repository.store(batch).await.unwrap_or_else(fail);
}

async fn all_of(repository: &dyn Repository, name: &str) -> Vec<Measurement> {
    repository.measurements(&MeasurementQuery::oldest_first(node_id(name))).await.unwrap_or_else(fail)
}

async fn known(repository: &dyn Repository, name: &str) -> crate::Node {
    let node = repository.node(&node_id(name)).await.unwrap_or_else(fail);
    (*node.unwrap_or_else(|| panic!("node {name:?} is known once it has a measurement"))).clone()
}

async fn kept(repository: &dyn Repository, name: &str) -> u64 {
    known(repository, name).await.measurements
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `unwrap_or_else` calls")]
fn fail<T>(error: RepositoryError) -> T {
    panic!("the repository fails: {error}: {:?}", std::error::Error::source(&error))
}
