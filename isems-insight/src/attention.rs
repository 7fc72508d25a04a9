//! The nodes that need attention, and which of them first.

use std::cmp::Reverse;

use isems_core::Severity;

use crate::{Level, NodeState, WatchedNode};

/// Returns whether a node needs attention: its assessment has the level `attention` or `urgent`. A node without an
/// assessment needs attention if it is silent, or if a flag of its status has the severity `warning` or above. Inactive
/// nodes have been given up and never do.
pub fn needs_attention(node: &WatchedNode) -> bool {
    match (node.state, &node.assessment) {
        (NodeState::Inactive, _) => false,
        (_, Some(assessment)) => assessment.level >= Level::Attention,
        (NodeState::Silent, None) => true,
        (NodeState::Active, None) => node.severity() > Severity::Info,
    }
}

/// Returns the nodes that [need attention](needs_attention), worst first: by level, then by the severity of the node's
/// own flags, then silent ones before others, then by charge, lowest first and unknown last.
pub fn worst_first(nodes: &[WatchedNode]) -> Vec<&WatchedNode> {
    let mut worst: Vec<_> = nodes.iter().filter(|node| needs_attention(node)).collect();
    let rank = |node: &WatchedNode| (Reverse((node.level(), node.severity())), node.state != NodeState::Silent);
    worst.sort_by(|a, b| rank(a).cmp(&rank(b)).then(charge(a).total_cmp(&charge(b))));
    worst
}

/// Returns the charge of a node, percent: as it was assessed, else by its own gauge.
fn charge(node: &WatchedNode) -> f64 {
    let assessed = node.assessment.as_ref().and_then(|assessment| assessment.energy.charge_percent);
    assessed.or(node.node.latest.battery_charge_estimate).unwrap_or(f64::INFINITY)
}
