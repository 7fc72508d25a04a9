//! Which nodes need somebody, and which of them first.

use std::cmp::Reverse;

use isems_core::Severity;

use crate::{NodeState, WatchedNode};

/// Returns whether somebody should look after a node: it is silent, or a flag of its status is of severity `warning` or
/// above. One that is inactive has been given up.
pub fn needs_somebody(node: &WatchedNode) -> bool {
    match node.state {
        NodeState::Inactive => false,
        NodeState::Silent => true,
        NodeState::Active => node.severity() > Severity::Info,
    }
}

/// Returns the nodes that [need somebody](needs_somebody), the worst first: by severity, then the silent ones, then by
/// charge, the lowest first and unknown ones last.
pub fn worst(nodes: &[WatchedNode]) -> Vec<&WatchedNode> {
    let mut worst: Vec<_> = nodes.iter().filter(|node| needs_somebody(node)).collect();
    let rank = |node: &WatchedNode| (Reverse(node.severity()), node.state != NodeState::Silent);
    let charge = |node: &WatchedNode| node.node.latest.battery_charge_estimate.unwrap_or(f64::INFINITY);
    worst.sort_by(|a, b| rank(a).cmp(&rank(b)).then(charge(a).total_cmp(&charge(b))));
    worst
}
