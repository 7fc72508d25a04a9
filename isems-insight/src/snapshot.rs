//! All that is known of the nodes at one moment.

use std::sync::Arc;

use isems_core::{Node, Severity};

use crate::{NodeState, Position, Traffic, severity::severity, worst::worst};

/// A node, and what is said of it at one moment.
#[derive(Debug, Clone)]
pub struct WatchedNode {
    /// What the repository knows of it.
    pub node: Arc<Node>,
    /// Its state.
    pub state: NodeState,
    /// How many seconds usually lie between two arrivals. `None` while too little is known.
    pub usual_interval: Option<i64>,
}

impl WatchedNode {
    /// Returns the highest severity of the flags of its newest status.
    pub fn severity(&self) -> Severity {
        severity(self.node.latest.status)
    }

    /// Returns where it is, by its newest measurement.
    pub fn position(&self) -> Position {
        Position::of(&self.node.latest)
    }
}

/// All that is known of the nodes at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The moment, Unix seconds, UTC.
    pub at: i64,
    /// Every node, ordered by the bytes of its id.
    pub nodes: Vec<WatchedNode>,
    /// What came in during the last minute.
    pub last_minute: Traffic,
    /// What came in during the last hour.
    pub last_hour: Traffic,
}

impl Snapshot {
    /// Returns how many nodes are in which state.
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

    /// Returns the nodes that need somebody, the [worst](worst()) first.
    pub fn worst(&self) -> Vec<&WatchedNode> {
        worst(&self.nodes)
    }

    /// Returns how many measurements of all nodes are kept.
    pub fn measurements(&self) -> u64 {
        self.nodes.iter().map(|node| node.node.measurements).sum()
    }
}

/// How many nodes are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// The number of those that are heard of.
    pub active: u64,
    /// The number of those that are silent.
    pub silent: u64,
    /// The number of those that are inactive.
    pub inactive: u64,
}

impl NodeCounts {
    /// Returns how many nodes are in a state.
    pub fn of(&self, state: NodeState) -> u64 {
        match state {
            NodeState::Active => self.active,
            NodeState::Silent => self.silent,
            NodeState::Inactive => self.inactive,
        }
    }

    /// Returns how many nodes there are.
    pub fn total(&self) -> u64 {
        self.active + self.silent + self.inactive
    }
}
