//! Findings: problems of a node, with stable codes.

use std::collections::BTreeMap;

use crate::FindingSeverity;

/// Something that is wrong with a node, or will be.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The kind of finding.
    pub code: FindingCode,
    /// The severity.
    pub severity: FindingSeverity,
    /// The time since when it has been so, as far as the measurements tell, Unix seconds, UTC.
    pub since: i64,
    /// The figures and words behind it, by name. Names include the unit, such as `capacityPercentOfRated`.
    pub values: BTreeMap<&'static str, FindingValue>,
    /// Set if the node's own status says the same; `None` if it has no flag for it.
    pub node_agrees: Option<bool>,
}

impl Finding {
    /// Creates a finding without values.
    pub fn new(code: FindingCode, severity: FindingSeverity, since: i64) -> Self {
        Self { code, severity, since, values: BTreeMap::new(), node_agrees: None }
    }

    /// Adds a value. A number that is not finite is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<FindingValue>) -> Self {
        let value = value.into();
        if !matches!(value, FindingValue::Number(number) if !number.is_finite()) {
            self.values.insert(name, value);
        }
        self
    }

    /// Says whether the node's own status agrees.
    #[must_use]
    pub fn node_agrees(mut self, agrees: Option<bool>) -> Self {
        self.node_agrees = agrees;
        self
    }

    /// Returns what to do about it, in English.
    pub fn advice(&self) -> &'static str {
        self.code.advice()
    }
}

/// A figure or a word of a [`Finding`].
#[derive(Debug, Clone, PartialEq)]
pub enum FindingValue {
    /// A finite number, in the unit that its name carries.
    Number(f64),
    /// A time, Unix seconds, UTC.
    Time(i64),
    /// A word, such as the name of a cause or of another node.
    Text(String),
}

impl From<f64> for FindingValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for FindingValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for FindingValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Declares the codes with their names, documentation and advice in one table.
macro_rules! finding_codes {
    ($($variant:ident, $name:literal, $meaning:literal, $advice:literal;)*) => {
        /// The kind of a [`Finding`]. Names are stable. Matches are exhaustive, so that a new kind lacks words in no
        /// language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl FindingCode {
            /// Every code.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Returns the stable name that stands in answers, events and metrics.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Returns what a finding of this kind means, in an English sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }

            /// Returns what to do about it, in an English sentence.
            pub fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)*
                }
            }
        }
    };
}

finding_codes! {
    LoadOffPredicted, "loadOffPredicted",
        "The battery is expected to run down to the cut-off, where the controller switches the radio off.",
        "Bring a charged battery, or reduce the load, before the expected time.";
    RanEmpty, "ranEmpty",
        "The battery ran down to the cut-off, and the controller switched the radio off.",
        "Wait for the sun if a comeback is expected soon; otherwise bring a charged battery.";
    ReserveLow, "reserveLow",
        "The battery does not carry the load through a dark day.",
        "Plan a larger battery or a smaller load.";
    WinterReserveLow, "winterReserveLow",
        "The battery will not carry the load through a dark day in December.",
        "Plan a larger battery or panel before winter.";
    Silent, "silent",
        "Nothing has arrived from the node for three of its usual intervals.",
        "Look at the cause, and go there if it is not expected back soon.";
    ControllerLost, "controllerLost",
        "The solar controller does not answer, so every other reading is void.",
        "Check the cable between controller and radio, and the controller itself.";
    TemperatureSensorMissing, "temperatureSensorMissing",
        "The battery has no temperature sensor, so it is charged as if it were at 25 degrees.",
        "Connect a temperature sensor to the battery.";
    BatteryOverheating, "batteryOverheating",
        "The battery is at 40 degrees or more, which ages it quickly.",
        "Shade or ventilate the battery.";
    BatteryCold, "batteryCold",
        "The battery is at minus 10 degrees or less; if it is empty, it can freeze.",
        "Insulate the battery, and keep it charged.";
    BatteryDue, "batteryDue",
        "The battery has lost so much of its capacity that it is due for replacement.",
        "Bring a new battery on the next visit.";
    BatteryNotFull, "batteryNotFull",
        "The battery has not been fully charged for two weeks or more, so it is sulphating.",
        "Charge it fully once, and look for dirt, shade or a panel that is too small.";
    DeepNights, "deepNights",
        "The battery is discharged deeply on many nights, which wears it out.",
        "Plan a larger battery or panel, or a smaller load.";
    CapacityTooSmall, "capacityTooSmall",
        "The battery is too small for the panel that charges it.",
        "Check the battery's size and wear, and the settings of capacity and panel.";
    PanelYieldLow, "panelYieldLow",
        "The panel yields much less than the other panels of the mesh in the same weather.",
        "Look for dirt, snow, new shade, or a loose cable.";
    PanelShaded, "panelShaded",
        "The panel lacks light at certain azimuths of the sun while its neighbours have it.",
        "Look for a tree, a mast or a wall in that direction, and move the panel or cut it back.";
    PanelCovered, "panelCovered",
        "The panel gets hardly any light by day while its neighbours do, as if it were covered.",
        "Clear the panel; if it was freezing, it may be snow, which melts by itself.";
    PanelDisconnected, "panelDisconnected",
        "No voltage comes from the panel by day while its neighbours charge.",
        "Check the panel's cable and fuse.";
    UnplannedReboots, "unplannedReboots",
        "The node has rebooted repeatedly though no reboot was scheduled.",
        "Look for a loose contact, a weak battery, or a crash in the node's log.";
    PositionUnset, "positionUnset",
        "The node reports no position.",
        "Set latitude and longitude in the node's configuration.";
    PositionDefault, "positionDefault",
        "The node reports the position that the firmware ships with.",
        "Set latitude and longitude in the node's configuration.";
    PositionJumped, "positionJumped",
        "The node's position jumped.",
        "Check that the node was moved, and that no other node uses its id.";
    RatingsDefault, "ratingsDefault",
        "The node reports the battery capacity and the panel power that the firmware ships with.",
        "Set the battery's rated capacity and the panel's rated power in the node's configuration.";
    IdDefault, "idDefault",
        "The node has the id that the firmware ships with.",
        "Give the node an id of its own.";
    IdShared, "idShared",
        "Two nodes use the same id, so their measurements are mixed.",
        "Give one of the two nodes another id.";
    CapacityImplausible, "capacityImplausible",
        "The battery capacity in the node's configuration is implausible.",
        "Correct the battery's rated capacity in the node's configuration.";
    PanelImplausible, "panelImplausible",
        "The panel power in the node's configuration is implausible.",
        "Correct the panel's rated power in the node's configuration.";
    CutOffImplausible, "cutOffImplausible",
        "The cut-off voltage in the node's configuration is implausible.",
        "Set the cut-off between 11 and 12 volts in the node's configuration.";
    ClockUnset, "clockUnset",
        "The node's clock is not set, so its measurements are dated by their arrival.",
        "Give the node a time server that it can reach.";
    ClockSkewed, "clockSkewed",
        "The node's clock is wrong.",
        "Give the node a time server that it can reach.";
    ClockDrifting, "clockDrifting",
        "The node's clock drifts away from the right time.",
        "Give the node a time server that it can reach.";
    DataIncomplete, "dataIncomplete",
        "A large part of the measurements of the last days is missing.",
        "Look at the radio link to the node.";
    DeliveredLate, "deliveredLate",
        "Many measurements of the last days arrived late.",
        "Look at the radio link to the node.";
}
