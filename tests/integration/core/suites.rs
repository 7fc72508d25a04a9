//! The conformance suites, and proof that they find what they are meant to find.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use isems_core::{
    Batch, BoxError, Inbox, Measurement, MeasurementQuery, Node, NodeId, Payload, RedbRepository, RejectPage,
    RejectQuery, Repository, RepositoryError, Stored, Transport, async_trait, decode,
    simulation::Fleet,
    testing::{
        self, FailingRepository, SAMPLE_JSON, SAMPLE_LINE_18, SAMPLE_LINE_19, SAMPLE_TIME, sample_measurement,
        transport::Source,
    },
};

use super::node_id;

#[tokio::test]
async fn redb_in_memory_conforms() {
    testing::repository::conformance(async || RedbRepository::in_memory().expect("memory suffices")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redb_in_a_file_conforms() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let files = AtomicUsize::new(0);
    testing::repository::conformance(async || {
        let number = files.fetch_add(1, Ordering::Relaxed);
        RedbRepository::open(folder.path().join(format!("{number}.redb"))).expect("a new file can be made")
    })
    .await;
}

/// A queue as kept by a broker: a message is gone once it is acknowledged.
#[derive(Clone)]
struct Queue {
    messages: Arc<Mutex<Vec<String>>>,
    all: Vec<Measurement>,
    habit: Habit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Habit {
    AcknowledgesAfterStoring,
    AcknowledgesBeforeStoring,
    IgnoresErrors,
}

impl Queue {
    fn new(habit: Habit) -> Self {
        let all: Vec<_> = Fleet::new(1, 3, SAMPLE_TIME).take(30).collect();
        let lines: Vec<_> = all.iter().map(ToString::to_string).collect();
        let messages = lines.chunks(4).map(|chunk| chunk.join("\n")).collect();
        Self { messages: Arc::new(Mutex::new(messages)), all, habit }
    }

    fn first(&self) -> Option<String> {
        self.messages.lock().expect("no test panics with it").first().cloned()
    }

    fn acknowledge(&self) {
        self.messages.lock().expect("no test panics with it").remove(0);
    }
}

#[async_trait]
impl Transport for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        while let Some(message) = self.first() {
            if self.habit == Habit::AcknowledgesBeforeStoring {
                self.acknowledge();
            }
            let result = inbox.deliver(Payload::csvlog(message.as_bytes(), "a queue")).await;
            if self.habit != Habit::IgnoresErrors {
                result?;
            }
            if self.habit != Habit::AcknowledgesBeforeStoring {
                self.acknowledge();
            }
        }
        Ok(())
    }
}

impl Source for Queue {
    fn transport(&self) -> Box<dyn Transport> {
        Box::new(self.clone())
    }

    fn expected(&self) -> Vec<Measurement> {
        self.all.clone()
    }
}

#[tokio::test]
async fn a_transport_that_acknowledges_after_storing_conforms() {
    testing::transport::conformance(async || Queue::new(Habit::AcknowledgesAfterStoring)).await;
}

#[tokio::test]
#[should_panic(expected = "the condition does not hold")]
async fn a_transport_that_acknowledges_before_storing_loses_something() {
    testing::transport::conformance(async || Queue::new(Habit::AcknowledgesBeforeStoring)).await;
}

#[tokio::test]
#[should_panic(expected = "the condition does not hold")]
async fn a_transport_that_ignores_errors_loses_something() {
    testing::transport::conformance(async || Queue::new(Habit::IgnoresErrors)).await;
}

/// A repository that corrupts what passes through it. Its series are the trait's own.
struct Spoiled {
    repository: RedbRepository,
    spoils: fn(&mut Batch),
    deletes: bool,
}

#[async_trait]
impl Repository for Spoiled {
    async fn store(&self, mut batch: Batch) -> Result<Stored, RepositoryError> {
        (self.spoils)(&mut batch);
        self.repository.store(batch).await
    }

    async fn probe(&self) -> Result<(), RepositoryError> {
        self.repository.probe().await
    }

    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.repository.nodes_after(after, limit).await
    }

    async fn node_count(&self) -> Result<u64, RepositoryError> {
        self.repository.node_count().await
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        self.repository.node(id).await
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        self.repository.measurements(query).await
    }

    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError> {
        if self.deletes { self.repository.delete(node, from, to).await } else { Ok(0) }
    }

    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError> {
        self.repository.rejects(query).await
    }

    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        self.repository.metadata(key).await
    }
}

async fn judge(spoils: fn(&mut Batch)) {
    judge_that_deletes(spoils, true).await;
}

async fn judge_that_deletes(spoils: fn(&mut Batch), deletes: bool) {
    testing::repository::conformance(async || Spoiled {
        repository: RedbRepository::in_memory().expect("memory suffices"),
        spoils,
        deletes,
    })
    .await;
}

#[tokio::test]
async fn a_repository_with_the_series_of_the_trait_conforms() {
    judge(|_| {}).await;
}

#[tokio::test]
#[should_panic(expected = "a range contains its start and not its end")]
async fn a_repository_that_does_not_delete_does_not_conform() {
    judge_that_deletes(|_| {}, false).await;
}

#[tokio::test]
#[should_panic(expected = "a measurement is read as it was stored")]
async fn a_repository_that_rounds_does_not_conform() {
    judge(|batch| batch.measurements.iter_mut().for_each(|m| m.battery_voltage = m.battery_voltage.map(f64::round)))
        .await;
}

#[tokio::test]
#[should_panic(expected = "rejects are listed newest first")]
async fn a_repository_without_rejects_does_not_conform() {
    judge(|batch| batch.rejects.clear()).await;
}

#[tokio::test]
#[should_panic(expected = "rejects that depend on outcomes are kept after the others")]
async fn a_repository_that_forgets_rejects_by_outcome_does_not_conform() {
    judge(|batch| batch.late_rejects = None).await;
}

#[tokio::test]
#[should_panic(expected = "is kept")]
async fn a_repository_without_metadata_does_not_conform() {
    judge(|batch| batch.metadata.clear()).await;
}

#[tokio::test]
#[should_panic(expected = "settled in its order")]
async fn a_repository_that_turns_batches_round_does_not_conform() {
    judge(|batch| batch.measurements.reverse()).await;
}

#[tokio::test]
async fn a_failing_repository_recovers() {
    let inner = Arc::new(RedbRepository::in_memory().expect("memory suffices"));
    let failing = FailingRepository::new(inner, 2);
    let batch = || Batch { measurements: vec![sample_measurement("Hut", SAMPLE_TIME)], ..Batch::default() };
    for left in [1, 0] {
        assert!(failing.store(batch()).await.is_err());
        assert_eq!(failing.failures_left(), left);
    }
    assert_eq!(failing.store(batch()).await.expect("it has failed enough").stored(), 1);
    assert_eq!(failing.nodes().await.expect("reading works").len(), 1);
}

#[test]
fn the_samples_are_what_nodes_send() {
    let lines = format!("{SAMPLE_LINE_18}\n{SAMPLE_LINE_19}\n");
    let decoded = decode(&Payload::csvlog(lines.as_bytes(), "a test"));
    assert_eq!(decoded.measurements.len(), 2);
    assert!(decoded.measurements.iter().all(|measurement| measurement.timestamp == SAMPLE_TIME));
    let decoded = decode(&Payload::json(SAMPLE_JSON.as_bytes(), node_id("Hut"), "a test"));
    assert_eq!(decoded.measurements.len(), 1);
    assert_eq!(sample_measurement("Hut", SAMPLE_TIME).validate(), Ok(()));
}
