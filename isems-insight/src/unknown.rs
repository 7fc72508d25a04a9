//! Questions without an answer.

use std::fmt;

/// A question about a node that could not be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// The unknown value, by its name in JSON, such as `energy` or `battery.estimatedCapacityAh`.
    pub what: &'static str,
    /// The reason.
    pub reason: UnknownReason,
}

/// A reason why a question could not be answered. It displays as English words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnknownReason {
    /// Nothing has been heard of the node.
    NothingHeard,
    /// The node is silent, or its solar controller does not answer.
    Silent,
    /// The node does not report the battery's voltage or the cut-off.
    NoVoltage,
    /// The node reports no cut-off voltage.
    NoCutOff,
    /// The node reports no rated capacity.
    NoRatedCapacity,
    /// The temperature sensor is missing.
    NoTemperatureSensor,
    /// The newest measurement is older than twelve hours.
    Outdated,
    /// There is less than a day of measurements.
    LessThanADay,
    /// The node had no power for seven days, or was heard too rarely.
    NoPower,
    /// The node was not heard on enough of the last 14 days.
    RarelyHeard,
    /// Too few hours of discharge were seen.
    LittleDischarge {
        /// Their number.
        hours: f64,
    },
    /// No complete night has been seen yet.
    NoNight,
    /// The course of the last night is not known.
    LastNight,
    /// No complete day has been seen yet.
    NoDay,
    /// Too few of the last 30 nights are known.
    FewNights {
        /// Their number.
        nights: usize,
        /// The number that is needed.
        needed: usize,
    },
    /// Too few nights show how the battery discharges.
    FewRests {
        /// Their number.
        nights: usize,
        /// The number that is needed.
        needed: usize,
    },
    /// No node of the mesh has measured its battery's health, which is needed to know the load.
    NoLoad,
    /// The load and the rated capacity do not fit together.
    LoadDoesNotFit {
        /// The load, A.
        load: f64,
        /// The rated capacity, Ah.
        rated: f64,
    },
    /// The battery does not lose capacity.
    NoLoss,
    /// No node of the mesh has a position.
    NoPosition,
    /// Too few days can be compared with the mesh.
    FewDays {
        /// The number of days with clouds.
        cloudy: usize,
        /// The number of days with a known gain.
        gains: usize,
    },
    /// None of the last four days could be compared.
    NoComparison,
    /// Too little direct sun was seen by this and other panels while their batteries were not full.
    LittleSun,
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NothingHeard => "nothing has been heard of the node",
            Self::Silent => "the node is silent, or its solar controller does not answer",
            Self::NoVoltage => "the node does not report the battery's voltage or the cut-off",
            Self::NoCutOff => "the node reports no cut-off voltage",
            Self::NoRatedCapacity => "the node reports no rated capacity",
            Self::NoTemperatureSensor => "the temperature sensor is missing",
            Self::Outdated => "the newest measurement is older than twelve hours",
            Self::LessThanADay => "there is less than a day of measurements",
            Self::NoPower => "the node had no power for seven days, or was heard too rarely",
            Self::RarelyHeard => "the node was not heard on enough of the last 14 days",
            Self::LittleDischarge { hours } => {
                return write!(formatter, "too few hours of discharge were seen: {hours:.1} of at least 4");
            }
            Self::NoNight => "no complete night has been seen yet",
            Self::LastNight => "the course of the last night is not known",
            Self::NoDay => "no complete day has been seen yet",
            Self::FewNights { nights, needed } => {
                return write!(formatter, "only {nights} of the last 30 nights are known, of at least {needed}");
            }
            Self::FewRests { nights, needed } => {
                return write!(
                    formatter,
                    "too few nights show how the battery discharges: {nights} of at least {needed}"
                );
            }
            Self::NoLoad => "no node of the mesh has measured its battery's health, which is needed to know the load",
            Self::LoadDoesNotFit { load, rated } => {
                return write!(
                    formatter,
                    "a load of {load:.3} A and a rated capacity of {rated} Ah do not fit together"
                );
            }
            Self::NoLoss => "the battery does not lose capacity",
            Self::NoPosition => "no node of the mesh has a position",
            Self::FewDays { cloudy, gains } => {
                return write!(
                    formatter,
                    "too few days can be compared with the mesh: {cloudy} with clouds, and {gains} with a known gain"
                );
            }
            Self::NoComparison => {
                "none of the last four days could be compared: too little sun, a full battery, or too few neighbours"
            }
            Self::LittleSun => {
                "too little direct sun was seen by this and other panels while their batteries were not full"
            }
        };
        formatter.write_str(words)
    }
}
