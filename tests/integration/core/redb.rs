//! The redb repository in use: what it keeps, and how it commits.

use std::{sync::Arc, time::Duration};

use isems_core::{
    Batch, DurationHistogram, Measurement, MeasurementQuery, Node, RedbOptions, RedbRepository, Reject, RejectKind,
    RejectQuery, RejectReason, Repository, RepositoryError,
    simulation::Fleet,
    testing::{SAMPLE_TIME, sample_measurement},
};
use redb::{Database, TableDefinition};
use tempfile::TempDir;

use super::{all_of, node_id};

const FORMAT_KEY: &str = "format";

fn batch(measurements: Vec<Measurement>) -> Batch {
    Batch { measurements, ..Batch::default() }
}

fn reject(line: u32) -> Reject {
    Reject {
        kind: RejectKind::Line,
        received_at: SAMPLE_TIME,
        transport: "test".into(),
        source: "a test".into(),
        node: Some("Hut".into()),
        reason: RejectReason::NumberInvalid,
        field: Some("latitude".into()),
        line,
        text: "rubbish".into(),
    }
}

/// Returns everything that a repository can be asked.
async fn everything(repository: &dyn Repository) -> (Vec<Node>, Vec<Measurement>, Vec<Reject>, Option<Vec<u8>>) {
    let nodes = repository.nodes().await.expect("it can be read");
    let mut measurements = Vec::new();
    for node in &nodes {
        let query = MeasurementQuery::newest_first(node.id.clone());
        measurements.extend(repository.measurements(&query).await.expect("it can be read"));
    }
    let rejects = repository.rejects(&RejectQuery::newest(usize::MAX)).await.expect("it can be read").rejects;
    let metadata = repository.metadata(FORMAT_KEY).await.expect("it can be read");
    (nodes.iter().map(|node| (**node).clone()).collect(), measurements, rejects, metadata)
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let mut fleet = Fleet::new(1, 7, SAMPLE_TIME);
    let mut before = None;
    for round in 1..4_u32 {
        let repository = RedbRepository::open(&path).expect("the file can be opened");
        if let Some(before) = before {
            assert_eq!(everything(&repository).await, before, "before round {round}");
        }
        let batch = Batch {
            measurements: fleet.by_ref().take(100).collect(),
            rejects: (1..=round).map(reject).collect(),
            metadata: vec![(FORMAT_KEY.into(), vec![round as u8])],
            ..Batch::default()
        };
        repository.store(batch).await.expect("it is stored");
        let now = everything(&repository).await;
        assert_eq!(now.0.len(), 7);
        assert_eq!(now.1.len(), 100 * round as usize);
        assert_eq!(now.2.len() as u32, round * (round + 1) / 2);
        let mut numbers: Vec<_> = repository.node_numbers().into_values().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
        before = Some(now);
    }
}

#[tokio::test]
async fn nodes_that_come_after_reopening_get_numbers_of_their_own() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    for name in ["B", "A", "C"] {
        let repository = RedbRepository::open(&path).expect("the file can be opened");
        repository.store(batch(vec![sample_measurement(name, SAMPLE_TIME)])).await.expect("it is stored");
    }
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    let numbers: Vec<_> = repository.node_numbers().into_iter().map(|(id, number)| (id.to_string(), number)).collect();
    assert_eq!(numbers, [("A".into(), 2), ("B".into(), 1), ("C".into(), 3)]);
}

