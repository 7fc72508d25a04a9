//! Which nodes are heard of, as each of them usually is.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use isems_core::{Measurement, Node, NodeId};

use crate::WatchedNode;

/// How many gaps between arrivals the usual one is the median of.
const GAPS: usize = 15;

/// How many gaps have to be known before there is a usual one.
const GAPS_NEEDED: usize = 3;

/// The interval that counts until a node's own is known, seconds: that of polling, unless it is set otherwise.
const ASSUMED_INTERVAL: i64 = 900;

/// A node is silent after this many of its usual intervals.
const INTERVALS_OF_SILENCE: i64 = 3;

const SECONDS_A_DAY: i64 = 86_400;

/// Whether a node is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// It is.
    Active,
    /// Nothing has arrived from it for three of its own usual intervals.
    Silent,
    /// Its newest measurement is so old that nobody expects another one.
    Inactive,
}

impl NodeState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Silent, Self::Inactive];

    /// Returns the stable name, as in answers, events and metrics.
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

/// Knows the usual interval of every node's arrivals, and so which nodes are silent. A node that is polled brings many
/// measurements in one arrival.
///
/// It needs to [hear](Self::hear) what arrives, and to be asked for [changes](Self::changes) every few seconds.
/// Otherwise an interval stays as it was when it was [learned](Self::learn), and a node that is deleted is not
/// forgotten.
#[derive(Debug)]
pub struct NodeStates {
    inactive_after: i64,
    arrivals: HashMap<NodeId, Arrivals>,
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
    /// How many of a node's newest measurements its interval is to be [learned](Self::learn) from.
    pub const LEARNED_FROM: usize = 500;

    /// Creates one that knows of no arrivals yet. A node is inactive when its newest measurement is as old as this many
    /// days.
    pub fn new(inactive_after_days: u32) -> Self {
        Self { inactive_after: i64::from(inactive_after_days) * SECONDS_A_DAY, arrivals: HashMap::new() }
    }

    /// Hears of measurements that have just arrived.
    pub fn hear(&mut self, measurements: &[Measurement]) {
        for measurement in measurements {
            match self.arrivals.get_mut(&measurement.node_id) {
                Some(arrivals) => arrivals.hear(measurement.received_at),
                None => self.arrivals.entry(measurement.node_id.clone()).or_default().hear(measurement.received_at),
            }
        }
    }

    /// Returns whether the interval of a node has been [learned](Self::learn) from what is stored of it.
    pub fn has_learned(&self, node: &NodeId) -> bool {
        self.arrivals.get(node).is_some_and(|arrivals| arrivals.is_learned)
    }

    /// Learns the interval of a node from the [newest](Self::LEARNED_FROM) measurements that are stored of it, in any
    /// order. Does so once. What seems to have arrived after `now`, Unix seconds, UTC, was dated by a clock that was
    /// wrong, and does not count.
    pub fn learn(&mut self, node: &NodeId, stored: &[Measurement], now: i64) {
        let arrivals = self.arrivals.entry(node.clone()).or_default();
        if arrivals.is_learned {
            return;
        }
        let mut stored: Vec<i64> =
            stored.iter().map(|measurement| measurement.received_at).filter(|at| *at <= now).collect();
        stored.sort_unstable();
        let mut learned = Arrivals { is_learned: true, told: arrivals.told, ..Arrivals::default() };
        // What has been heard meanwhile need not be among the newest by measured time.
        stored.into_iter().chain(arrivals.last).for_each(|at| learned.hear(at));
        *arrivals = learned;
    }

    /// Returns how many seconds usually lie between two arrivals of a node. `None` while too little is known.
    pub fn usual_interval(&self, node: &NodeId) -> Option<i64> {
        self.arrivals.get(node).and_then(|arrivals| arrivals.usual_interval)
    }

    /// Returns the state of a node at a time, Unix seconds, UTC.
    pub fn state(&self, node: &Node, now: i64) -> NodeState {
        state_by(self.arrivals.get(&node.id), node, self.inactive_after, now)
    }

    /// Returns a node with what is known of it at a time, Unix seconds, UTC.
    pub fn watched(&self, node: Arc<Node>, now: i64) -> WatchedNode {
        let arrivals = self.arrivals.get(&node.id);
        let state = state_by(arrivals, &node, self.inactive_after, now);
        WatchedNode { node, state, usual_interval: arrivals.and_then(|arrivals| arrivals.usual_interval) }
    }

    /// Returns the changes of state since the last call, given every node that there is, ordered by id, and the time,
    /// Unix seconds, UTC. Nothing is told of a node that is new or has not been [learned](Self::learn). What is known
    /// of other nodes than these is forgotten.
    pub fn changes(&mut self, nodes: &[Arc<Node>], now: i64) -> Vec<StateChange> {
        let mut known = 0;
        let mut changes = Vec::new();
        for node in nodes {
            let Some(arrivals) = self.arrivals.get_mut(&node.id) else { continue };
            known += 1;
            if !arrivals.is_learned {
                continue;
            }
            // When the clock has been put back, silence is counted from now on.
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

/// Returns the state of a node that is inactive after some seconds.
fn state_by(arrivals: Option<&Arrivals>, node: &Node, inactive_after: i64, now: i64) -> NodeState {
    let interval = arrivals.and_then(|arrivals| arrivals.usual_interval).unwrap_or(ASSUMED_INTERVAL);
    let heard = arrivals.and_then(|arrivals| arrivals.last);
    // The repository keeps the latest arrival, so after a clock was ahead what has been heard knows better.
    let last = match heard {
        Some(heard) if node.last_received_at > now => heard,
        _ => heard.unwrap_or(i64::MIN).max(node.last_received_at),
    };
    if node.latest.timestamp <= now.saturating_sub(inactive_after) {
        NodeState::Inactive
    } else if now.saturating_sub(last) > interval.saturating_mul(INTERVALS_OF_SILENCE) {
        NodeState::Silent
    } else {
        NodeState::Active
    }
}
