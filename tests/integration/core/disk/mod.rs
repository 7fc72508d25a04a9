//! Disks that are full or fail: everything acknowledged stays, reading continues, and so does writing once it can.

mod simulated;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use isems_core::{
    Batch, Buckets, Measurement, MeasurementQuery, Node, NumberField, RedbOptions, RedbRepository, Reject, RejectKind,
    RejectQuery, RejectReason, Repository, RepositoryError, SeriesQuery, chain, testing::sample_measurement,
};
use tokio::time::{self, Instant};

use self::simulated::{Call, Disk, Fault};
use super::{MONDAY, WEEK, all_of, assert_exact, node_id};
use crate::recorder::{logged_with, record_log};

/// The time limit for anything that must happen.
const DEADLINE: Duration = Duration::from_mins(1);

/// Caches nothing, so that every read reaches the disk.
fn open_as(name: &str, disk: &Disk) -> RedbRepository {
    open_with(&RedbOptions { cache_bytes: 0, ..RedbOptions::default() }, name, disk)
}

fn open(disk: &Disk) -> RedbRepository {
    open_with(&RedbOptions::default(), "a simulated disk", disk)
}

fn open_with(options: &RedbOptions, name: &str, disk: &Disk) -> RedbRepository {
    let disk = disk.clone();
    options.open_backend(name, move || disk.open()).expect("the disk works")
}

fn reject(line: u32) -> Reject {
    Reject {
        kind: RejectKind::Line,
        received_at: MONDAY,
        transport: "test".into(),
        source: "a test".into(),
        node: None,
        reason: RejectReason::FieldCount,
        field: None,
        line,
        text: "?".into(),
    }
}

fn measurements(node: &str, times: impl IntoIterator<Item = i64>) -> Vec<Measurement> {
    times.into_iter().map(|time| sample_measurement(node, time)).collect()
}

/// Retries something until it succeeds.
async fn until_done<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, RepositoryError>) -> T {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{what} never succeeds: {}", chain(&error)),
        }
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// Returns everything that a repository says about its nodes.
async fn everything(repository: &RedbRepository) -> (Vec<Node>, BTreeMap<String, Vec<Measurement>>) {
    let nodes: Vec<Node> =
        repository.nodes().await.expect("they are in memory").iter().map(|node| (**node).clone()).collect();
    let mut all = BTreeMap::new();
    for node in &nodes {
        all.insert(node.id.to_string(), all_of(repository, node.id.as_str()).await);
    }
    (nodes, all)
}

