//! Many nodes at once.

use super::SimulatedNode;
use crate::{Measurement, NodeId};

/// Simulated nodes side by side: an endless iterator over their measurements in time order, each node once a minute.
/// Without nodes it yields nothing.
///
/// ```
/// use isems_core::simulation::Fleet;
/// let midnight = 1_767_139_200;
/// let mut fleet = Fleet::new(1, 100, midnight);
/// assert_eq!(fleet.until(midnight + 3600).count(), 100 * 60);
/// assert!(fleet.next().is_some_and(|measurement| measurement.timestamp >= midnight + 3600));
/// ```
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Ordered by the second of the minute in which they report, so that taking turns yields time order.
    nodes: Vec<SimulatedNode>,
    turn: usize,
}

impl Fleet {
    /// Makes the nodes `0..nodes` of a seed, each with its first measurement in the minute from `start` on (Unix
    /// seconds).
    pub fn new(seed: u64, nodes: u32, start: i64) -> Self {
        let mut nodes: Vec<_> = (0..nodes).map(|index| SimulatedNode::new(seed, index, start)).collect();
        nodes.sort_by_key(SimulatedNode::next_timestamp);
        Self { nodes, turn: 0 }
    }

    /// Returns the nodes, in the order in which they report.
    pub fn ids(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes.iter().map(SimulatedNode::id)
    }

    /// Yields the measurements taken before `end` (Unix seconds), and keeps the later ones for the next call.
    pub fn until(&mut self, end: i64) -> impl Iterator<Item = Measurement> + '_ {
        std::iter::from_fn(move || {
            let is_due = self.nodes.get(self.turn)?.next_timestamp() < end;
            if is_due { self.next() } else { None }
        })
    }
}

impl Iterator for Fleet {
    type Item = Measurement;

    fn next(&mut self) -> Option<Measurement> {
        let measurement = self.nodes.get_mut(self.turn)?.next();
        self.turn = (self.turn + 1) % self.nodes.len();
        measurement
    }
}
