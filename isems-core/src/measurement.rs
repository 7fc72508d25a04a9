//! Measurements: what a node reports, field by field.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{NodeId, RejectReason, Status};

/// What a node measured at one moment. Its key is the node and the second.
///
/// The names in JSON are the names on the wire. `None` is a value that the node did not report, or reported as `nan`,
/// `inf`, `-` or nothing. A measurement that is stored keeps within the ranges of [`Field::range`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// The node that measured.
    pub node_id: NodeId,
    /// When it was measured: Unix seconds, UTC, from 2018-01-01 on; below 2^32.
    pub timestamp: i64,
    /// Whose clock [`timestamp`](Self::timestamp) is.
    pub time_source: TimeSource,
    /// When it arrived by the collector's clock, right or wrong: Unix seconds, UTC. A measured time that is more than ten
    /// minutes later was stored while that clock was [wrong](crate::ClockState).
    pub received_at: i64,
    /// Revision of the packet format, `1` so far. Nodes that send JSON report none.
    pub isems_revision: Option<Arc<str>>,
    /// Free text that names the firmware, e.g. `ATmega8_A_1`. Nodes that send JSON report none.
    #[serde(rename = "openMPPTFirmwareVersion")]
    pub firmware_version: Option<Arc<str>>,
    /// The watchdog's countdown to the next scheduled power cycle, nominally minutes. Not how long the battery lasts.
    pub time_to_shutdown: Option<f64>,
    /// Power save level, 0 (off) to 6.
    #[serde(rename = "isPowerSaveMode")]
    pub power_save_level: Option<u8>,
    /// Panel voltage without load, V.
    pub open_circuit_voltage: Option<f64>,
    /// Panel voltage at the tracked maximum power point, V.
    pub mpp_voltage: Option<f64>,
    /// Battery voltage, V. 0 when the node has lost its solar controller.
    pub battery_voltage: Option<f64>,
    /// Charge that the node derives from the voltage, percent. The load is cut at about 36, not at 0.
    pub battery_charge_estimate: Option<f64>,
    /// Health of the battery, percent. 100 can mean "not measured since the last reboot".
    pub battery_health_estimate: Option<f64>,
    /// Battery temperature, degC.
    pub battery_temperature: Option<f64>,
    /// The voltage below which the load is cut, V.
    pub low_voltage_disconnect_voltage: Option<f64>,
    /// Charge end voltage at this temperature, V.
    pub temperature_corrected_voltage: Option<f64>,
    /// Rated capacity of the battery as its owner typed it in, Ah.
    #[serde(rename = "rateBatteryCapacity")]
    pub rated_battery_capacity: Option<f64>,
    /// Rated power of the panel as its owner typed it in, W.
    pub rated_solar_module_capacity: Option<f64>,
    /// Latitude, degrees north. 52.52 is the shipped default, 0 is unset.
    pub latitude: Option<f64>,
    /// Longitude, degrees east. 13.4 is the shipped default, 0 is unset.
    pub longitude: Option<f64>,
    /// The status word; the oldest nodes report none.
    pub status: Option<Status>,
}

/// Whose clock a measurement's time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The node's.
    Node,
    /// The collector's at arrival: the node sent no time, or its clock was not set.
    Arrival,
}

impl Measurement {
    /// The longest text that a text field can hold, in bytes of UTF-8.
    pub const MAX_TEXT_BYTES: usize = 128;

    /// A measurement without any values, with the node's own time.
    pub fn new(node_id: NodeId, timestamp: i64, received_at: i64) -> Self {
        Self {
            node_id,
            timestamp,
            time_source: TimeSource::Node,
            received_at,
            isems_revision: None,
            firmware_version: None,
            time_to_shutdown: None,
            power_save_level: None,
            open_circuit_voltage: None,
            mpp_voltage: None,
            battery_voltage: None,
            battery_charge_estimate: None,
            battery_health_estimate: None,
            battery_temperature: None,
            low_voltage_disconnect_voltage: None,
            temperature_corrected_voltage: None,
            rated_battery_capacity: None,
            rated_solar_module_capacity: None,
            latitude: None,
            longitude: None,
            status: None,
        }
    }

