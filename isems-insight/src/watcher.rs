//! The watcher, which feeds the judgements with what a collector stores, and publishes them.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use isems_core::{
    Batch, Collector, Field, Measurement, MeasurementQuery, Monitor, Node, NodeId, Repository, RepositoryError,
    panic_message, unix_now,
};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{debug, error};

use crate::{
    Assessment, Event, NodeStates, PastFinding, Silence, Snapshot, Subscription, TrafficRecorder, WatchedNode,
    assessor::{Assessor, histories_of, on_a_thread},
    attention::worse,
    events::Events,
    past_finding::PastFindings,
};

/// The time between two looks at all nodes.
const INTERVAL: Duration = Duration::from_secs(5);

/// The most nodes whose intervals are learned while a caller waits. The others are learned in the background.
const LEARNED_AT_ONCE: usize = 200;

/// The most measurements that wait to be taken into histories. If more are stored between two looks, all histories are
/// read again.
const WAITING: usize = 50_000;

/// The time that a look at all nodes may spend on reading histories.
const READING: Duration = Duration::from_secs(1);

/// The options of a [`Watcher`].
#[derive(Clone)]
pub struct WatcherOptions {
    /// The age of its newest measurement, in days, at which a node becomes inactive. Default: 30.
    pub inactive_after_days: u32,
    /// The number of events that are kept for subscribers that are late or come back, at least one. Default: 8192.
    pub kept_events: usize,
    /// Set if nodes are assessed, which takes some 100 kB of memory for each. Default: true.
    pub assesses: bool,
    /// The clock, in Unix seconds, UTC; simulations and tests have their own. Default: the system's.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Default for WatcherOptions {
    fn default() -> Self {
        Self { inactive_after_days: 30, kept_events: 8192, assesses: true, clock: Arc::new(unix_now) }
    }
}

impl fmt::Debug for WatcherOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inactive_after_days, kept_events, assesses, .. } = self;
        let mut fields = formatter.debug_struct("WatcherOptions");
        fields.field("inactive_after_days", inactive_after_days).field("kept_events", kept_events);
        fields.field("assesses", assesses);
        fields.finish_non_exhaustive()
    }
}

/// A collector together with the [`Watcher`] of its nodes. Neither runs without the other. The stream of events ends
/// when it stops or is dropped.
#[derive(Debug)]
pub struct WatchedCollector {
    collector: Collector,
    watcher: EndingWatcher,
}

/// The watcher whose stream ends when this is dropped.
#[derive(Debug)]
struct EndingWatcher(Watcher);

impl Drop for EndingWatcher {
    fn drop(&mut self) {
        self.0.0.events.end();
    }
}

impl WatchedCollector {
    /// Wraps a collector, to be watched with the default options. Its transports can no longer be changed.
    pub fn new(collector: Collector) -> Self {
        Self::with_options(collector, WatcherOptions::default())
    }

    /// Wraps a collector, to be watched with options.
    pub fn with_options(collector: Collector, options: WatcherOptions) -> Self {
        let watcher = Watcher(Arc::new(Inner::new(&collector, options)));
        let observer = watcher.clone();
        let collector = collector.observe(move |new| observer.0.hear(new));
        Self { collector, watcher: EndingWatcher(watcher) }
    }

    /// Returns a handle for questions and subscriptions, which also works while the collector runs.
    pub fn watcher(&self) -> Watcher {
        self.watcher.0.clone()
    }

    /// Collects and watches until `stop` is ready. No transport runs any more when it returns. Unlike
    /// [`Collector::run`] it goes on after the last transport has ended, since nodes fall silent even then.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { collector, watcher } = self;
        let (stopping, stopped) = oneshot::channel::<()>();
        let watch = async {
            tokio::select! {
                () = stop => {}
                () = watcher.0.follow() => {}
            }
            drop(stopping);
        };
        // The sender sends nothing; dropping it is the signal.
        tokio::join!(watch, collector.run(async { drop(stopped.await) }));
    }
}

