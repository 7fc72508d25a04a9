//! The nodes that need attention, and which of them first.

use std::cmp::{Ordering, Reverse};

use isems_core::Severity;

use crate::{Assessment, Level, NodeState, WatchedNode};

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

/// Returns the nodes that [need attention](needs_attention), worst first: by level, then by the number of urgent
/// findings, then by charge, lowest first and unknown last, then by id. Those without an assessment come by the
/// severity of their own flags, silent ones before others, instead of by findings.
pub fn worst_first(nodes: &[WatchedNode]) -> Vec<&WatchedNode> {
    let mut worst: Vec<_> = nodes.iter().filter(|node| needs_attention(node)).collect();
    worst.sort_by(|a, b| {
        let by_need = need(a.assessment.as_deref()).cmp(&need(b.assessment.as_deref())).then(own(a).cmp(&own(b)));
        by_need.then(charge(a).total_cmp(&charge(b))).then_with(|| a.node.id.cmp(&b.node.id))
    });
    worst
}

/// Orders assessments as [`worst_first`] does.
pub(crate) fn worse(a: &Assessment, b: &Assessment) -> Ordering {
    let charge = |assessment: &Assessment| assessment.energy.charge_percent.unwrap_or(f64::INFINITY);
    let by_need = need(Some(a)).cmp(&need(Some(b)));
    by_need.then(charge(a).total_cmp(&charge(b))).then_with(|| a.node.cmp(&b.node))
}

/// The more a node needs somebody, the less this is.
fn need(assessment: Option<&Assessment>) -> Reverse<(Level, usize)> {
    Reverse(assessment.map_or((Level::Unknown, 0), |assessment| {
        let urgent = assessment.findings.iter().filter(|finding| finding.severity.level() == Level::Urgent).count();
        (assessment.level, urgent)
    }))
}

/// The verdict of the node itself, which counts until there is an assessment.
fn own(node: &WatchedNode) -> Option<Reverse<(Severity, bool)>> {
    node.assessment.is_none().then(|| Reverse((node.severity(), node.state == NodeState::Silent)))
}

/// Returns the charge of a node, percent: as it was assessed, else by its own gauge.
fn charge(node: &WatchedNode) -> f64 {
    let assessed = node.assessment.as_ref().and_then(|assessment| assessment.energy.charge_percent);
    assessed.or(node.node.latest.battery_charge_estimate).unwrap_or(f64::INFINITY)
}
