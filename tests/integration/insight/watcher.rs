//! The watcher over a collector: what it learns, and what it answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use isems_core::{
    Batch, Collector, Measurement, MeasurementQuery, NodeId, RedbRepository, RejectReason, Repository, RepositoryError,
    Stored, async_trait,
    testing::{HookedRepository, StoreHook},
};
use isems_insight::{Event, NextError, NodeState, Snapshot, WatchedCollector, WatchedNode, WatcherOptions};
use tokio::time::{self, Instant};

use super::{START, Watched, arrived, in_time};

const QUARTER: i64 = 900;

/// The measurements of a node that measures every minute and is polled every quarter of an hour, up to a time.
fn polled(node: &str, polls: i64, last: i64) -> Vec<Measurement> {
    let poll = |poll| (0..15).map(move |minute| (last - poll * QUARTER - minute * 60, last - poll * QUARTER));
    (0..polls).flat_map(poll).map(|(timestamp, received_at)| arrived(node, timestamp, received_at)).collect()
}

/// The measurements of a node that publishes whatever it measures at once, up to a time.
fn published(node: &str, messages: i64, last: i64) -> Vec<Measurement> {
    (0..messages).map(|message| arrived(node, last - message * 65, last - message * 65)).collect()
}

async fn store(repository: &dyn Repository, measurements: Vec<Measurement>) {
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
}

fn of<'a>(snapshot: &'a Snapshot, node: &str) -> &'a WatchedNode {
    snapshot.nodes.iter().find(|watched| watched.node.id.as_str() == node).unwrap()
}

#[tokio::test]
async fn a_restart_learns_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).unwrap();
    let all = [polled("Polled", 200, START), published("Publishing", 1000, START), published("New", 3, START)];
    store(&repository, all.concat()).await;
    drop(repository);

    let watched = Watched::start(Arc::new(RedbRepository::open(&path).unwrap()), 1).await;
    let snapshot = watched.watcher.snapshot().await.unwrap();
    assert_eq!(of(&snapshot, "Polled").usual_interval, Some(QUARTER));
    assert_eq!(of(&snapshot, "Publishing").usual_interval, Some(65));
    assert_eq!(of(&snapshot, "New").usual_interval, None, "two gaps are too few");
    let one = watched.watcher.node(&NodeId::new("Publishing").unwrap()).await.unwrap().unwrap();
    assert_eq!((one.usual_interval, one.state), (Some(65), NodeState::Active));
    assert!(watched.watcher.node(&NodeId::new("Nobody").unwrap()).await.unwrap().is_none());
    watched.stop().await;
}

#[tokio::test]
async fn a_snapshot_shows_what_was_stored_just_now_at_one_moment() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let watched = Watched::start(repository.clone(), 100).await;
    let empty = watched.watcher.snapshot().await.unwrap();
    assert!(empty.nodes.is_empty() && empty.worst().is_empty() && empty.counts().total() == 0);
    watched.store(published("Hut", 40, START)).await;
    // Past the collector, as an import does.
    store(&*repository, published("Imported", 40, START - 3 * 65 - 1)).await;
    store(&*repository, published("Gone", 1, START - 30 * 86_400)).await;
    let rejected = arrived("Hut", 1, START);
    watched.store(vec![rejected]).await;

    let snapshot = watched.watcher.snapshot().await.unwrap();
    assert_eq!(snapshot.at, START);
    let names: Vec<&str> = snapshot.nodes.iter().map(|watched| watched.node.id.as_str()).collect();
    assert_eq!(names, ["Gone", "Hut", "Imported"]);
    let states: Vec<NodeState> = snapshot.nodes.iter().map(|watched| watched.state).collect();
    assert_eq!(states, [NodeState::Inactive, NodeState::Active, NodeState::Silent]);
    let counts = snapshot.counts();
    assert_eq!((counts.active, counts.silent, counts.inactive, counts.total()), (1, 1, 1, 3));
    assert_eq!(NodeState::ALL.map(|state| counts.of(state)), [1, 1, 1]);
    assert_eq!(snapshot.measurements(), 81);
    assert_eq!(snapshot.worst()[0].node.id.as_str(), "Imported");
    for traffic in [&snapshot.last_minute, &snapshot.last_hour] {
        assert_eq!(traffic.stored, 40, "what came by the collector");
        assert_eq!(traffic.rejected.of(RejectReason::ClockUnset), 1);
    }
    repository.delete(&NodeId::new("Hut").unwrap(), i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(watched.watcher.snapshot().await.unwrap().nodes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nodes_are_followed_while_it_runs_also_without_transports() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, vec![arrived("Hut", START, START)]).await;
    let begin = Instant::now();
    let clock = Arc::new(move || START + begin.elapsed().as_secs() as i64);
    let options = WatcherOptions { assesses: false, clock, ..WatcherOptions::default() };
    let collector = WatchedCollector::with_options(Collector::new(repository), options);
    let watcher = collector.watcher();
    let mut events = watcher.subscribe();
    // Nobody asks for it: a turn of the watcher finds out.
    let stop = async {
        let event = events.next().await.unwrap();
        let Event::StateChanged(change) = &event.event else { panic!("{event:?}") };
        assert_eq!(change.state, NodeState::Silent);
        assert!((2701..2720).contains(&(change.at - START)), "{change:?}");
    };
    time::timeout(Duration::from_hours(1), collector.run(stop)).await.expect("it is silent after three quarters");
    drop(watcher);
    assert_eq!(events.next().await, Err(NextError::Ended));
}

/// Cannot read the measurements of a node, or panics there.
struct Unreadable {
    node: NodeId,
    panics: AtomicBool,
}

#[async_trait]
impl StoreHook for Unreadable {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        repository.store(batch).await
    }

    async fn measurements(
        &self,
        repository: &dyn Repository,
        query: &MeasurementQuery,
    ) -> Result<Vec<Measurement>, RepositoryError> {
        if query.node == self.node {
            assert!(!self.panics.load(Ordering::Relaxed), "a panic for the test");
            return Err(RepositoryError::Unavailable {
                action: "read",
                retry: true,
                source: "a failure for the test".into(),
            });
        }
        repository.measurements(query).await
    }
}

fn unreadable(node: &str, panics: bool) -> Unreadable {
    Unreadable { node: node.parse().unwrap(), panics: panics.into() }
}

#[tokio::test]
async fn a_node_that_cannot_be_read_costs_the_others_nothing() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, [published("Bad", 10, START), published("Good", 10, START)].concat()).await;
    let repository = HookedRepository::over(repository, unreadable("Bad", false));
    let watched = Watched::start(Arc::new(repository), 100).await;
    let snapshot = watched.watcher.snapshot().await.unwrap();
    assert_eq!(of(&snapshot, "Bad").usual_interval, None);
    assert_eq!(of(&snapshot, "Good").usual_interval, Some(65));
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_turn() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&*repository, published("Bad", 10, START)).await;
    let repository = Arc::new(HookedRepository::over(repository, unreadable("Bad", true)));
    let watched = Watched::start(repository.clone(), 100).await;
    time::sleep(Duration::from_mins(1)).await;
    repository.hook.panics.store(false, Ordering::Relaxed);
    let mut events = watched.watcher.subscribe();
    watched.store(published("Good", 1, START)).await;
    in_time(events.next()).await.unwrap();
    watched.refresh_at(START).await;
    watched.clock.store(START + 3 * QUARTER + 1, Ordering::Relaxed);
    // A turn of the watcher tells it, so it goes on.
    assert_eq!(in_time(events.next()).await.unwrap().event.node().as_str(), "Good");
    watched.stop().await;
}