/// Watches the nodes of a [`WatchedCollector`]. It is cheap to clone, and clones share everything.
///
/// Measurements that are stored by other ways than the collector, such as an import, are in snapshots but cause no
/// events.
#[derive(Clone)]
pub struct Watcher(Arc<Inner>);

struct Inner {
    repository: Arc<dyn Repository>,
    monitor: Monitor,
    states: Mutex<NodeStates>,
    traffic: Mutex<TrafficRecorder>,
    events: Events,
    assesses: bool,
    assessor: Arc<Mutex<Assessor>>,
    /// Stored, but not yet taken into histories. `None` if there was too much of it.
    waiting: Mutex<Option<Vec<Measurement>>>,
    /// The newest assessments.
    assessments: Mutex<Arc<HashMap<NodeId, Arc<Assessment>>>>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Held while all nodes are looked at, so that changes are published in order.
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
            assesses: options.assesses,
            assessor: Arc::default(),
            waiting: Mutex::new(options.assesses.then(Vec::new)),
            assessments: Mutex::default(),
            clock: options.clock,
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// Takes note of what was just stored. The tasks of transports call it, so it must not wait.
    fn hear(&self, new: &[Measurement]) {
        lock(&self.states).hear(new);
        let mut waiting = lock(&self.waiting);
        if let Some(already) = waiting.as_mut() {
            if already.len() + new.len() > WAITING {
                *waiting = None;
            } else {
                already.extend_from_slice(new);
            }
        }
        drop(waiting);
        self.events.extend(new.iter().map(|measurement| Event::Stored(measurement.clone())));
    }

    /// Learns the intervals of nodes that were not learned before, at most this many. A node that cannot be read is
    /// left for the next time.
    async fn learn(&self, nodes: &[Arc<Node>], most: usize) {
        let unknown: Vec<NodeId> = {
            let states = lock(&self.states);
            nodes.iter().map(|node| &node.id).filter(|id| !states.has_learned(id)).take(most).cloned().collect()
        };
        for node in unknown {
            let query = MeasurementQuery {
                limit: NodeStates::LEARNED_FROM,
                fields: [Field::ReceivedAt].into_iter().collect(),
                ..MeasurementQuery::newest_first(node.clone())
            };
            match self.repository.measurements(&query).await {
                Ok(stored) => lock(&self.states).learn(&node, &stored, (self.clock)()),
                Err(error) => debug!(%node, error = &error as &dyn Error, "cannot learn the interval of a node"),
            }
        }
    }
}

impl Inner {
    /// Reads what was stored of the nodes' past findings, unless that was done before.
    async fn recall_past_findings(&self, nodes: &[Arc<Node>], now: i64) {
        let unread = lock(&self.assessor).without_past_findings(nodes);
        for node in unread {
            match self.repository.metadata(&past_findings_key(&node.id)).await {
                Ok(stored) => {
                    let mut past = stored.map(|stored| PastFindings::from_text(&stored)).unwrap_or_default();
                    // Those before belong to a node of the same name that was deleted.
                    past.retain_after(node.first_timestamp);
                    lock(&self.assessor).take_past_findings(&node.id, past, now);
                }
                Err(error) => {
                    debug!(node = %node.id, error = &error as &dyn Error, "cannot read the past findings of a node");
                }
            }
        }
    }

    /// Stores the findings that have ended since it was last done. What cannot be stored is tried again the next time.
    async fn remember_past_findings(&self) {
        let unstored = lock(&self.assessor).take_unstored();
        if unstored.is_empty() {
            return;
        }
        let metadata = unstored.iter().map(|(node, past)| (past_findings_key(node), past.to_text().into_bytes()));
        let batch = Batch { metadata: metadata.collect(), ..Batch::default() };
        if let Err(error) = self.repository.store(batch).await {
            debug!(error = &error as &dyn Error, "cannot store the findings that are over");
            let mut assessor = lock(&self.assessor);
            for (node, _) in &unstored {
                assessor.not_stored(node);
            }
        }
    }

