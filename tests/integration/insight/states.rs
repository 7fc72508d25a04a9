//! Usual intervals, and the states of nodes by them.

use std::sync::Arc;

use isems_core::{
    Batch, Measurement, MeasurementQuery, Node, NodeId, RedbRepository, Repository, testing::sample_measurement,
};
use isems_insight::{NodeState, NodeStates, StateChange};

/// The beginning of the tests, Unix seconds. They look at the time that they name, not at the clock.
const START: i64 = 1_530_000_000;

const QUARTER: i64 = 900;

fn id(node: &str) -> NodeId {
    node.parse().unwrap()
}

fn arrived(node: &str, timestamp: i64, received_at: i64) -> Measurement {
    Measurement { received_at, ..sample_measurement(node, timestamp) }
}

/// The measurements of a node that measures every minute and is polled every quarter of an hour.
fn polled(node: &str, polls: i64) -> Vec<Measurement> {
    let poll = |poll| (0..15).map(move |minute| (START + poll * QUARTER - minute * 60, START + poll * QUARTER));
    (0..polls).flat_map(poll).map(|(timestamp, received_at)| arrived(node, timestamp, received_at)).collect()
}

/// The measurements of a node that publishes whatever it measures at once.
fn published(node: &str, messages: i64) -> Vec<Measurement> {
    (0..messages).map(|message| arrived(node, START + message * 65, START + message * 65 + 1)).collect()
}

async fn store(repository: &dyn Repository, measurements: Vec<Measurement>) {
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
}

async fn nodes(repository: &dyn Repository) -> Vec<Arc<Node>> {
    repository.nodes().await.unwrap()
}

/// Learns what is stored of every node, as a watcher does.
async fn learn(states: &mut NodeStates, repository: &dyn Repository, now: i64) {
    for node in nodes(repository).await {
        let query =
            MeasurementQuery { limit: NodeStates::LEARNED_FROM, ..MeasurementQuery::newest_first(node.id.clone()) };
        states.learn(&node.id, &repository.measurements(&query).await.unwrap(), now);
    }
}

/// Stores measurements, and tells the states of them one by one, as a collector does.
async fn deliver(repository: &dyn Repository, states: &mut NodeStates, measurements: Vec<Measurement>) {
    for measurement in &measurements {
        states.hear(std::slice::from_ref(measurement));
    }
    store(repository, measurements).await;
}

fn change(node: &str, previous: NodeState, state: NodeState, at: i64) -> StateChange {
    StateChange { node: id(node), previous, state, at }
}

#[tokio::test]
async fn the_interval_is_that_of_arrivals_and_not_of_lines() {
    let repository = RedbRepository::in_memory().unwrap();
    let mut states = NodeStates::new(30);
    let all = [polled("Polled", 10), published("Publishing", 40), published("New", 3)].concat();
    deliver(&repository, &mut states, all).await;
    for _ in ["heard", "learned as well"] {
        assert_eq!(states.usual_interval(&id("Polled")), Some(QUARTER));
        assert_eq!(states.usual_interval(&id("Publishing")), Some(65));
        assert_eq!(states.usual_interval(&id("New")), None, "two gaps are too few");
        learn(&mut states, &repository, i64::MAX).await;
    }
    assert_eq!(states.usual_interval(&id("Nobody")), None);
}

#[tokio::test]
async fn a_node_that_gets_into_another_habit_is_followed() {
    let mut states = NodeStates::new(30);
    let mut at = START;
    for gap in [65; 20] {
        states.hear(&[arrived("Hut", at, at)]);
        at += gap;
    }
    // A gap now and then is no habit.
    for gap in [5000, 300, 300, 300, 300, 300, 300] {
        states.hear(&[arrived("Hut", at, at)]);
        at += gap;
    }
    assert_eq!(states.usual_interval(&id("Hut")), Some(65));
    for gap in [300; 5] {
        states.hear(&[arrived("Hut", at, at)]);
        at += gap;
    }
    assert_eq!(states.usual_interval(&id("Hut")), Some(300));
}

#[tokio::test]
async fn a_node_is_silent_after_three_of_its_own_intervals() {
    let repository = RedbRepository::in_memory().unwrap();
    let mut states = NodeStates::new(30);
    store(&repository, [polled("Polled", 10), published("Publishing", 40), published("Unknown", 1)].concat()).await;
    let nodes = nodes(&repository).await;
    learn(&mut states, &repository, i64::MAX).await;
    for (node, silence) in nodes.iter().zip([3 * QUARTER, 3 * 65, 3 * QUARTER]) {
        let last = node.last_received_at + silence;
        assert_eq!(states.state(node, last), NodeState::Active, "{}", node.id);
        assert_eq!(states.state(node, last + 1), NodeState::Silent, "{}", node.id);
    }
}