/// Checks that every way of reading returns what is expected of a node.
async fn assert_read(repository: &RedbRepository, node: &str, expected: &[Measurement], rejects: usize) {
    assert_exact(&all_of(repository, node).await, expected);
    let query = SeriesQuery {
        node: node_id(node),
        fields: vec![NumberField::BatteryVoltage],
        from: 0,
        to: i64::MAX,
        buckets: Buckets::AtMost(1),
    };
    let series = repository.series(&query).await.expect("a series can be read");
    assert_eq!(series.fields[0].1.iter().map(|bucket| bucket.count).sum::<u64>(), expected.len() as u64);
    let known = repository.node(&node_id(node)).await.expect("it is in memory").expect("the node is known");
    assert_eq!((known.measurements, &known.latest), (expected.len() as u64, expected.last().expect("there is one")));
    let page = repository.rejects(&RejectQuery::newest(usize::MAX)).await.expect("rejects can be read");
    assert_eq!(page.rejects.len(), rejects);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_once_and_waited_out_while_everything_can_be_read() {
    record_log();
    let name = "a disk that fills up";
    let disk = Disk::default();
    let repository = Arc::new(open_as(name, &disk));
    let history = measurements("Hut", (0..2000).map(|minute| MONDAY + minute * 60));
    repository.store(Batch { measurements: history.clone(), ..Batch::default() }).await.expect("there is room");
    repository.seal(MONDAY + WEEK).await.expect("there is room");
    let later = |number: i64| Batch {
        measurements: measurements("Hut", (0..100).map(|minute| MONDAY + WEEK + (number * 100 + minute) * 60)),
        rejects: vec![reject(number as u32)],
        ..Batch::default()
    };
    let mut expected = history;
    let mut stored = 0;
    disk.fail(Fault::Full(disk.pages() + 100));
    let error = loop {
        match repository.store(later(stored)).await {
            Ok(_) => {
                expected.extend(later(stored).measurements);
                stored += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(stored > 0 && chain(&error).contains("no storage space"), "{}", chain(&error));

    for fault in
        [Fault::Full(disk.pages()), Fault::Always(Call::Write), Fault::Always(Call::Sync), Fault::Full(disk.pages())]
    {
        disk.fail(fault);
        let mut told = BTreeSet::new();
        for _ in 0..60 {
            let failed = repository.store(later(stored)).await.expect_err("the disk fails");
            // It was full first, and nothing has been written since.
            assert!(matches!(failed, RepositoryError::Full { .. }) && failed.is_temporary(), "{failed:?}");
            told.insert(chain(&failed));
            assert_read(&repository, "Hut", &expected, stored as usize).await;
        }
        assert_eq!(told.len(), 1, "whoever logs what is new logs once: {told:?}");
    }

    disk.work();
    until_done("storing", async || repository.store(later(stored)).await).await;
    expected.extend(later(stored).measurements);
    assert_read(&repository, "Hut", &expected, stored as usize + 1).await;
    repository.seal(i64::MAX).await.expect("there is room");
    assert_read(&repository, "Hut", &expected, stored as usize + 1).await;
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
    let lines = logged_with(name);
    let of = |level: &str| lines.iter().filter(|line| line.trim_start().starts_with(level)).count();
    assert_eq!((of("ERROR"), of("INFO"), lines.len()), (1, 1, 2), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_while_the_disk_is_full_is_never_disturbed() {
    let disk = Disk::default();
    let repository = Arc::new(open_as("a disk that is full", &disk));
    let history = measurements("Hut", (0..500).map(|minute| MONDAY + minute * 60));
    repository.store(Batch { measurements: history.clone(), ..Batch::default() }).await.expect("there is room");
    disk.fail(Fault::Full(disk.pages()));
    let failures = Arc::new(AtomicUsize::new(0));
    let (writer, counted) = (repository.clone(), failures.clone());
    let writing = tokio::spawn(async move {
        for number in 0_i64.. {
            let new = measurements("Other", (0..500).map(|minute| MONDAY + (number * 500 + minute) * 60));
            if writer.store(Batch { measurements: new, ..Batch::default() }).await.is_err() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            time::sleep(Duration::from_millis(1)).await;
        }
    });
    let start = Instant::now();
    // The disk is written to for a third time after a second.
    while failures.load(Ordering::SeqCst) < 1000 {
        assert_exact(&all_of(&*repository, "Hut").await, &history);
        assert!(start.elapsed() < DEADLINE);
    }
    writing.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_read_is_waited_out() {
    let disk = Disk::default();
    let repository = open_as("a disk that cannot be read", &disk);
    let history = measurements("Hut", (0..500).map(|minute| MONDAY + minute * 60));
    repository.store(Batch { measurements: history.clone(), ..Batch::default() }).await.expect("the disk works");
    for _ in 0..3 {
        disk.fail(Fault::Always(Call::Read));
        for _ in 0..20 {
            let query = MeasurementQuery::oldest_first(node_id("Hut"));
            let error = repository.measurements(&query).await.expect_err("nothing can be read");
            assert!(chain(&error).contains("Read does not work"), "{}", chain(&error));
            assert!(matches!(error, RepositoryError::Unavailable { retry: true, .. }), "{error:?}");
            assert_eq!(repository.nodes().await.expect("they are in memory").len(), 1);
            repository.probe().await.expect_err("nothing can be written, either");
        }
        disk.work();
        assert_exact(&all_of(&repository, "Hut").await, &history);
        until_done("storing", async || repository.probe().await).await;
    }
    assert_eq!(repository.check().await.expect("it can be read").damages, []);
}

/// The expected content: measurements by node and time.
type Content = BTreeMap<String, BTreeMap<i64, Measurement>>;

/// An operation that changes the content.
#[derive(Debug, Clone)]
enum Step {
    Store(Vec<Measurement>),
    Import(Vec<Measurement>),
    Seal,
    Delete(&'static str, i64, i64),
}

impl Step {
    async fn take(&self, repository: &RedbRepository) -> Result<(), RepositoryError> {
        let batch = |measurements: &[Measurement]| Batch { measurements: measurements.to_vec(), ..Batch::default() };
        match self {
            Self::Store(measurements) => repository.store(batch(measurements)).await.map(drop),
            Self::Import(measurements) => repository.import(batch(measurements)).await.map(drop),
            Self::Seal => repository.seal(MONDAY + WEEK).await.map(drop),
            Self::Delete(node, from, to) => repository.delete(&node_id(node), *from, *to).await.map(drop),
        }
    }

    fn change(&self, content: &mut Content) {
        match self {
            Self::Store(measurements) | Self::Import(measurements) => {
                for measurement in measurements {
                    let node = content.entry(measurement.node_id.to_string()).or_default();
                    node.entry(measurement.timestamp).or_insert_with(|| measurement.clone());
                }
            }
            Self::Seal => {}
            Self::Delete(node, from, to) => {
                if let Some(node) = content.get_mut(*node) {
                    node.retain(|time, _| !(*from..*to).contains(time));
                }
                content.retain(|_, node| !node.is_empty());
            }
        }
    }
}

fn scenario() -> Vec<Step> {
    let hours = |node, start: i64, count: i64| measurements(node, (0..count).map(|hour| MONDAY + start + hour * 3600));
    vec![
        Step::Store([hours("A", 0, 60), hours("B", 5, 60)].concat()),
        Step::Store([hours("A", WEEK, 20), hours("C", 7, 40)].concat()),
        Step::Seal,
        Step::Store([hours("A", 1800, 30), hours("C", 1800, 3)].concat()),
        Step::Seal,
        Step::Delete("B", MONDAY + 36_000, MONDAY + 72_000),
        Step::Import([hours("D", 0, 168), hours("A", 900, 20)].concat()),
        Step::Delete("C", 0, i64::MAX),
        Step::Store(hours("E", WEEK, 10)),
    ]
}

async fn content(repository: &RedbRepository) -> Result<Content, RepositoryError> {
    let mut content = Content::new();
    for node in repository.nodes().await? {
        let query = MeasurementQuery::oldest_first(node.id.clone());
        let measurements = repository.measurements(&query).await?;
        let by_time = measurements.into_iter().map(|measurement| (measurement.timestamp, measurement));
        content.insert(node.id.to_string(), by_time.collect());
    }
    Ok(content)
}

/// Takes all steps on a disk on which one call fails. Each step that fails happens completely or not at all, and the
/// known nodes match the disk. Returns the number of calls and the number of failed steps.
async fn survive(call: usize) -> (usize, usize) {
    let disk = &Disk::default();
    let repository = open(disk);
    let mut expected = Content::new();
    let mut failed = 0;
    disk.fail(Fault::Once(call));
    for step in scenario() {
        let before = expected.clone();
        step.change(&mut expected);
        if step.take(&repository).await.is_err() {
            failed += 1;
            // The first to read finds the file broken.
            until_done("reading", async || repository.rejects(&RejectQuery::newest(1)).await).await;
            let found = until_done("reading", async || content(&repository).await).await;
            assert!(found == before || found == expected, "call {call}: {step:?} is done in part");
            let fresh = open(&disk.copy());
            assert_eq!(everything(&repository).await, everything(&fresh).await, "call {call}, after {step:?}");
            until_done("a step", async || step.take(&repository).await).await;
        }
    }
    let calls = disk.calls();
    disk.work();
    let found = until_done("reading", async || content(&repository).await).await;
    assert!(found == expected, "call {call}");
    assert_eq!(repository.check().await.expect("it can be read").damages, [], "call {call}");
    let known = everything(&repository).await;
    drop(repository);
    assert_eq!(known, everything(&open(disk)).await, "call {call}");
    (calls, failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_call_to_the_disk_can_fail() {
    let (calls, _) = survive(usize::MAX).await;
    let mut failed = 0;
    for call in 0..calls {
        failed += survive(call).await.1;
    }
    assert!(calls > 100 && failed > calls / 2, "{failed} steps failed of {calls} calls");
}