    /// Brings the assessments up to date, as far as that takes about a second, and publishes what changed.
    async fn assess(&self, nodes: &[Arc<Node>]) -> Result<(), RepositoryError> {
        let now = (self.clock)();
        let heard = lock(&self.waiting).replace(Vec::new());
        let unread = {
            let mut assessor = lock(&self.assessor);
            match heard {
                Some(heard) => assessor.hear(&heard),
                None => assessor.read_all_again(),
            }
            assessor.follow(nodes, &lock(&self.states), now);
            assessor.unread()
        };
        self.recall_past_findings(nodes, now).await;
        let began = Instant::now();
        let mut histories = pin!(histories_of(&*self.repository, unread, now + 86_400));
        while let Some(history) = histories.next().await {
            let history = match history {
                Ok(history) => history,
                Err(error) => {
                    debug!(error = &error as &dyn Error, "cannot read the history of a node");
                    continue;
                }
            };
            // What was stored before it was read must not be taken in twice. A late line that is stored in this very
            // moment is missing from the history until it is read again; nothing depends on one line.
            let latest = history.latest().map_or(i64::MIN, |latest| latest.timestamp);
            if let Some(waiting) = lock(&self.waiting).as_mut() {
                waiting.retain(|heard| heard.node_id != *history.node() || heard.timestamp > latest);
            }
            lock(&self.assessor).take_history(history);
            if began.elapsed() > READING {
                break;
            }
        }
        let assessor = self.assessor.clone();
        // It takes some milliseconds, and half a second with very many nodes.
        let assessed = on_a_thread(move || {
            let mut assessor = lock(&assessor);
            (assessor.assess(now), assessor.assessments())
        });
        let (changes, assessments) = assessed.await;
        *lock(&self.assessments) = Arc::new(assessments);
        self.events.extend(changes.into_iter());
        Ok(())
    }
}

impl Watcher {
    /// Returns the repository of the collector.
    pub fn repository(&self) -> &Arc<dyn Repository> {
        &self.0.repository
    }

    /// Returns the monitor of the collector.
    pub fn monitor(&self) -> &Monitor {
        &self.0.monitor
    }

    /// Subscribes to the events from now on.
    pub fn subscribe(&self) -> Subscription {
        self.0.events.subscribe()
    }

    /// Subscribes to the events after the one with a number, as far as they are kept. Returns `None` if there has been
    /// no such event yet; the number must come from another watcher then.
    pub fn subscribe_after(&self, number: u64) -> Option<Subscription> {
        self.0.events.subscribe_after(number)
    }

    /// Subscribes to the events that are kept and those to come.
    pub fn subscribe_to_kept(&self) -> Subscription {
        self.0.events.subscribe_to_kept()
    }

    /// Returns everything that is known now, about all nodes at the same moment. Cost: the number of nodes; and once
    /// for every node, reading 500 measurements, of at most 200 nodes at a time.
    pub async fn snapshot(&self) -> Result<Snapshot, RepositoryError> {
        let nodes = self.0.repository.nodes().await?;
        let (at, nodes) = self.look_at(nodes).await;
        let (now, totals) = (Instant::now().into_std(), self.0.monitor.totals());
        let mut traffic = lock(&self.0.traffic);
        traffic.sample(now, &totals);
        let last = |duration| traffic.last(duration, now, &totals);
        Ok(Snapshot { at, nodes, last_minute: last(Duration::from_mins(1)), last_hour: last(Duration::from_hours(1)) })
    }

    /// Returns the records of all nodes but inactive ones, ordered by the bytes of their ids. Cost: less than a
    /// [snapshot](Self::snapshot), as nothing is learned or looked up.
    pub async fn nodes_in_use(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        let mut nodes = self.0.repository.nodes().await?;
        let now = (self.0.clock)();
        let states = lock(&self.0.states);
        nodes.retain(|node| !states.is_inactive(node, now));
        drop(states);
        Ok(nodes)
    }

    /// Returns everything that is known about a node now, or `None` if there is no such node. Cost: a look-up; and
    /// once, reading 500 measurements.
    pub async fn node(&self, id: &NodeId) -> Result<Option<WatchedNode>, RepositoryError> {
        let Some(node) = self.0.repository.node(id).await? else { return Ok(None) };
        let (_, mut nodes) = self.look_at(vec![node]).await;
        Ok(nodes.pop())
    }

