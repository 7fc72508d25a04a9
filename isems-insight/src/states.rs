//! The states of nodes, judged by how often each of them usually reports.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use isems_core::{Measurement, Node, NodeId};

use crate::WatchedNode;

/// The number of gaps between arrivals whose median is the usual interval.
const GAPS: usize = 15;

/// The number of gaps that must be known before there is a usual interval.
const GAPS_NEEDED: usize = 3;

/// The interval that is assumed until a node's own is known, in seconds: the default interval of polling.
pub(crate) const ASSUMED_INTERVAL: i64 = 900;

/// A node is silent after this many of its usual intervals.
pub(crate) const INTERVALS_OF_SILENCE: i64 = 3;

const SECONDS_A_DAY: i64 = 86_400;

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// It reports as usual.
    Active,
    /// Nothing has arrived from it for three of its usual intervals.
    Silent,
    /// Its newest measurement is so old that no more are expected.
    Inactive,
}

impl NodeState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Silent, Self::Inactive];

    /// Returns the stable name that stands in answers, events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Silent => "silent",
            Self::Inactive => "inactive",
        }
    }
}

/// A change of a node's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The node.
    pub node: NodeId,
    /// The state before.
    pub previous: NodeState,
    /// The state now.
    pub state: NodeState,
    /// When the change was noticed, Unix seconds, UTC.
    pub at: i64,
}

/// Learns the usual interval between the arrivals of each node, and judges by it which nodes are silent. A polled node
/// brings many measurements in one arrival.
///
/// It must [hear](Self::hear) everything that arrives and be asked for [changes](Self::changes) every few seconds.
/// Otherwise intervals stay as they were [learned](Self::learn), and deleted nodes are not forgotten.
#[derive(Debug)]
pub struct NodeStates {
    inactive_after: i64,
    arrivals: HashMap<NodeId, Arrivals>,
}

/// The arrivals of a node.
#[derive(Debug, Default)]
struct Arrivals {
    last: Option<i64>,
    gaps: VecDeque<i64>,
    /// The median of the gaps, once there are enough.
    usual_interval: Option<i64>,
    /// `true` once the stored measurements have been taken into account.
    is_learned: bool,
    /// The state that was last reported.
    told: Option<NodeState>,
}

impl Arrivals {
    fn hear(&mut self, at: i64) {
        // A clock that was set back says nothing about the time between.
        if let Some(gap) = self.last.map(|last| at.saturating_sub(last)).filter(|gap| *gap > 0) {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
            self.usual_interval = median(&self.gaps);
        }
        self.last = Some(at);
    }
}

/// Returns the median of the gaps, if there are enough.
fn median(gaps: &VecDeque<i64>) -> Option<i64> {
    let mut gaps: Vec<i64> = gaps.iter().copied().collect();
    gaps.sort_unstable();
    (gaps.len() >= GAPS_NEEDED).then(|| gaps[gaps.len() / 2])
}

/// Returns the usual interval between arrivals, in seconds, given some of the last ones in any order. `None` if there
/// are too few.
pub(crate) fn usual_interval(arrivals: impl IntoIterator<Item = i64>) -> Option<i64> {
    let mut arrivals: Vec<i64> = arrivals.into_iter().collect();
    arrivals.sort_unstable();
    let mut heard = Arrivals::default();
    for at in arrivals {
        heard.hear(at);
    }
    heard.usual_interval
}

impl NodeStates {
    /// The number of a node's newest measurements that its interval should be [learned](Self::learn) from.
    pub const LEARNED_FROM: usize = 500;

    /// Creates one that knows no arrivals yet. A node becomes inactive when its newest measurement reaches this age in
    /// days.
    pub fn new(inactive_after_days: u32) -> Self {
        Self { inactive_after: i64::from(inactive_after_days) * SECONDS_A_DAY, arrivals: HashMap::new() }
    }

    /// Takes note of measurements that have just arrived.
    pub fn hear(&mut self, measurements: &[Measurement]) {
        for measurement in measurements {
            match self.arrivals.get_mut(&measurement.node_id) {
                Some(arrivals) => arrivals.hear(measurement.received_at),
                None => self.arrivals.entry(measurement.node_id.clone()).or_default().hear(measurement.received_at),
            }
        }
    }

    /// Returns whether the interval of a node was [learned](Self::learn) from its stored measurements.
    pub fn has_learned(&self, node: &NodeId) -> bool {
        self.arrivals.get(node).is_some_and(|arrivals| arrivals.is_learned)
    }

