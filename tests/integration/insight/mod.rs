//! Insight into nodes, without a server.

mod events;
mod findings;
mod states;
mod traffic;
mod verdicts;
mod watcher;

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use isems_core::{
    BoxError, Collector, Inbox, Measurement, Repository, Transport, async_trait, testing::sample_measurement,
};
use isems_insight::{WatchedCollector, Watcher, WatcherOptions};
use tokio::{sync::oneshot, task::JoinHandle, time};

/// The beginning of the tests, Unix seconds. They look at the time that they name, not at the clock.
pub(super) const START: i64 = 1_530_000_000;

pub(super) fn arrived(node: &str, timestamp: i64, received_at: i64) -> Measurement {
    Measurement { received_at, ..sample_measurement(node, timestamp) }
}

/// A collector that is watched, runs, and stores what a test says.
pub(super) struct Watched {
    pub(super) watcher: Watcher,
    inbox: Inbox,
    clock: Arc<AtomicI64>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Watched {
    pub(super) async fn start(repository: Arc<dyn Repository>, kept_events: usize) -> Self {
        Self::with(repository, WatcherOptions { kept_events, assesses: false, ..WatcherOptions::default() }).await
    }

    /// One that assesses nodes, too.
    async fn assessing(repository: Arc<dyn Repository>) -> Self {
        Self::with(repository, WatcherOptions::default()).await
    }

    async fn with(repository: Arc<dyn Repository>, options: WatcherOptions) -> Self {
        let time = Arc::new(AtomicI64::new(START));
        let clock = time.clone();
        let clock = Arc::new(move || clock.load(Ordering::Relaxed));
        let (sender, inbox) = oneshot::channel();
        let collector = Collector::new(repository).transport(Handing(Some(sender))).unwrap();
        let options = WatcherOptions { clock, ..options };
        let collector = WatchedCollector::with_options(collector, options);
        let watcher = collector.watcher();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(collector.run(async { stopped.await.unwrap() }));
        Self { watcher, inbox: in_time(inbox).await.unwrap(), clock: time, stop, task }
    }

    /// Stores measurements that arrived when they say so.
    pub(super) async fn store(&self, measurements: Vec<Measurement>) {
        self.inbox.deliver_measurements("test", measurements).await.unwrap();
    }

    /// Looks at all nodes at a time.
    pub(super) async fn refresh_at(&self, now: i64) {
        self.clock.store(now, Ordering::Relaxed);
        self.watcher.refresh().await.unwrap();
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        in_time(self.task).await.unwrap();
    }
}

/// A transport that hands out its inbox, and goes on.
struct Handing(Option<oneshot::Sender<Inbox>>);

#[async_trait]
impl Transport for Handing {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        if let Some(sender) = self.0.take() {
            drop(sender.send(inbox.clone()));
        }
        pending().await
    }
}

/// Awaits what takes no time to speak of, or fails a test that would wait for ever.
async fn in_time<F: Future>(future: F) -> F::Output {
    time::timeout(Duration::from_mins(1), future).await.expect("it took more than a minute")
}