    /// Returns nodes with everything that is known about them, and the moment of it.
    async fn look_at(&self, nodes: Vec<Arc<Node>>) -> (i64, Vec<WatchedNode>) {
        self.0.learn(&nodes, LEARNED_AT_ONCE).await;
        let now = (self.0.clock)();
        let assessments = lock(&self.0.assessments).clone();
        let mut watched: Vec<WatchedNode> = {
            let states = lock(&self.0.states);
            nodes.into_iter().map(|node| states.watched(node, now)).collect()
        };
        // Without the lock, which the tasks of transports wait for.
        for node in &mut watched {
            node.assessment = assessments.get(&node.node.id).cloned();
        }
        (now, watched)
    }

    /// Looks at all nodes and publishes changes as events. This happens every five seconds while the collector runs;
    /// call it if you cannot wait.
    pub async fn refresh(&self) -> Result<(), RepositoryError> {
        self.look().await?;
        self.0.remember_past_findings().await;
        Ok(())
    }

    async fn look(&self) -> Result<(), RepositoryError> {
        let _refreshing = self.0.refreshing.lock().await;
        lock(&self.0.traffic).sample(Instant::now().into_std(), &self.0.monitor.totals());
        let nodes = self.0.repository.nodes().await?;
        self.0.learn(&nodes, usize::MAX).await;
        let changes = lock(&self.0.states).changes(&nodes, (self.0.clock)());
        self.0.events.extend(changes.into_iter().map(Event::StateChanged));
        if self.0.assesses { self.0.assess(&nodes).await } else { Ok(()) }
    }

    /// Returns the newest assessment of every node that has one, the worst first. They are as old as the last
    /// [look](Self::refresh) that found something new about the node, ten minutes at most.
    pub fn assessments(&self) -> Vec<Arc<Assessment>> {
        let mut assessments: Vec<_> = lock(&self.0.assessments).values().cloned().collect();
        assessments.sort_by(|a, b| worse(a, b));
        assessments
    }

    /// Returns the newest assessment of a node, or `None` if it has none yet.
    pub fn assessment(&self, node: &NodeId) -> Option<Arc<Assessment>> {
        lock(&self.0.assessments).get(node).cloned()
    }

    /// Returns the past silences of a node with their causes, oldest first, as far as its history of a month goes back.
    /// None are known before the node's first assessment. May wait for an assessment that is being made.
    pub async fn past_silences(&self, node: &NodeId) -> Vec<Silence> {
        let (assessor, node, now) = (self.0.assessor.clone(), node.clone(), (self.0.clock)());
        on_a_thread(move || lock(&assessor).past_silences(&node, now)).await
    }

    /// Returns the findings of a node that are over, in the order in which they ended: those of the last month, at most
    /// a hundred. They are stored when they end, so that a restart forgets none; one that ends while nothing watches is
    /// not among them. May wait for an assessment that is being made.
    pub async fn past_findings(&self, node: &NodeId) -> Vec<PastFinding> {
        let (assessor, node) = (self.0.assessor.clone(), node.clone());
        on_a_thread(move || lock(&assessor).past_findings(&node)).await
    }

    /// Looks at all nodes for ever, and stores what is over. A disk that hangs does not hold up the looks.
    async fn follow(&self) {
        tokio::join!(self.look_for_ever(), self.remember_for_ever());
    }

    async fn remember_for_ever(&self) {
        let mut turns = interval(INTERVAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            self.0.remember_past_findings().await;
        }
    }

    /// An error or a panic costs one turn.
    async fn look_for_ever(&self) {
        let mut turns = interval(INTERVAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            // A panic leaves nothing inconsistent: each node's record behind the locks stands by itself.
            match AssertUnwindSafe(self.look()).catch_unwind().await {
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

/// Returns the key under which the repository keeps the past findings of a node.
fn past_findings_key(node: &NodeId) -> String {
    format!("insight.past-findings.{node}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