    /// Learns the interval of a node from its [newest](Self::LEARNED_FROM) stored measurements, given in any order.
    /// Does nothing if that was done before. Arrivals after `now`, in Unix seconds, UTC, are ignored: a wrong clock
    /// dated them.
    pub fn learn(&mut self, node: &NodeId, stored: &[Measurement], now: i64) {
        let arrivals = self.arrivals.entry(node.clone()).or_default();
        if arrivals.is_learned {
            return;
        }
        let mut stored: Vec<i64> =
            stored.iter().map(|measurement| measurement.received_at).filter(|at| *at <= now).collect();
        stored.sort_unstable();
        let mut learned = Arrivals { is_learned: true, told: arrivals.told, ..Arrivals::default() };
        // What has been heard in the meantime need not be among the newest by measured time.
        stored.into_iter().chain(arrivals.last).for_each(|at| learned.hear(at));
        *arrivals = learned;
    }

    /// Returns the usual interval between arrivals of a node, in seconds. `None` while too few are known.
    pub fn usual_interval(&self, node: &NodeId) -> Option<i64> {
        self.arrivals.get(node).and_then(|arrivals| arrivals.usual_interval)
    }

    /// Returns the state of a node at a time, in Unix seconds, UTC.
    pub fn state(&self, node: &Node, now: i64) -> NodeState {
        state_by(self.arrivals.get(&node.id), node, self.inactive_after, now)
    }

    /// Returns whether a node is inactive at a time, in Unix seconds, UTC.
    pub fn is_inactive(&self, node: &Node, now: i64) -> bool {
        is_inactive(node, self.inactive_after, now)
    }

    /// Returns a node with everything that is known about it at a time, in Unix seconds, UTC.
    pub fn watched(&self, node: Arc<Node>, now: i64) -> WatchedNode {
        let arrivals = self.arrivals.get(&node.id);
        let state = state_by(arrivals, &node, self.inactive_after, now);
        let usual_interval = arrivals.and_then(|arrivals| arrivals.usual_interval);
        WatchedNode { node, state, usual_interval, assessment: None }
    }

    /// Returns the changes of state since the last call, given all nodes, ordered by id, and the time in Unix seconds,
    /// UTC. Nothing is reported about a node that is new or has not been [learned](Self::learn). Anything known about
    /// other nodes is forgotten.
    pub fn changes(&mut self, nodes: &[Arc<Node>], now: i64) -> Vec<StateChange> {
        let mut known = 0;
        let mut changes = Vec::new();
        for node in nodes {
            let Some(arrivals) = self.arrivals.get_mut(&node.id) else { continue };
            known += 1;
            if !arrivals.is_learned {
                continue;
            }
            // If the clock was set back, silence counts from now on.
            arrivals.last = arrivals.last.map(|last| last.min(now));
            let state = state_by(Some(arrivals), node, self.inactive_after, now);
            if let Some(previous) = arrivals.told.replace(state)
                && previous != state
            {
                changes.push(StateChange { node: node.id.clone(), previous, state, at: now });
            }
        }
        if self.arrivals.len() > known {
            self.arrivals.retain(|id, _| nodes.binary_search_by(|node| node.id.cmp(id)).is_ok());
        }
        changes
    }
}

fn is_inactive(node: &Node, inactive_after: i64, now: i64) -> bool {
    node.latest.timestamp <= now.saturating_sub(inactive_after)
}

/// Returns the state of a node, which becomes inactive after some seconds.
fn state_by(arrivals: Option<&Arrivals>, node: &Node, inactive_after: i64, now: i64) -> NodeState {
    let interval = arrivals.and_then(|arrivals| arrivals.usual_interval).unwrap_or(ASSUMED_INTERVAL);
    let heard = arrivals.and_then(|arrivals| arrivals.last);
    // The repository keeps the latest arrival. If a clock was ahead, what has been heard knows better.
    let last = match heard {
        Some(heard) if node.last_received_at > now => heard,
        _ => heard.unwrap_or(i64::MIN).max(node.last_received_at),
    };
    if is_inactive(node, inactive_after, now) {
        NodeState::Inactive
    } else if now.saturating_sub(last) > interval.saturating_mul(INTERVALS_OF_SILENCE) {
        NodeState::Silent
    } else {
        NodeState::Active
    }
}
