//! The safety of upgrading a node's firmware.

use std::fmt;

/// The safety of a firmware upgrade: the battery must last, and no reboot may come in between.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Upgrade {
    /// Set if it is safe now; `None` if that cannot be said.
    pub safe: Option<bool>,
    /// The facts behind it.
    pub reasons: Vec<UpgradeReason>,
    /// The next time at which it will be safe, if it is not now.
    pub next_window: Option<TimeWindow>,
}

/// A time from one instant to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindow {
    /// The first instant, Unix seconds, UTC.
    pub from: i64,
    /// The first instant after it, Unix seconds, UTC.
    pub to: i64,
}

/// A fact behind the safety of an upgrade. It displays as an English sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UpgradeReason {
    /// The charge of the battery.
    Battery {
        /// The distance to the cut-off, V.
        above: f64,
        /// The distance that is needed, V.
        needed: f64,
    },
    /// The load may go off within two hours.
    LoadMayGoOff,
    /// A reboot is scheduled.
    NextReboot {
        /// The time until then, minutes.
        minutes: f64,
    },
    /// Automatic reboots are off.
    NoReboots,
    /// The node's own flag forbids upgrades, but only because its countdown is always 0.
    CountdownAlwaysZero,
    /// The node's own flag forbids upgrades, by thresholds that differ.
    OwnThresholds,
}

impl fmt::Display for UpgradeReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Battery { above, needed } => {
                write!(formatter, "The battery is {above:.2} V above the cut-off; {needed} V are needed.")
            }
            Self::LoadMayGoOff => formatter.write_str("The load may go off within two hours."),
            Self::NextReboot { minutes } => {
                write!(formatter, "The next scheduled reboot is {minutes:.0} minutes away.")
            }
            Self::NoReboots => formatter.write_str("Automatic reboots are off."),
            Self::CountdownAlwaysZero => formatter
                .write_str("The node says that no upgrade is allowed, but only because its countdown is always 0."),
            Self::OwnThresholds => {
                formatter.write_str("The node says that no upgrade is allowed; its own thresholds differ.")
            }
        }
    }
}