#[tokio::test]
async fn what_a_store_returned_for_is_on_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    for minute in 0..20 {
        let measurement = sample_measurement("Hut", SAMPLE_TIME + 60 * minute);
        repository.store(batch(vec![measurement])).await.expect("it is stored");
        let copy = folder.path().join("copy.redb");
        std::fs::copy(&path, &copy).expect("the file can be copied");
        let copy = RedbRepository::open(&copy).expect("a copy of an open file can be opened");
        assert_eq!(everything(&copy).await, everything(&repository).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_many_tasks_are_all_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = Arc::new(RedbRepository::open(&path).expect("the file can be opened"));
    let mut tasks = tokio::task::JoinSet::new();
    // More than the repository's queue holds.
    for minute in 0..3000 {
        let repository = repository.clone();
        tasks.spawn(async move {
            let name = format!("Hut {}", minute % 5);
            let measurement = sample_measurement(&name, SAMPLE_TIME + 60 * (minute / 5));
            let outcome = repository.store(batch(vec![measurement.clone()])).await.expect("it is stored");
            assert_eq!(outcome.stored(), 1);
            let query = MeasurementQuery {
                from: measurement.timestamp,
                to: measurement.timestamp + 1,
                ..MeasurementQuery::oldest_first(measurement.node_id.clone())
            };
            assert_eq!(repository.measurements(&query).await.expect("it can be read"), [measurement]);
        });
    }
    tasks.join_all().await;
    drop(repository);
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    for node in repository.nodes().await.expect("it can be read") {
        assert_eq!(node.measurements, 600);
        assert_eq!(all_of(&repository, node.id.as_str()).await.len(), 600);
    }
}

const AN_HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_commit_is_held_back_for_the_interval_and_finished_by_closing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let options = RedbOptions { commit_interval: AN_HOUR, ..RedbOptions::default() };
    let repository = options.open(&path).expect("the file can be opened");
    tokio::select! {
        biased;
        outcome = repository.store(batch(vec![sample_measurement("Hut", SAMPLE_TIME)])) => panic!("{outcome:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(repository.nodes().await.expect("it can be read"), [], "it is not committed yet");
    drop(repository);
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    assert_eq!(all_of(&repository, "Hut").await.len(), 1);
}

#[tokio::test]
async fn a_full_queue_does_not_wait_for_the_interval() {
    let options = RedbOptions { commit_interval: AN_HOUR, ..RedbOptions::default() };
    let repository = Arc::new(options.in_memory().expect("memory suffices"));
    let mut tasks = tokio::task::JoinSet::new();
    for minute in 0..1024 {
        let repository = repository.clone();
        tasks
            .spawn(async move { repository.store(batch(vec![sample_measurement("Hut", SAMPLE_TIME + minute)])).await });
    }
    while let Some(outcome) = tasks.join_next().await {
        assert_eq!(outcome.expect("no store panics").expect("it is stored").stored(), 1);
    }
    assert_eq!(all_of(&*repository, "Hut").await.len(), 1024);
}

#[tokio::test]
async fn a_large_batch_does_not_wait_for_the_interval() {
    let options = RedbOptions { commit_interval: AN_HOUR, ..RedbOptions::default() };
    let repository = options.in_memory().expect("memory suffices");
    let sparse = |second| Measurement::new(node_id("Hut"), SAMPLE_TIME + second, SAMPLE_TIME + second);
    let outcome = repository.store(batch((0..50_000).map(sparse).collect())).await.expect("it is stored");
    assert_eq!(outcome.stored(), 50_000);
}

#[tokio::test]
async fn whether_it_can_be_written_is_answered_at_once() {
    let options = RedbOptions { commit_interval: AN_HOUR, ..RedbOptions::default() };
    let repository = Arc::new(options.in_memory().expect("memory suffices"));
    let held_back = |second| {
        let repository = repository.clone();
        tokio::spawn(
            async move { repository.store(batch(vec![sample_measurement("Hut", SAMPLE_TIME + second)])).await },
        )
    };
    let first = held_back(0);
    tokio::task::yield_now().await;
    repository.probe().await.expect("a probe is written at once");
    first.await.expect("no store panics").expect("what was held back is written with it");
    let _second = held_back(60);
    tokio::task::yield_now().await;
    repository.probe().await.expect("a commit within the interval is answer enough");
    assert_eq!(all_of(&*repository, "Hut").await.len(), 1, "the disk is written no more often for that");
}

#[tokio::test]
async fn a_store_whose_caller_is_gone_is_finished() {
    let repository = RedbRepository::in_memory().expect("memory suffices");
    for minute in 0..50 {
        tokio::select! {
            biased;
            _ = repository.store(batch(vec![sample_measurement("Hut", SAMPLE_TIME + minute)])) => {}
            () = tokio::task::yield_now() => {}
        }
    }
    repository.probe().await.expect("it is stored after the others");
    assert_eq!(all_of(&repository, "Hut").await.len(), 50);
}

#[tokio::test]
async fn the_reject_log_is_bounded_and_keeps_the_newest() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let store = async |lines: std::ops::Range<u32>| {
        let repository = RedbRepository::open(&path).expect("the file can be opened");
        repository.store(Batch { rejects: lines.map(reject).collect(), ..Batch::default() }).await.expect("stored");
        let rejects = repository.rejects(&RejectQuery::newest(usize::MAX)).await.expect("it can be read").rejects;
        rejects.iter().map(|reject| reject.line).collect::<Vec<_>>()
    };
    assert_eq!(store(0..9_999).await.len(), 9_999);
    assert_eq!(store(9_999..10_001).await, (1..10_001).rev().collect::<Vec<_>>());
    assert_eq!(store(0..12_000).await, (2_000..12_000).rev().collect::<Vec<_>>());
    assert_eq!(store(0..1).await.len(), 10_000);
}

/// Nodes are numbered up to a limit. Nodes beyond it fail, and nothing else does.
#[tokio::test]
async fn a_node_too_many_fails_its_own_batch_only() {
    const MAX_NODE_NUMBER: u32 = (1 << 21) - 1;
    const NODES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("nodes");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    repository.store(batch(vec![sample_measurement("First", SAMPLE_TIME)])).await.expect("it is stored");
    drop(repository);
    number_a_damaged_node(&path, NODES, MAX_NODE_NUMBER - 1);

    let repository = RedbRepository::open(&path).expect("the file can be opened");
    let of = |name, minute: i64| sample_measurement(name, SAMPLE_TIME + 60 * minute);
    let too_many = batch(vec![of("First", 1), of("A", 0), of("A", 1), of("B", 0)]);
    let result = repository.store(Batch { rejects: vec![reject(1)], ..too_many }).await;
    assert!(matches!(&result, Err(RepositoryError::TooManyNodes { node, .. }) if node.as_str() == "B"), "{result:?}");
    assert_eq!(repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects, []);
    assert_eq!(repository.node(&node_id("A")).await.expect("it can be read"), None);

    let fits = batch((1..100).flat_map(|minute| [of("First", minute), of("A", minute)]).collect());
    let (fits, too_many) = tokio::join!(repository.store(fits), repository.store(batch(vec![of("B", 0)])));
    assert_eq!(fits.expect("two nodes fit").stored(), 198);
    assert!(
        matches!(&too_many, Err(RepositoryError::TooManyNodes { node, .. }) if node.as_str() == "B"),
        "{too_many:?}"
    );
    assert_eq!(repository.node_numbers().get(&node_id("A")), Some(&MAX_NODE_NUMBER));
    assert_eq!(all_of(&repository, "A").await.len(), 99, "the rows of the last number can be read");
    assert!(too_many.expect_err("it failed").to_string().contains("2097151"));
}

/// A node whose record cannot be read keeps its number.
fn number_a_damaged_node(path: &std::path::Path, nodes: TableDefinition<'_, u32, &[u8]>, number: u32) {
    let database = Database::open(path).expect("the file is a redb file");
    let transaction = database.begin_write().expect("it can be written");
    {
        let mut nodes = transaction.open_table(nodes).expect("it has the table");
        nodes.insert(number, b"damaged".as_slice()).expect("it can be written");
    }
    transaction.commit().expect("it can be written");
}

#[tokio::test]
async fn an_import_adds_a_little_to_many_weeks() {
    const WEEK: i64 = 604_800;
    let repository = RedbRepository::in_memory().expect("memory is there");
    let measured = |week: i64, minute: i64| sample_measurement("Hut", SAMPLE_TIME + WEEK * week + 60 * minute);
    let weeks = |minutes: std::ops::Range<i64>| {
        let minutes = move |week| minutes.clone().map(move |minute| measured(week, minute));
        batch((0..30).flat_map(minutes).collect())
    };
    // More in total than is merged at a time.
    let first = repository.import(weeks(0..4_000)).await.expect("it can be stored");
    assert_eq!((first.stored, first.duplicates), (120_000, 0));
    let second = repository.import(weeks(3_999..4_001)).await.expect("it can be stored");
    assert_eq!((second.stored, second.duplicates), (30, 30));
    assert_eq!(all_of(&repository, "Hut").await, weeks(0..4_001).measurements);
    let checked = repository.check().await.expect("it can be read");
    assert_eq!((checked.measurements, checked.damages.len()), (120_030, 0));
}

#[tokio::test]
async fn commits_and_the_size_of_the_file_are_told() {
    let folder = TempDir::new().expect("a folder");
    let in_file = RedbRepository::open(folder.path().join("isems.redb")).expect("the file can be opened");
    let in_memory = RedbRepository::in_memory().expect("memory suffices");
    for repository in [&in_file, &in_memory] {
        assert_eq!(repository.commits().count(), 0);
        for minute in 0..3 {
            let measurement = sample_measurement("Hut", SAMPLE_TIME + 60 * minute);
            repository.store(batch(vec![measurement])).await.expect("it is stored");
        }
        repository.delete(&node_id("Hut"), SAMPLE_TIME, SAMPLE_TIME + 1).await.expect("it is deleted");
        let commits = repository.commits();
        assert_eq!(commits.count(), 4, "whatever is written is a commit");
        assert_eq!(commits.counts().len(), DurationHistogram::BOUNDS.len() + 1);
        assert!(commits.sum() > 0.0);
    }
    let length = std::fs::metadata(folder.path().join("isems.redb")).expect("there is a file").len();
    assert_eq!(in_file.file_bytes(), Some(length));
    assert_eq!(in_memory.file_bytes(), None);
}

#[test]
fn durations_are_counted_in_the_first_bucket_that_holds_them() {
    let mut histogram = DurationHistogram::default();
    for millis in [0, 1, 2, 1000, 60_000, 60_001] {
        histogram.add(Duration::from_millis(millis));
    }
    let bounds = DurationHistogram::BOUNDS.into_iter().chain([f64::INFINITY]);
    let found: Vec<_> = bounds.zip(histogram.counts().iter().copied()).filter(|(_, count)| *count > 0).collect();
    assert_eq!(found, [(0.001, 2), (0.0025, 1), (1.0, 1), (60.0, 1), (f64::INFINITY, 1)]);
    assert_eq!(histogram.count(), 6);
    assert!((histogram.sum() - 121.004).abs() < 1e-9);
    assert!(DurationHistogram::BOUNDS.is_sorted());
}
