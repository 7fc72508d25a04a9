//! Retention: old or excess data goes week by week, and the newest stays.

use std::{path::Path, time::Duration};

use isems_core::{
    Batch, Measurement, NumberField, RedbOptions, RedbRepository, Repository, Retention, simulation::SimulatedNode,
    testing::sample_measurement,
};

use super::{MONDAY, WEEK, all_of, assert_exact};

/// The number of measurements of a node in a week of these tests.
const A_WEEK: i64 = 1000;

fn open(path: &Path, retention: Retention) -> RedbRepository {
    RedbOptions { retention, ..RedbOptions::default() }.open(path).expect("the file can be opened")
}

async fn store(repository: &RedbRepository, measurements: Vec<Measurement>) {
    repository.store(Batch { measurements, ..Batch::default() }).await.expect("it is stored");
}

fn weeks(name: &str, weeks: std::ops::Range<i64>) -> Vec<Measurement> {
    // Many different values: the blocks are long.
    let at = |week: i64, place: i64| {
        let mut measurement = sample_measurement(name, MONDAY + week * WEEK + 600 * place);
        for (number, field) in (1..).zip(NumberField::ALL) {
            *measurement.number_mut(field) = Some((place * place * number % 8999) as f64 / 100.0);
        }
        measurement
    };
    weeks.flat_map(|week| (0..A_WEEK).map(move |place| at(week, place))).collect()
}

async fn live_bytes(repository: &RedbRepository) -> u64 {
    repository.statistics().await.expect("it can be read").live_bytes
}

#[test]
fn options_can_be_written_and_read() {
    let retention = Retention { age: Some(Duration::from_hours(24 * 90)), bytes: Some(4_000_000_000) };
    let options = RedbOptions { commit_interval: Duration::from_secs(1), cache_bytes: 1 << 20, retention };
    let json = serde_json::to_string(&options).expect("plain data");
    assert_eq!(serde_json::from_str::<RedbOptions>(&json).expect("it was written"), options);
    let text = r#"{ "commit_interval": "1s", "cache_bytes": "1MiB", "retention": { "age": "90d", "bytes": "4GB" } }"#;
    assert_eq!(serde_json::from_str::<RedbOptions>(text).expect("as people write it"), options);
    assert_eq!(serde_json::from_str::<RedbOptions>("{}").expect("nothing is needed"), RedbOptions::default());
}

#[tokio::test]
async fn nothing_is_removed_unless_it_is_said() {
    let repository = RedbRepository::in_memory().expect("memory suffices");
    store(&repository, weeks("Hut", 0..9)).await;
    repository.seal(i64::MAX).await.expect("it is sealed");
    assert_eq!(repository.retain().await.expect("it can be asked"), 0);
    assert_exact(&all_of(&repository, "Hut").await, &weeks("Hut", 0..9));
}

#[tokio::test]
async fn weeks_that_are_too_old_are_removed() {
    let age = Some(Duration::from_secs(2 * WEEK as u64));
    let repository = RedbOptions { retention: Retention { age, bytes: None }, ..RedbOptions::default() };
    let repository = repository.in_memory().expect("memory suffices");
    // Week 2 is over for less than two weeks when week 4 is under way, week 1 for more.
    store(&repository, weeks("Hut", 0..5)).await;
    store(&repository, weeks("Gone", 0..1)).await;
    store(&repository, weeks("Late", 1..4)).await;
    repository.seal(MONDAY + 2 * WEEK).await.expect("it is sealed");
    store(&repository, vec![sample_measurement("Hut", MONDAY + 1)]).await;
    repository.retain().await.expect("it is removed");
    assert_exact(&all_of(&repository, "Hut").await, &weeks("Hut", 2..5));
    assert_exact(&all_of(&repository, "Late").await, &weeks("Late", 2..4));
    let nodes = repository.nodes().await.expect("it can be read");
    assert_eq!(nodes.len(), 2, "a node of which nothing is left is forgotten");
    assert_eq!(nodes[0].first_timestamp, MONDAY + 2 * WEEK);
    assert_eq!(repository.retain().await.expect("it can be asked"), 0, "there is nothing more to remove");
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}

#[tokio::test]
async fn the_oldest_weeks_are_removed_while_there_is_too_much() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = open(&path, Retention::default());
    for name in ["Hut", "Barn"] {
        store(&repository, weeks(name, 0..8)).await;
    }
    repository.seal(i64::MAX).await.expect("it is sealed");
    let live = live_bytes(&repository).await;
    drop(repository);

    let repository = open(&path, Retention { age: None, bytes: Some(live * 5 / 4) });
    assert_eq!(repository.retain().await.expect("it can be asked"), 0, "there is less than the retention allows");
    drop(repository);

    let allowed = live / 2;
    let repository = open(&path, Retention { age: None, bytes: Some(allowed) });
    repository.retain().await.expect("it is removed");
    let first = repository.nodes().await.expect("it can be read")[0].first_timestamp;
    let week = (first - MONDAY) / WEEK;
    assert!((3..7).contains(&week), "about a half is left, not from week {week} on");
    assert!(live_bytes(&repository).await <= allowed * 5 / 4);
    for name in ["Hut", "Barn"] {
        assert_exact(&all_of(&repository, name).await, &weeks(name, week..8));
    }
    drop(repository);

    let repository = open(&path, Retention { age: None, bytes: Some(0) });
    repository.retain().await.expect("it is removed");
    for name in ["Hut", "Barn"] {
        assert_exact(&all_of(&repository, name).await, &weeks(name, 7..8));
    }
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}

/// Retention and statistics agree on the live bytes, whether rows or blocks.
#[tokio::test]
async fn what_counts_as_too_much_is_what_statistics_report() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for is_sealed in [false, true] {
        let path = folder.path().join(format!("{is_sealed}.redb"));
        let repository = open(&path, Retention::default());
        for node in 0..3 {
            let measurements = SimulatedNode::new(1, node, MONDAY).take(10_080);
            store(&repository, measurements.filter(|m| m.timestamp < MONDAY + WEEK).collect()).await;
        }
        // A block of the week before is what can be removed. The others are of the newest week.
        store(&repository, vec![sample_measurement("Newest", MONDAY)]).await;
        store(&repository, vec![sample_measurement("Newest", MONDAY - WEEK)]).await;
        repository.seal(if is_sealed { i64::MAX } else { MONDAY }).await.expect("it is sealed");
        let live = live_bytes(&repository).await;
        drop(repository);
        for (allowed, is_removed) in [(live * 5 / 4, false), (live * 3 / 4, true)] {
            let repository = open(&path, Retention { age: None, bytes: Some(allowed) });
            repository.retain().await.expect("it is removed");
            let newest = all_of(&repository, "Newest").await;
            assert_eq!(newest.len() == 1, is_removed, "{allowed} of {live} bytes are allowed, sealed: {is_sealed}");
        }
    }
}