#[tokio::test]
async fn a_node_is_inactive_by_what_it_measured() {
    let repository = RedbRepository::in_memory().unwrap();
    // Its log of long ago has just arrived.
    store(&repository, vec![arrived("Hut", START, START + 2 * 86_400)]).await;
    let hut = &nodes(&repository).await[0];
    for (days, state) in [(3, NodeState::Active), (2, NodeState::Inactive), (0, NodeState::Inactive)] {
        let states = NodeStates::new(days);
        assert_eq!(states.state(hut, START + 2 * 86_400), state, "{days} days");
    }
    assert_eq!(NodeStates::new(u32::MAX).state(hut, i64::MIN), NodeState::Active);
    assert_eq!(NodeStates::new(u32::MAX).state(hut, i64::MAX), NodeState::Inactive);
}

#[tokio::test]
async fn a_change_is_told_once() {
    use NodeState::{Active, Inactive, Silent};

    let repository = RedbRepository::in_memory().unwrap();
    let mut states = NodeStates::new(1);
    deliver(&repository, &mut states, published("Hut", 40)).await;
    let last = START + 39 * 65 + 1;
    let mut known = nodes(&repository).await;
    assert!(states.changes(&known, last).is_empty() && states.changes(&known, last + 1000).is_empty());

    learn(&mut states, &repository, i64::MAX).await;
    assert!(states.changes(&known, last).is_empty(), "what it is at first is no change");
    assert!(states.changes(&known, last + 195).is_empty());
    assert_eq!(states.changes(&known, last + 196), [change("Hut", Active, Silent, last + 196)]);
    assert!(states.changes(&known, last + 197).is_empty());

    deliver(&repository, &mut states, vec![arrived("Hut", last + 300, last + 301)]).await;
    deliver(&repository, &mut states, published("New", 10)).await;
    known = nodes(&repository).await;
    learn(&mut states, &repository, i64::MAX).await;
    assert_eq!(states.changes(&known, last + 302), [change("Hut", Silent, Active, last + 302)]);

    let late = last + 300 + 86_400;
    let mut changes = states.changes(&known, late);
    changes.retain(|change| change.node == id("Hut"));
    assert_eq!(changes, [change("Hut", Active, Inactive, late)]);
}

#[tokio::test]
async fn a_node_that_is_deleted_is_forgotten() {
    let repository = RedbRepository::in_memory().unwrap();
    let mut states = NodeStates::new(30);
    deliver(&repository, &mut states, published("Hut", 40)).await;
    states.changes(&nodes(&repository).await, START);
    assert_eq!(states.usual_interval(&id("Hut")), Some(65));
    repository.delete(&id("Hut"), i64::MIN, i64::MAX).await.unwrap();
    // That another node has come meanwhile hides nothing.
    store(&repository, published("Other", 1)).await;
    states.changes(&nodes(&repository).await, START);
    assert_eq!(states.usual_interval(&id("Hut")), None);
}

#[tokio::test]
async fn a_clock_that_jumps_keeps_no_node_active() {
    use NodeState::{Active, Silent};

    let repository = RedbRepository::in_memory().unwrap();
    let mut states = NodeStates::new(30);
    deliver(&repository, &mut states, published("Hut", 40)).await;
    let last = START + 39 * 65 + 1;
    let year = 365 * 86_400;
    // The clock is a year ahead for one message.
    deliver(&repository, &mut states, vec![arrived("Hut", last + 64, last + 65 + year)]).await;
    learn(&mut states, &repository, i64::MAX).await;
    assert_eq!(states.usual_interval(&id("Hut")), Some(65));
    deliver(&repository, &mut states, vec![arrived("Hut", last + 129, last + 130)]).await;
    let known = nodes(&repository).await;
    assert_eq!(known[0].last_received_at, last + 65 + year);
    assert_eq!(states.usual_interval(&id("Hut")), Some(65));
    assert!(states.changes(&known, last + 130).is_empty());
    assert_eq!(states.changes(&known, last + 500), [change("Hut", Active, Silent, last + 500)]);

    // After the last arrival it is put back by an hour: the silence begins then.
    let back = last + 500 - 3600;
    assert_eq!(states.changes(&known, back), [change("Hut", Silent, Active, back)]);
    assert_eq!(states.changes(&known, back + 196), [change("Hut", Active, Silent, back + 196)]);

    for at in [i64::MAX, i64::MIN, 0, i64::MAX] {
        states.hear(&[arrived("Hut", last, at)]);
        states.changes(&known, at);
        states.state(&known[0], at);
    }
    assert_eq!(states.usual_interval(&id("Hut")), Some(65));
}

#[tokio::test]
async fn a_restart_does_not_believe_what_a_wrong_clock_wrote() {
    let now = isems_core::unix_now();
    let repository = RedbRepository::in_memory().unwrap();
    let mut all: Vec<_> = (1..20).map(|back| arrived("Hut", now - back * 65, now - back * 65)).collect();
    all.push(arrived("Hut", now - 3, now + 365 * 86_400));
    store(&repository, all).await;
    let mut states = NodeStates::new(30);
    let known = nodes(&repository).await;
    learn(&mut states, &repository, now).await;
    assert_eq!(states.usual_interval(&id("Hut")), Some(65));
    assert_eq!(states.state(&known[0], now + 400), NodeState::Silent);
}
