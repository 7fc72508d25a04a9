//! Which nodes are heard of, as each of them usually is.

use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use isems_core::{Measurement, MeasurementQuery, Node, NodeId, Repository, unix_now};
use tracing::debug;

/// Of how many gaps between arrivals the usual one is the median.
const GAPS: usize = 15;

/// From how many gaps on there is a usual one.
const GAPS_NEEDED: usize = 3;

/// The interval that counts until a node's own is known, seconds: that of polling, unless it is set otherwise.
const ASSUMED_INTERVAL: i64 = 900;

/// After how many of its usual intervals a node is silent.
const INTERVALS_OF_SILENCE: i64 = 3;

/// How many of a node's newest measurements its interval is learned from.
const LEARNED_FROM: usize = 500;

const SECONDS_A_DAY: i64 = 86_400;

/// Whether a node is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// It is.
    Active,
    /// Nothing has arrived from it for three of its own usual intervals.
    Silent,
    /// Its newest measurement is so old that it is left out of `/measurements/latest`.
    Inactive,
}

impl NodeState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Silent, Self::Inactive];

    /// The stable name, as in answers, events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Silent => "silent",
            Self::Inactive => "inactive",
        }
    }
}

/// A node whose state has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The node.
    pub node: NodeId,
    /// Its state before.
    pub previous: NodeState,
    /// Its state now.
    pub state: NodeState,
    /// When it was found out, Unix seconds, UTC.
    pub at: i64,
}

/// Knows the usual interval of every node's arrivals, and so which nodes are silent. A node that is polled brings many
/// measurements in one arrival.
///
/// It needs to [hear](Self::hear) what arrives, and to be asked for [changes](Self::changes) every few seconds. Without that an
/// interval stays as it was when it was [learned](Self::learn), and what is known of a node is not forgotten with it.
#[derive(Debug)]
pub struct NodeStates {
    inactive_after: i64,
    arrivals: Mutex<HashMap<NodeId, Arrivals>>,
}

/// When something of a node arrived.
#[derive(Debug, Default)]
struct Arrivals {
    last: Option<i64>,
    gaps: VecDeque<i64>,
    /// The median of the gaps, if there are enough.
    usual_interval: Option<i64>,
    /// Whether what is stored has been looked at.
    is_learned: bool,
    /// The state that was told last.
    told: Option<NodeState>,
}

impl Arrivals {
    fn hear(&mut self, at: i64) {
        // A clock that was put back says nothing of the time between.
        if let Some(gap) = self.last.map(|last| at.saturating_sub(last)).filter(|gap| *gap > 0) {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
            let mut gaps: Vec<i64> = self.gaps.iter().copied().collect();
            gaps.sort_unstable();
            self.usual_interval = (gaps.len() >= GAPS_NEEDED).then(|| gaps[gaps.len() / 2]);
        }
        self.last = Some(at);
    }
}

impl NodeStates {
    /// Knows of no arrivals yet. A node is inactive when its newest measurement is as old as this many days.
    pub fn new(inactive_after_days: u32) -> Self {
        Self { inactive_after: i64::from(inactive_after_days) * SECONDS_A_DAY, arrivals: Mutex::default() }
    }

    /// Hears of measurements that have just arrived.
    pub fn hear(&self, measurements: &[Measurement]) {
        let mut all = self.lock();
        for measurement in measurements {
            match all.get_mut(&measurement.node_id) {
                Some(arrivals) => arrivals.hear(measurement.received_at),
                None => all.entry(measurement.node_id.clone()).or_default().hear(measurement.received_at),
            }
        }
    }

