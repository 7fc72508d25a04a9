//! The truth about what happens to simulated nodes.

use crate::NodeId;

/// Something that truly happens to a node of a [`TrueMesh`](super::TrueMesh).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueEvent {
    /// The node.
    pub node: NodeId,
    /// The kind of event.
    pub kind: TrueEventKind,
    /// When it begins, Unix seconds, UTC.
    pub from: i64,
    /// When it is over, Unix seconds, UTC. Until it is, the end of the simulation.
    pub to: i64,
}

/// A kind of [`TrueEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrueEventKind {
    /// The load is off: the battery ran down to the cut-off.
    RanEmpty,
    /// The watchdog reboots the node as scheduled.
    ScheduledReboot,
    /// The node reboots by itself.
    UnplannedReboot,
    /// The solar controller does not answer.
    ControllerLost,
    /// The link that a group of nodes shares is lost.
    Uplink,
    /// The collector is away.
    Collector,
    /// The radio is dead.
    RadioDead,
    /// The panel's cable is broken.
    PanelDisconnected,
    /// Snow lies on the panel.
    PanelCovered,
    /// Dirt takes a quarter of the panel's light.
    PanelDirty,
    /// Something new shades the panel for some hours of the day.
    PanelShaded,
}

impl TrueEventKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::RanEmpty,
        Self::ScheduledReboot,
        Self::UnplannedReboot,
        Self::ControllerLost,
        Self::Uplink,
        Self::Collector,
        Self::RadioDead,
        Self::PanelDisconnected,
        Self::PanelCovered,
        Self::PanelDirty,
        Self::PanelShaded,
    ];

    /// Returns whether nothing arrives from the node meanwhile.
    pub fn silences(self) -> bool {
        matches!(
            self,
            Self::RanEmpty
                | Self::ScheduledReboot
                | Self::UnplannedReboot
                | Self::Uplink
                | Self::Collector
                | Self::RadioDead
        )
    }
}
