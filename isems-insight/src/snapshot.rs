//! Everything that is known about the nodes at one moment.

use std::sync::Arc;

use isems_core::{Node, Severity};

use crate::{
    Assessment, Level, NodeState, Position, Traffic,
    attention::worst_first,
    severity::severity,
    states::{ASSUMED_INTERVAL, INTERVALS_OF_SILENCE},
};

/// A node with everything that is known about it at one moment.
#[derive(Debug, Clone)]
pub struct WatchedNode {
    /// The record in the repository.
    pub node: Arc<Node>,
    /// The state.
    pub state: NodeState,
    /// The usual interval between arrivals, in seconds. `None` while too few are known.
    pub usual_interval: Option<i64>,
    /// The newest assessment. `None` until there is one, which takes some seconds after the start.
    pub assessment: Option<Arc<Assessment>>,
}

impl WatchedNode {
    /// Returns the highest severity among the flags of the newest status.
    pub fn severity(&self) -> Severity {
        severity(self.node.latest.status)
    }

    /// Returns the level of the newest assessment, or [`Level::Unknown`] if there is none yet.
    pub fn level(&self) -> Level {
        self.assessment.as_ref().map_or(Level::Unknown, |assessment| assessment.level)
    }

    /// Returns the time without an arrival after which the node counts as silent, in seconds.
    pub fn silent_after(&self) -> i64 {
        self.usual_interval.unwrap_or(ASSUMED_INTERVAL).saturating_mul(INTERVALS_OF_SILENCE)
    }

    /// Returns the position in the newest measurement.
    pub fn position(&self) -> Position {
        Position::of(&self.node.latest)
    }
}

/// Everything that is known about the nodes at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The moment, Unix seconds, UTC.
    pub at: i64,
    /// Every node, ordered by the bytes of its id.
    pub nodes: Vec<WatchedNode>,
    /// The traffic of the last minute.
    pub last_minute: Traffic,
    /// The traffic of the last hour.
    pub last_hour: Traffic,
}

impl Snapshot {
    /// Returns the number of nodes in each state.
    pub fn counts(&self) -> NodeCounts {
        let mut counts = NodeCounts::default();
        for node in &self.nodes {
            *match node.state {
                NodeState::Active => &mut counts.active,
                NodeState::Silent => &mut counts.silent,
                NodeState::Inactive => &mut counts.inactive,
            } += 1;
        }
        counts
    }

    /// Returns the nodes that need attention, [worst first](worst_first).
    pub fn worst(&self) -> Vec<&WatchedNode> {
        worst_first(&self.nodes)
    }

    /// Returns the number of measurements that are kept, of all nodes together.
    pub fn measurements(&self) -> u64 {
        self.nodes.iter().map(|node| node.node.measurements).sum()
    }
}

/// The number of nodes in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// The number of active nodes.
    pub active: u64,
    /// The number of silent nodes.
    pub silent: u64,
    /// The number of inactive nodes.
    pub inactive: u64,
}

impl NodeCounts {
    /// Returns the number of nodes in a state.
    pub fn of(&self, state: NodeState) -> u64 {
        match state {
            NodeState::Active => self.active,
            NodeState::Silent => self.silent,
            NodeState::Inactive => self.inactive,
        }
    }

    /// Returns the number of all nodes.
    pub fn total(&self) -> u64 {
        self.active + self.silent + self.inactive
    }
}
