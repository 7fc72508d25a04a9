//! The assessment of a node: everything that is said about it at one instant.

use isems_core::NodeId;

use crate::{Battery, Course, DataQuality, Energy, Finding, FindingCode, Level, Panel, Silence, Unknown, Upgrade};

/// A node's condition, and what comes next. Unknown values are `None`, and [`unknown`](Self::unknown) says why.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The node.
    pub node: NodeId,
    /// The instant, Unix seconds, UTC. Nothing measured at or after it was used.
    pub at: i64,
    /// The urgency with which the node needs attention: the level of its worst finding.
    pub level: Level,
    /// Everything that is wrong, the most severe first.
    pub findings: Vec<Finding>,
    /// The battery's charge, and how long it lasts.
    pub energy: Energy,
    /// The course of the battery voltage.
    pub course: Course,
    /// The battery's capacity and wear.
    pub battery: Battery,
    /// The panel's yield.
    pub panel: Panel,
    /// The silence, if the node is silent.
    pub silence: Option<Silence>,
    /// The safety of a firmware upgrade.
    pub upgrade: Upgrade,
    /// The completeness and timeliness of the measurements.
    pub data: DataQuality,
    /// The questions that could not be answered, with reasons.
    pub unknown: Vec<Unknown>,
}

impl Assessment {
    /// Returns the finding of a kind, if there is one.
    pub fn finding(&self, code: FindingCode) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code == code)
    }
}
