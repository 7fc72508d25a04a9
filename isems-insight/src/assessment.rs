//! The assessment of a node: everything that is said about it at one instant.

use isems_core::NodeId;

use crate::{Battery, DataQuality, Energy, Finding, FindingCode, Level, Panel, Silence, Upgrade};

/// What a node is going through, and what comes next. Whatever is not known is `None`, and [`unknown`](Self::unknown)
/// says why.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The node.
    pub node: NodeId,
    /// The instant, Unix seconds, UTC. Nothing that was measured at or after it was used.
    pub at: i64,
    /// How urgently the node needs somebody: the level of its worst finding.
    pub level: Level,
    /// Everything that is the matter, the most severe first.
    pub findings: Vec<Finding>,
    /// What the battery holds, and how long it lasts.
    pub energy: Energy,
    /// The battery's capacity and wear.
    pub battery: Battery,
    /// The panel's yield.
    pub panel: Panel,
    /// The silence, if the node is silent.
    pub silence: Option<Silence>,
    /// Whether a firmware upgrade is safe.
    pub upgrade: Upgrade,
    /// How complete the measurements are.
    pub data: DataQuality,
    /// What could not be said, and why.
    pub unknown: Vec<Unknown>,
}

impl Assessment {
    /// Returns the finding of a kind, if there is one.
    pub fn finding(&self, code: FindingCode) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code == code)
    }
}

/// Something that could not be said about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What is not known, by its name in JSON, such as `energy` or `battery.estimatedCapacityAh`.
    pub what: &'static str,
    /// The reason, in English.
    pub reason: String,
}
