//! The watcher: feeds the verdicts with what a collector stores, and tells them.

use std::{
    error::Error,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use isems_core::{
    Collector, Measurement, MeasurementQuery, Monitor, Node, NodeId, Repository, RepositoryError, panic_message,
    unix_now,
};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{debug, error};

use crate::{Event, NodeStates, Snapshot, Subscription, TrafficRecorder, WatchedNode, events::Events};

/// How often all nodes are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// The most nodes whose intervals one question waits for; the rest is learned in the background.
const LEARNED_AT_ONCE: usize = 200;

/// How a [`Watcher`] watches.
#[derive(Clone)]
pub struct WatcherOptions {
    /// The age in days of a node's newest measurement from which on the node is inactive. 30 by default.
    pub inactive_after_days: u32,
    /// How many events are kept for subscribers that are late or come back, at least one. 8192 by default.
    pub kept_events: usize,
    /// The clock, Unix seconds, UTC. The system's by default; another one for simulations and tests.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Default for WatcherOptions {
    fn default() -> Self {
        Self { inactive_after_days: 30, kept_events: 8192, clock: Arc::new(unix_now) }
    }
}

impl fmt::Debug for WatcherOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inactive_after_days, kept_events, .. } = self;
        let mut fields = formatter.debug_struct("WatcherOptions");
        fields.field("inactive_after_days", inactive_after_days).field("kept_events", kept_events);
        fields.finish_non_exhaustive()
    }
}

/// A collector whose nodes are watched: a collector and its [`Watcher`], which only work together.
#[derive(Debug)]
pub struct WatchedCollector {
    collector: Collector,
    watcher: Watcher,
}

impl WatchedCollector {
    /// Watches the nodes of a collector with the default options.
    pub fn new(collector: Collector) -> Self {
        Self::with_options(collector, WatcherOptions::default())
    }

    /// Watches the nodes of a collector.
    pub fn with_options(collector: Collector, options: WatcherOptions) -> Self {
        let watcher = Watcher(Arc::new(Inner::new(&collector, options)));
        let observer = watcher.clone();
        Self { collector: collector.observe(move |new| observer.0.hear(new)), watcher }
    }

    /// Returns a handle to ask and to subscribe by, also while the collector runs.
    pub fn watcher(&self) -> Watcher {
        self.watcher.clone()
    }

    /// Collects and watches until `stop` is ready. Then no transport runs any more. Unlike a collector it does not end
    /// with the last transport: nodes fall silent after that, too.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { collector, watcher } = self;
        let (stopping, stopped) = oneshot::channel::<()>();
        let watch = async {
            tokio::select! {
                () = stop => {}
                () = watcher.follow() => {}
            }
            drop(stopping);
        };
        // An error means that the sender is gone, which is the stop.
        tokio::join!(watch, collector.run(async { drop(stopped.await) }));
    }
}

/// Watches the nodes of a [`WatchedCollector`]. Cheap to clone; clones share everything.
///
/// Of what is stored past the collector, as by an import, it tells no events, but its snapshots know it.
#[derive(Clone)]
pub struct Watcher(Arc<Inner>);

struct Inner {
    repository: Arc<dyn Repository>,
    monitor: Monitor,
    states: Mutex<NodeStates>,
    traffic: Mutex<TrafficRecorder>,
    events: Events,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Held while all nodes are looked at, so that changes are told in their order.
    refreshing: tokio::sync::Mutex<()>,
}

