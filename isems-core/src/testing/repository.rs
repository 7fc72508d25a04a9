//! The conformance suite of [`Repository`].
//!
//! [`conformance`] runs every check, each on a fresh repository. Each check is also public, to look into one that
//! fails; it needs an empty repository. The checks of the reject log are in [`rejects`].

mod queries;

use std::sync::Arc;

use futures_util::{
    TryStreamExt,
    future::{join, join_all},
};

pub use self::queries::{
    answers_ranges_and_limits, deletes_ranges, draws_series, finds_the_newest_before_an_instant,
    forgets_a_node_of_which_nothing_is_left, gives_everything_in_pages, gives_selected_fields,
    goes_on_where_a_page_ended,
};
use super::{SAMPLE_TIME, rejects, sample_measurement};
use crate::{
    Batch, Measurement, MeasurementQuery, Node, NodeId, Outcome, Reject, RejectQuery, RejectReason, Repository,
    RepositoryError, Stored, node_pages,
};

/// Runs every check against fresh, empty repositories made by `make`.
///
/// # Panics
/// If a check is violated; the message says what was expected.
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
    gives_selected_fields(&make().await).await;
    draws_series(&make().await).await;
    keeps_nodes_apart(&make().await).await;
    knows_nothing_of_an_unknown_node(&make().await).await;
    keeps_what_arrived_by_a_wrong_clock(&make().await).await;
    rejects::lists_rejects_newest_first(&make().await).await;
    rejects::answers_queries_for_rejects(&make().await).await;
    rejects::keeps_enough_rejects(&make().await).await;
    rejects::keeps_rejects_that_depend_on_outcomes(&make().await).await;
    keeps_metadata(&make().await).await;
    stores_an_empty_batch(&make().await).await;
    can_be_probed(&make().await).await;
    stores_all_of_a_batch_or_nothing(&make().await).await;
    stores_concurrently(&make().await).await;
    deletes_ranges(&make().await).await;
    forgets_a_node_of_which_nothing_is_left(&make().await).await;
}

/// A measurement is read as it was stored: with every value, with none, and with its time of arrival.
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
        assert_eq!(stored.stored(), 1, "a new measurement is stored");
        let found = all_of(repository, measurement.node_id.as_str()).await;
        assert_eq!(found, [measurement], "a measurement is read as it was stored");
    }
}

/// The same measurement with another arrival is a duplicate; the first one stays unchanged.
pub async fn storing_again_changes_nothing(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    store(repository, vec![first.clone()]).await;
    let again = Measurement { received_at: first.received_at + 100, ..first.clone() };
    for _ in 0..2 {
        let outcome = store(repository, vec![again.clone()]).await;
        let expected = Stored { outcomes: vec![Outcome::Duplicate] };
        assert_eq!(outcome, expected, "the same values again are a duplicate");
    }
    assert_eq!(all_of(repository, "Hut").await, [first], "a duplicate changes nothing");
    assert_eq!(kept(repository, "Hut").await, 1, "a duplicate is not counted as a measurement");
}

/// Other values for a stored second are a conflict, which is reported and not stored.
pub async fn conflicts_keep_the_first(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    let other = Measurement { battery_voltage: Some(3.0), ..first.clone() };
    let missing = Measurement { battery_voltage: None, ..first.clone() };
    let status = Measurement { status: None, ..first.clone() };
    let firmware = Measurement { firmware_version: Some("another".into()), ..first.clone() };
    store(repository, vec![first.clone(), sample_measurement("Hut", SAMPLE_TIME + 60)]).await;
    for conflict in [other, missing, status, firmware] {
        let outcome = store(repository, vec![conflict]).await;
        let expected = Stored { outcomes: vec![Outcome::Conflict] };
        assert_eq!(outcome, expected, "other values for a stored second are a conflict");
    }
    assert_eq!(all_of(repository, "Hut").await[0], first, "of a conflict the first measurement stays");
}

/// Within a batch the first measurement of a second counts, as if each had come on its own.
pub async fn settles_duplicates_within_a_batch(repository: &dyn Repository) {
    let first = sample_measurement("Hut", SAMPLE_TIME);
    let later = sample_measurement("Hut", SAMPLE_TIME + 60);
    let conflict = Measurement { mpp_voltage: Some(1.0), ..first.clone() };
    let batch = vec![first.clone(), later.clone(), first.clone(), conflict, later.clone()];
    let outcome = store(repository, batch).await;
    let expected = [Outcome::Stored, Outcome::Stored, Outcome::Duplicate, Outcome::Conflict, Outcome::Duplicate];
    let expected = expected.into_iter().collect();
    assert_eq!(outcome, expected, "duplicates and conflicts within a batch are settled in its order");
    assert_eq!(all_of(repository, "Hut").await, [first, later], "a batch stores each second once");
}