    /// Learns the intervals of nodes from what is stored of them, as far as that has not been done; of at most this many. Cost:
    /// reading up to 500 measurements of each. A node that cannot be read is left for the next time.
    pub async fn learn(&self, repository: &dyn Repository, nodes: &[Arc<Node>], most: usize) {
        let new: Vec<&Arc<Node>> = {
            let all = self.lock();
            let is_new = |node: &&Arc<Node>| all.get(&node.id).is_none_or(|arrivals| !arrivals.is_learned);
            nodes.iter().filter(is_new).take(most).collect()
        };
        for node in new {
            let query = MeasurementQuery { limit: LEARNED_FROM, ..MeasurementQuery::newest_first(node.id.clone()) };
            let stored = match repository.measurements(&query).await {
                Ok(stored) => stored,
                Err(error) => {
                    debug!(node = %node.id, error = &error as &dyn Error, "cannot learn the interval of a node");
                    continue;
                }
            };
            // What is said to have arrived later than now was dated by a clock that was wrong.
            let now = unix_now();
            let mut stored: Vec<i64> =
                stored.iter().map(|measurement| measurement.received_at).filter(|at| *at <= now).collect();
            stored.sort_unstable();
            let mut all = self.lock();
            let arrivals = all.entry(node.id.clone()).or_default();
            if arrivals.is_learned {
                // Somebody else has asked meanwhile, and more may have been heard since.
                continue;
            }
            let mut learned = Arrivals { is_learned: true, told: arrivals.told, ..Arrivals::default() };
            // What has been heard meanwhile need not be among the newest by measured time.
            stored.into_iter().chain(arrivals.last).for_each(|at| learned.hear(at));
            *arrivals = learned;
        }
    }

    /// How many seconds usually lie between two arrivals of a node. `None` while too little is known.
    pub fn usual_interval(&self, node: &NodeId) -> Option<i64> {
        self.lock().get(node).and_then(|arrivals| arrivals.usual_interval)
    }

    /// Whether the newest measurement of a node is so old, at a time in Unix seconds, UTC, that the node is inactive.
    pub fn is_inactive(&self, node: &Node, now: i64) -> bool {
        node.latest.timestamp <= now.saturating_sub(self.inactive_after)
    }

    /// The state of a node at a time, Unix seconds, UTC.
    pub fn state(&self, node: &Node, now: i64) -> NodeState {
        self.state_by(self.lock().get(&node.id), node, now)
    }

    fn state_by(&self, arrivals: Option<&Arrivals>, node: &Node, now: i64) -> NodeState {
        let interval = arrivals.and_then(|arrivals| arrivals.usual_interval).unwrap_or(ASSUMED_INTERVAL);
        let heard = arrivals.and_then(|arrivals| arrivals.last);
        // The repository keeps the latest arrival, so after a clock was ahead what has been heard knows better.
        let last = match heard {
            Some(heard) if node.last_received_at > now => heard,
            _ => heard.unwrap_or(i64::MIN).max(node.last_received_at),
        };
        if self.is_inactive(node, now) {
            NodeState::Inactive
        } else if now.saturating_sub(last) > interval.saturating_mul(INTERVALS_OF_SILENCE) {
            NodeState::Silent
        } else {
            NodeState::Active
        }
    }

    /// The nodes whose state is another one than at the last call. Of a node that is new, or has not been [learned](Self::learn),
    /// nothing is told. What is known of other nodes than these is forgotten.
    pub fn changes(&self, nodes: &[Arc<Node>], now: i64) -> Vec<StateChange> {
        let mut all = self.lock();
        let mut known = 0;
        let mut changes = Vec::new();
        for node in nodes {
            let Some(arrivals) = all.get_mut(&node.id) else { continue };
            known += 1;
            if !arrivals.is_learned {
                continue;
            }
            // When the clock has been put back, silence is counted from now on.
            arrivals.last = arrivals.last.map(|last| last.min(now));
            let state = self.state_by(Some(arrivals), node, now);
            if let Some(previous) = arrivals.told.replace(state)
                && previous != state
            {
                changes.push(StateChange { node: node.id.clone(), previous, state, at: now });
            }
        }
        if all.len() > known {
            all.retain(|id, _| nodes.binary_search_by(|node| node.id.cmp(id)).is_ok());
        }
        changes
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Arrivals>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