    /// The value of a numeric field.
    pub fn number(&self, field: Field) -> Option<f64> {
        match field {
            Field::TimeToShutdown => self.time_to_shutdown,
            Field::OpenCircuitVoltage => self.open_circuit_voltage,
            Field::MppVoltage => self.mpp_voltage,
            Field::BatteryVoltage => self.battery_voltage,
            Field::BatteryChargeEstimate => self.battery_charge_estimate,
            Field::BatteryHealthEstimate => self.battery_health_estimate,
            Field::BatteryTemperature => self.battery_temperature,
            Field::LowVoltageDisconnectVoltage => self.low_voltage_disconnect_voltage,
            Field::TemperatureCorrectedVoltage => self.temperature_corrected_voltage,
            Field::RatedBatteryCapacity => self.rated_battery_capacity,
            Field::RatedSolarModuleCapacity => self.rated_solar_module_capacity,
            Field::Latitude => self.latitude,
            Field::Longitude => self.longitude,
        }
    }

    /// The place of a numeric field's value.
    pub fn number_mut(&mut self, field: Field) -> &mut Option<f64> {
        match field {
            Field::TimeToShutdown => &mut self.time_to_shutdown,
            Field::OpenCircuitVoltage => &mut self.open_circuit_voltage,
            Field::MppVoltage => &mut self.mpp_voltage,
            Field::BatteryVoltage => &mut self.battery_voltage,
            Field::BatteryChargeEstimate => &mut self.battery_charge_estimate,
            Field::BatteryHealthEstimate => &mut self.battery_health_estimate,
            Field::BatteryTemperature => &mut self.battery_temperature,
            Field::LowVoltageDisconnectVoltage => &mut self.low_voltage_disconnect_voltage,
            Field::TemperatureCorrectedVoltage => &mut self.temperature_corrected_voltage,
            Field::RatedBatteryCapacity => &mut self.rated_battery_capacity,
            Field::RatedSolarModuleCapacity => &mut self.rated_solar_module_capacity,
            Field::Latitude => &mut self.latitude,
            Field::Longitude => &mut self.longitude,
        }
    }

    /// Whether another measurement says the same about the same moment, whenever it arrived.
    pub fn same_values(&self, other: &Self) -> bool {
        self.node_id == other.node_id
            && self.timestamp == other.timestamp
            && self.isems_revision == other.isems_revision
            && self.firmware_version == other.firmware_version
            && self.power_save_level == other.power_save_level
            && self.status == other.status
            && Field::ALL.into_iter().all(|field| self.number(field) == other.number(field))
    }

    /// Whether every value is within its documented range, the time too. What decoding yields is valid; a transport that makes
    /// measurements itself is checked by this.
    ///
    /// Whether the time is ahead of the arrival is not looked at: that is judged when a measurement comes in, and only by a
    /// clock that can be right, see [`ClockState`](crate::ClockState).
    pub fn validate(&self) -> Result<(), Fault> {
        if self.timestamp < Self::CLOCK_UNSET_BEFORE {
            return Err(Fault { reason: RejectReason::ClockUnset, field: "timestamp" });
        }
        if self.timestamp > i64::from(u32::MAX) {
            return Err(Fault { reason: RejectReason::ClockAhead, field: "timestamp" });
        }
        for (field, text) in
            [("isemsRevision", &self.isems_revision), ("openMPPTFirmwareVersion", &self.firmware_version)]
        {
            // An empty text and `-` are how a line says that there is none.
            let fits = |text: &Arc<str>| {
                (1..=Self::MAX_TEXT_BYTES).contains(&text.len())
                    && **text != *"-"
                    && !text.chars().any(|c| c.is_control() || c == ';')
            };
            if !text.as_ref().is_none_or(fits) {
                return Err(Fault { reason: RejectReason::TextInvalid, field });
            }
        }
        for field in Field::ALL {
            if self.number(field).is_some_and(|number| !field.range().contains(&number)) {
                return Err(Fault { reason: RejectReason::NumberOutOfRange, field: field.name() });
            }
        }
        Ok(())
    }

    /// 2018-01-01T00:00:00Z, Unix seconds. The oldest genuine ISEMS logs are of that year; what is below comes from a
    /// clock that was never set.
    pub const CLOCK_UNSET_BEFORE: i64 = 1_514_764_800;

    /// How far a node's clock may run ahead of the arrival, seconds.
    pub const CLOCK_AHEAD_SECONDS: i64 = 600;
}