/// Two empty repositories hold the same content after the same measurements came in different orders.
pub async fn order_of_arrival_is_irrelevant(one: &dyn Repository, other: &dyn Repository) {
    let measurements: Vec<_> = (0..50).map(|minute| sample_measurement("Hut", SAMPLE_TIME + 60 * minute)).collect();
    for measurement in &measurements {
        store(one, vec![measurement.clone()]).await;
    }
    for place in 0..measurements.len() {
        // 23 and 50 are coprime, so every index is visited once.
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

/// A node's record follows its stored measurements, even late ones.
pub async fn knows_the_latest_of_each_node(repository: &dyn Repository) {
    let newest = sample_measurement("Hut", SAMPLE_TIME + 600);
    let late = Measurement { received_at: SAMPLE_TIME + 9000, ..sample_measurement("Hut", SAMPLE_TIME) };
    let neighbour = sample_measurement("Barn", SAMPLE_TIME + 60);
    store(repository, vec![newest.clone(), neighbour.clone()]).await;
    store(repository, vec![late.clone()]).await;

    let hut = known(repository, "Hut").await;
    assert_eq!(hut.latest, newest, "a late measurement is not the latest");
    assert_eq!(hut.first_timestamp, late.timestamp, "a late measurement can be the first");
    assert_eq!(hut.first_received_at, newest.received_at, "the first arrival is that of what came first");
    assert_eq!(hut.last_received_at, late.received_at, "the last arrival is the late measurement's");
    assert_eq!(hut.measurements, 2, "a late measurement is counted");
    let barn = known(repository, "Barn").await;
    assert_eq!(barn.latest, neighbour, "each node has its own latest measurement");
}

/// Nodes are listed by the bytes of their ids, whichever came first.
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
    for node in &nodes {
        let single = known(repository, node.id.as_str()).await;
        assert_eq!(single, **node, "a node is the same in the list and by itself");
    }
    assert_eq!(repository.node_count().await.unwrap_or_else(fail), names.len() as u64, "every node is counted once");
    for limit in [1, 2, 4, 9, 10] {
        let mut found = Vec::new();
        loop {
            let after = found.last().map(|last: &Arc<Node>| last.id.clone());
            let page = repository.nodes_after(after.as_ref(), limit).await.unwrap_or_else(fail);
            assert!(page.len() <= limit, "a page has at most {limit} nodes");
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, nodes, "pages of {limit} nodes are the whole");
    }
    let after = async |name| repository.nodes_after(Some(&node_id(name)), 1).await.unwrap_or_else(fail)[0].id.clone();
    assert_eq!(after("aa").await.as_str(), "ab", "a page can begin after an id that no node has");
    assert!(repository.nodes_after(None, 0).await.unwrap_or_else(fail).is_empty(), "no nodes are no nodes");
    let paged: Vec<_> = node_pages(repository).try_concat().await.unwrap_or_else(fail);
    assert_eq!(paged, nodes, "page by page every node is met once");
}

/// Nodes that measure in the same second do not affect each other, not even at either end of time.
pub async fn keeps_nodes_apart(repository: &dyn Repository) {
    let times = [Measurement::CLOCK_UNSET_BEFORE, SAMPLE_TIME, i64::from(u32::MAX)];
    for time in times {
        let of = |name| sample_measurement(name, time);
        let outcome = store(repository, vec![of("A"), of("B"), of("AB")]).await;
        assert_eq!(outcome.stored(), 3, "nodes that measure in the same second are stored side by side");
    }
    for name in ["A", "B", "AB"] {
        let expected = times.map(|time| sample_measurement(name, time));
        assert_eq!(all_of(repository, name).await, expected, "node {name} has its own measurements and no others");
    }
}

/// An unknown node is `None` and has no measurements; asking for it is not an error.
pub async fn knows_nothing_of_an_unknown_node(repository: &dyn Repository) {
    store(repository, vec![sample_measurement("Hut", SAMPLE_TIME)]).await;
    for name in ["Barn", "hut", "Hut ", "Hu", "Hutt"] {
        let node = repository.node(&node_id(name)).await.unwrap_or_else(fail);
        assert!(node.is_none(), "node {name:?} is unknown");
        assert!(all_of(repository, name).await.is_empty(), "the unknown node {name:?} has no measurements");
    }
}

/// Measurements that arrived by a wrong clock, long before or after they were measured, are kept like any other.
pub async fn keeps_what_arrived_by_a_wrong_clock(repository: &dyn Repository) {
    let arrivals = [0, SAMPLE_TIME - 86_400 * 365, SAMPLE_TIME + 86_400 * 365 * 50];
    let measurements: Vec<_> = (0..)
        .zip(arrivals)
        .map(|(minute, received_at)| Measurement {
            received_at,
            ..sample_measurement("Hut", SAMPLE_TIME + 60 * minute)
        })
        .collect();
    for measurement in &measurements {
        assert_eq!(
            store(repository, vec![measurement.clone()]).await.stored(),
            1,
            "the time of arrival does not matter"
        );
    }
    assert_eq!(all_of(repository, "Hut").await, measurements, "a measurement is read as it was stored");
}

/// A value under a key stays until it is replaced. Any key and any value can be kept.
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

/// Storing an empty batch succeeds and changes nothing.
pub async fn stores_an_empty_batch(repository: &dyn Repository) {
    let outcome = repository.store(Batch::default()).await.unwrap_or_else(fail);
    assert_eq!(outcome, Stored::default(), "an empty batch stores nothing");
    assert!(repository.nodes().await.unwrap_or_else(fail).is_empty(), "an empty batch makes no node");
}

/// Probing a writable repository succeeds and changes nothing.
pub async fn can_be_probed(repository: &dyn Repository) {
    repository.probe().await.unwrap_or_else(fail);
    assert_eq!(repository.node_count().await.unwrap_or_else(fail), 0, "a probe makes no node");
    store(repository, vec![sample_measurement("Hut", SAMPLE_TIME)]).await;
    let before = all_of(repository, "Hut").await;
    repository.probe().await.unwrap_or_else(fail);
    assert_eq!(all_of(repository, "Hut").await, before, "a probe changes nothing");
    assert_eq!(kept(repository, "Hut").await, 1, "a probe is not counted as a measurement");
}

/// A batch with one invalid measurement fails as a whole; the batches beside it do not.
pub async fn stores_all_of_a_batch_or_nothing(repository: &dyn Repository) {
    let good = |name| sample_measurement(name, SAMPLE_TIME);
    let faulty = [
        Measurement { latitude: Some(91.0), ..good("Bad") },
        Measurement { battery_voltage: Some(f64::NAN), ..good("Bad") },
        Measurement { timestamp: Measurement::CLOCK_UNSET_BEFORE - 1, ..good("Bad") },
        Measurement { timestamp: i64::from(u32::MAX) + 1, ..good("Bad") },
        Measurement { firmware_version: Some("a;b".into()), ..good("Bad") },
    ];
    for bad in faulty {
        let batch = Batch {
            measurements: vec![good("Hut"), bad.clone(), good("Hut")],
            rejects: vec![sample_reject(1)],
            metadata: vec![("key".into(), vec![1])],
            ..Batch::default()
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
    let kept = repository.rejects(&RejectQuery::newest(1)).await.unwrap_or_else(fail).rejects;
    assert!(kept.is_empty(), "no reject of a batch that failed is kept");
    let metadata = repository.metadata("key").await.unwrap_or_else(fail);
    assert_eq!(metadata, None, "no metadata of a batch that failed is kept");
}

/// With overlapping stores by several tasks, every measurement is stored once, and can be read once its store has
/// returned.
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
    let stored: u64 = outcomes.iter().map(Stored::stored).sum();
    let duplicates: u64 = outcomes.iter().map(Stored::duplicates).sum();
    assert_eq!(stored, 3 * each_node, "of concurrent stores each measurement counts as stored once");
    assert_eq!(duplicates, all - 3 * each_node, "of concurrent stores the others count as duplicates");
    for name in names {
        assert_eq!(kept(repository, name).await, each_node, "concurrent stores count each measurement once");
        assert_eq!(all_of(repository, name).await.len() as u64, each_node, "concurrent stores keep everything");
    }
    let count = repository.node_count().await.unwrap_or_else(fail);
    assert_eq!(count, names.len() as u64, "concurrent stores make each node once");
}

fn node_id(name: &str) -> NodeId {
    NodeId::new(name).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn sample_reject(line: u32) -> Reject {
    Reject {
        kind: crate::RejectKind::Line,
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
pub(super) fn fail<T>(error: RepositoryError) -> T {
    panic!("the repository fails: {error}: {:?}", std::error::Error::source(&error))
}
