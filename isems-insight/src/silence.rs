//! The silence of a node, and its cause.

use crate::Expected;

/// A time in which nothing was measured, or nothing has arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// The measured time of the last measurement before it, Unix seconds, UTC.
    pub since: i64,
    /// The measured time of the first measurement after it, Unix seconds, UTC; `None` while it lasts.
    pub until: Option<i64>,
    /// The most likely cause.
    pub cause: SilenceCause,
    /// The probability that the cause is right, `0..=1`.
    pub confidence: f64,
    /// The facts that speak for the cause, as English sentences.
    pub evidence: Vec<String>,
    /// When the node is expected back, if that can be said.
    pub expected_back_at: Option<Expected>,
}

/// A cause of a [`Silence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SilenceCause {
    /// The battery ran down to the cut-off, and the controller switched the radio off.
    RanEmpty,
    /// The watchdog rebooted the node as scheduled.
    ScheduledReboot,
    /// The node rebooted though no reboot was scheduled: power was lost, or it crashed.
    UnplannedReboot,
    /// The solar controller stopped answering.
    ControllerLost,
    /// The link that a group of nodes shares was lost: they fell silent together.
    Uplink,
    /// The collector, its uplink or its broker was away: all nodes fell silent together.
    Collector,
    /// The node's clock was wrong, so that its measurements could not be dated.
    Clock,
    /// None of these fits.
    Unknown,
}

impl SilenceCause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::RanEmpty,
        Self::ScheduledReboot,
        Self::UnplannedReboot,
        Self::ControllerLost,
        Self::Uplink,
        Self::Collector,
        Self::Clock,
        Self::Unknown,
    ];

    /// Returns the stable name that stands in answers, events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::RanEmpty => "ranEmpty",
            Self::ScheduledReboot => "scheduledReboot",
            Self::UnplannedReboot => "unplannedReboot",
            Self::ControllerLost => "controllerLost",
            Self::Uplink => "uplink",
            Self::Collector => "collector",
            Self::Clock => "clock",
            Self::Unknown => "unknown",
        }
    }
}