/// The measurement as a csvlog line of 19 fields (18 without status), without a line end. Missing values are empty
/// fields. [`decode`](crate::decode()) reads it back as it was.
impl fmt::Display for Measurement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn number(formatter: &mut fmt::Formatter<'_>, number: Option<f64>) -> fmt::Result {
            match number {
                Some(number) => write!(formatter, ";{number}"),
                None => formatter.write_str(";"),
            }
        }
        let revision = self.isems_revision.as_deref().unwrap_or_default();
        let firmware = self.firmware_version.as_deref().unwrap_or_default();
        write!(formatter, "{};{revision};{};{firmware}", self.node_id, self.timestamp)?;
        number(formatter, self.time_to_shutdown)?;
        number(formatter, self.power_save_level.map(f64::from))?;
        for field in Field::ALL.into_iter().skip(1) {
            number(formatter, self.number(field))?;
        }
        self.status.map_or(Ok(()), |status| write!(formatter, ";{:03x}", status.bits()))
    }
}

/// What is wrong with a measurement, and in which field (its name on the wire).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} in {field}")]
pub struct Fault {
    /// The kind of fault.
    pub reason: RejectReason,
    /// The field's name on the wire.
    pub field: &'static str,
}

/// A numeric field of a [`Measurement`], in the order of the csvlog line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the field of `Measurement` with this name, documented there")]
pub enum Field {
    TimeToShutdown,
    OpenCircuitVoltage,
    MppVoltage,
    BatteryVoltage,
    BatteryChargeEstimate,
    BatteryHealthEstimate,
    BatteryTemperature,
    LowVoltageDisconnectVoltage,
    TemperatureCorrectedVoltage,
    RatedBatteryCapacity,
    RatedSolarModuleCapacity,
    Latitude,
    Longitude,
}

impl Field {
    /// Every numeric field, in the order of the csvlog line.
    pub const ALL: [Self; 13] = [
        Self::TimeToShutdown,
        Self::OpenCircuitVoltage,
        Self::MppVoltage,
        Self::BatteryVoltage,
        Self::BatteryChargeEstimate,
        Self::BatteryHealthEstimate,
        Self::BatteryTemperature,
        Self::LowVoltageDisconnectVoltage,
        Self::TemperatureCorrectedVoltage,
        Self::RatedBatteryCapacity,
        Self::RatedSolarModuleCapacity,
        Self::Latitude,
        Self::Longitude,
    ];

    /// The field's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::TimeToShutdown => "timeToShutdown",
            Self::OpenCircuitVoltage => "openCircuitVoltage",
            Self::MppVoltage => "mppVoltage",
            Self::BatteryVoltage => "batteryVoltage",
            Self::BatteryChargeEstimate => "batteryChargeEstimate",
            Self::BatteryHealthEstimate => "batteryHealthEstimate",
            Self::BatteryTemperature => "batteryTemperature",
            Self::LowVoltageDisconnectVoltage => "lowVoltageDisconnectVoltage",
            Self::TemperatureCorrectedVoltage => "temperatureCorrectedVoltage",
            Self::RatedBatteryCapacity => "rateBatteryCapacity",
            Self::RatedSolarModuleCapacity => "ratedSolarModuleCapacity",
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
        }
    }

    /// The field's unit, empty for none.
    pub fn unit(self) -> &'static str {
        match self {
            Self::TimeToShutdown => "min",
            Self::OpenCircuitVoltage
            | Self::MppVoltage
            | Self::BatteryVoltage
            | Self::LowVoltageDisconnectVoltage
            | Self::TemperatureCorrectedVoltage => "V",
            Self::BatteryChargeEstimate | Self::BatteryHealthEstimate => "%",
            Self::BatteryTemperature => "degC",
            Self::RatedBatteryCapacity => "Ah",
            Self::RatedSolarModuleCapacity => "W",
            Self::Latitude | Self::Longitude => "deg",
        }
    }

    /// The values that are accepted. They are wide: they keep out what the field cannot hold, not what is unlikely.
    pub fn range(self) -> std::ops::RangeInclusive<f64> {
        match self {
            Self::TimeToShutdown => -1e6..=1e8,
            Self::OpenCircuitVoltage
            | Self::MppVoltage
            | Self::BatteryVoltage
            | Self::LowVoltageDisconnectVoltage
            | Self::TemperatureCorrectedVoltage
            | Self::BatteryChargeEstimate
            | Self::BatteryHealthEstimate => -1e3..=1e3,
            Self::BatteryTemperature => -273.15..=1e3,
            Self::RatedBatteryCapacity | Self::RatedSolarModuleCapacity => 0.0..=1e6,
            Self::Latitude => -90.0..=90.0,
            Self::Longitude => -180.0..=180.0,
        }
    }
}