impl Inner {
    fn new(collector: &Collector, options: WatcherOptions) -> Self {
        let monitor = collector.monitor();
        let traffic = TrafficRecorder::new(Instant::now().into_std(), monitor.totals());
        Self {
            repository: collector.repository().clone(),
            monitor,
            states: Mutex::new(NodeStates::new(options.inactive_after_days)),
            traffic: Mutex::new(traffic),
            events: Events::new(options.kept_events),
            clock: options.clock,
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// Is called by the tasks of transports, so it must not wait.
    fn hear(&self, new: &[Measurement]) {
        lock(&self.states).hear(new);
        self.events.extend(new.iter().map(|measurement| Event::Stored(measurement.clone())));
    }

    /// Learns the intervals of nodes, as far as that has not been done, of at most this many. A node that cannot be
    /// read is left for the next time.
    async fn learn(&self, nodes: &[Arc<Node>], most: usize) {
        let unknown: Vec<NodeId> = {
            let states = lock(&self.states);
            nodes.iter().map(|node| &node.id).filter(|id| !states.has_learned(id)).take(most).cloned().collect()
        };
        for node in unknown {
            let query =
                MeasurementQuery { limit: NodeStates::LEARNED_FROM, ..MeasurementQuery::newest_first(node.clone()) };
            match self.repository.measurements(&query).await {
                Ok(stored) => lock(&self.states).learn(&node, &stored, (self.clock)()),
                Err(error) => debug!(%node, error = &error as &dyn Error, "cannot learn the interval of a node"),
            }
        }
    }
}

impl Watcher {
    /// Returns the repository whose nodes are watched.
    pub fn repository(&self) -> &Arc<dyn Repository> {
        &self.0.repository
    }

    /// Returns the monitor of the transports that bring the measurements.
    pub fn monitor(&self) -> &Monitor {
        &self.0.monitor
    }

    /// Subscribes to all events from now on.
    pub fn subscribe(&self) -> Subscription {
        self.0.events.subscribe()
    }

    /// Subscribes to all events after the one with a number, as far as they are kept. `None` when there has not been
    /// such an event, so that the number must be another watcher's.
    pub fn subscribe_after(&self, number: u64) -> Option<Subscription> {
        self.0.events.subscribe_after(number)
    }

    /// Subscribes to all events that are kept, and those to come.
    pub fn subscribe_to_kept(&self) -> Subscription {
        self.0.events.subscribe_to_kept()
    }

    /// Returns what is known now: of all nodes at the same moment. Cost: the number of nodes, and for some that are new
    /// since the start, at most 200, reading 500 measurements.
    pub async fn snapshot(&self) -> Result<Snapshot, RepositoryError> {
        let nodes = self.0.repository.nodes().await?;
        let (at, nodes) = self.look_at(nodes).await;
        let (now, totals) = (Instant::now().into_std(), self.0.monitor.totals());
        let mut traffic = lock(&self.0.traffic);
        traffic.sample(now, &totals);
        let last = |duration| traffic.last(duration, now, &totals);
        Ok(Snapshot { at, nodes, last_minute: last(Duration::from_mins(1)), last_hour: last(Duration::from_hours(1)) })
    }

    /// Returns what is known of a node now; `None` when there is no such node. Cost: a look-up, and reading 500
    /// measurements once.
    pub async fn node(&self, id: &NodeId) -> Result<Option<WatchedNode>, RepositoryError> {
        let Some(node) = self.0.repository.node(id).await? else { return Ok(None) };
        let (_, mut nodes) = self.look_at(vec![node]).await;
        Ok(nodes.pop())
    }

    /// Returns nodes with what is known of them, and the moment at which it is.
    async fn look_at(&self, nodes: Vec<Arc<Node>>) -> (i64, Vec<WatchedNode>) {
        self.0.learn(&nodes, LEARNED_AT_ONCE).await;
        let now = (self.0.clock)();
        let states = lock(&self.0.states);
        (now, nodes.into_iter().map(|node| states.watched(node, now)).collect())
    }

    /// Looks at all nodes now, and tells changes as events. It happens every five seconds while the collector runs;
    /// this is for those who cannot wait.
    pub async fn refresh(&self) -> Result<(), RepositoryError> {
        let _refreshing = self.0.refreshing.lock().await;
        lock(&self.0.traffic).sample(Instant::now().into_std(), &self.0.monitor.totals());
        let nodes = self.0.repository.nodes().await?;
        self.0.learn(&nodes, usize::MAX).await;
        let changes = lock(&self.0.states).changes(&nodes, (self.0.clock)());
        self.0.events.extend(changes.into_iter().map(Event::StateChanged));
        Ok(())
    }

    /// Refreshes for ever. A failure, or a panic, costs one turn.
    async fn follow(&self) {
        let mut turns = interval(INTERVAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            // What a panic leaves behind is behind locks, and each verdict stands by itself.
            match AssertUnwindSafe(self.refresh()).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(error = &error as &dyn Error, "cannot look at the nodes"),
                Err(panic) => error!(panic = panic_message(&*panic), "looking at the nodes panicked"),
            }
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watcher").field("monitor", &self.0.monitor).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
