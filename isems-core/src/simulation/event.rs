//! The truth about what happens to simulated nodes.

use crate::NodeId;

/// Something that truly happens to a node of a [`TrueMesh`](super::TrueMesh): its state was so from the first minute to
/// the last.
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

/// Declares the kinds in one table.
macro_rules! true_event_kinds {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// A kind of [`TrueEvent`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum TrueEventKind {
            $($(#[$doc])* $variant,)*
        }

        impl TrueEventKind {
            /// Every kind.
            pub const ALL: [Self; [$(stringify!($variant)),*].len()] = [$(Self::$variant),*];
        }
    };
}

true_event_kinds! {
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
    /// Snow, leaves or something else on the panel take more than half of its light.
    PanelCovered,
    /// Dirt that sticks takes at least 15 % of the panel's light: a quarter at first, until rain has washed it off.
    PanelDirty,
    /// An obstacle shades the panel while the sun is behind it.
    PanelShaded,
    /// The battery loses a tenth of its capacity a month or more.
    BatteryAgeing,
    /// The battery has less than 60 % of its nominal capacity left.
    BatteryWorn,
    /// The node's clock is not set, so that its measurements are dated by their arrival.
    ClockUnset,
    /// The node's clock is off by a constant time.
    ClockSkewed,
    /// The node's clock goes ahead or behind more and more.
    ClockDrifting,
    /// Two nodes use one id: the node itself, and one whose own id is not heard meanwhile. Both have the event.
    IdShared,
    /// The node's position changes by some kilometres, in this minute, for good.
    PositionJumped,
}

impl TrueEventKind {
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

    /// Returns whether it takes light or power from the panel.
    pub fn is_of_panel(self) -> bool {
        matches!(self, Self::PanelDisconnected | Self::PanelCovered | Self::PanelDirty | Self::PanelShaded)
    }
}
