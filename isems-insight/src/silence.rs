//! The silence of a node, and its cause.

use std::fmt;

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
    /// The facts that speak for the cause.
    pub evidence: Vec<SilenceFact>,
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

/// A fact that speaks for the cause of a [`Silence`]. It displays as an English sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SilenceFact {
    /// Many nodes fell silent at the same time.
    FellSilentTogether {
        /// The number of those that fell silent, this one included.
        silent: usize,
        /// The number of those that had been heard before.
        heard: usize,
    },
    /// The solar controller did not answer in the last measurement.
    ControllerDidNotAnswer,
    /// Others fell silent at the same time, with batteries that were not empty.
    OthersFellSilent {
        /// Their number.
        others: usize,
    },
    /// One other at least did.
    AnotherFellSilent,
    /// The battery was near the cut-off in the last measurement, and falling.
    NearCutOff {
        /// The distance, V.
        above: f64,
    },
    /// The countdown to the reboot was restarted.
    CountdownRestarted {
        /// The time that was left, minutes.
        minutes: f64,
    },
    /// The scheduled reboot was due.
    RebootDue {
        /// The time that was left, minutes.
        minutes: f64,
    },
    /// The clock was not set, so that measurements could not be dated.
    ClockUnset,
    /// No other node fell silent at the same time.
    FellSilentAlone,
    /// The battery was above the cut-off.
    AboveCutOff {
        /// The distance, V.
        above: f64,
    },
}

impl fmt::Display for SilenceFact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FellSilentTogether { silent, heard } => {
                write!(formatter, "{silent} of {heard} nodes fell silent at the same time.")
            }
            Self::ControllerDidNotAnswer => {
                formatter.write_str("The solar controller did not answer in the last measurement.")
            }
            Self::OthersFellSilent { others } => {
                write!(formatter, "{others} others fell silent at the same time, with batteries that were not empty.")
            }
            Self::AnotherFellSilent => {
                formatter.write_str("Another node fell silent at the same time, with a battery that was not empty.")
            }
            Self::NearCutOff { above } => write!(
                formatter,
                "The battery was {above:.2} V above the cut-off in the last measurement, and falling."
            ),
            Self::CountdownRestarted { minutes } => {
                write!(formatter, "The countdown was restarted {minutes:.0} minutes before its end.")
            }
            Self::RebootDue { minutes } => write!(formatter, "The scheduled reboot was {minutes:.0} minutes away."),
            Self::ClockUnset => {
                formatter.write_str("The node's clock was not set, so that its measurements could not be dated.")
            }
            Self::FellSilentAlone => formatter.write_str("No other node fell silent at the same time."),
            Self::AboveCutOff { above } => write!(formatter, "The battery was {above:.2} V above the cut-off."),
        }
    }
}
