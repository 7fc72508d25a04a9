//! The nodes that need attention, and which of them first.

use std::cmp::Reverse;

use isems_core::Severity;

use crate::{NodeState, WatchedNode};

/// Returns whether a node needs attention: it is silent, or a flag of its status has the severity `warning` or above.
/// Inactive nodes have been given up and never do.
pub fn needs_attention(node: &WatchedNode) -> bool {
    match node.state {
        NodeState::Inactive => false,
        NodeState::Silent => true,
        NodeState::Active => node.severity() > Severity::Info,
    }
}

/// Returns the nodes that [need attention](needs_attention), worst first: by severity, then silent ones before others,
/// then by charge, lowest first and unknown last.
pub fn worst_first(nodes: &[WatchedNode]) -> Vec<&WatchedNode> {
    let mut worst: Vec<_> = nodes.iter().filter(|node| needs_attention(node)).collect();
    let rank = |node: &WatchedNode| (Reverse(node.severity()), node.state != NodeState::Silent);
    let charge = |node: &WatchedNode| node.node.latest.battery_charge_estimate.unwrap_or(f64::INFINITY);
    worst.sort_by(|a, b| rank(a).cmp(&rank(b)).then(charge(a).total_cmp(&charge(b))));
    worst
}
