//! Measurements: the values that a node reports.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{DroppedValue, Field, NodeId, NumberField, Reject, RejectReason, Status};

/// The values of a node at one moment. The key is the node and the second.
///
/// The names in JSON are the names on the wire. `None` is a value that the node did not report, or reported as `nan`,
/// `inf`, `-`, an empty text or anything else that cannot be used. The values of a stored measurement are within
/// [`NumberField::range`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// The node.
    pub node_id: NodeId,
    /// The time of measurement: Unix seconds, UTC, from 2018-01-01 on, below 2^32.
    pub timestamp: i64,
    /// The clock that [`timestamp`](Self::timestamp) was read from.
    pub time_source: TimeSource,
    /// The time of arrival by the collector's clock, right or wrong: Unix seconds, UTC. If `timestamp` is more than ten
    /// minutes later, the measurement was stored while that clock was [wrong](crate::ClockState).
    pub received_at: i64,
    /// The revision of the packet format, so far always `1`. Nodes that send JSON report none.
    pub isems_revision: Option<Arc<str>>,
    /// Free text naming the firmware, e.g. `ATmega8_A_1`. Nodes that send JSON report none.
    #[serde(rename = "openMPPTFirmwareVersion")]
    pub firmware_version: Option<Arc<str>>,
    /// The watchdog's countdown to the next scheduled power cycle, nominally in minutes. It does not tell how long the
    /// battery will last.
    pub time_to_shutdown: Option<f64>,
    /// The power save level, 0 (off) to 6.
    #[serde(rename = "isPowerSaveMode")]
    pub power_save_level: Option<u8>,
    /// The panel's voltage without load, V.
    pub open_circuit_voltage: Option<f64>,
    /// The panel's voltage at the tracked maximum power point, V.
    pub mpp_voltage: Option<f64>,
    /// The battery voltage, V. 0 if the node has lost its solar controller.
    pub battery_voltage: Option<f64>,
    /// The state of charge that the node derives from the voltage, percent. The load is disconnected at about 36, not
    /// at 0.
    pub battery_charge_estimate: Option<f64>,
    /// The health of the battery, percent. 100 can mean "not measured since the last reboot".
    pub battery_health_estimate: Option<f64>,
    /// The battery temperature, degC.
    pub battery_temperature: Option<f64>,
    /// The voltage below which the load is disconnected, V.
    pub low_voltage_disconnect_voltage: Option<f64>,
    /// The end-of-charge voltage at the current temperature, V.
    pub temperature_corrected_voltage: Option<f64>,
    /// The rated capacity of the battery as its owner entered it, Ah.
    #[serde(rename = "rateBatteryCapacity")]
    pub rated_battery_capacity: Option<f64>,
    /// The rated power of the panel as its owner entered it, W.
    pub rated_solar_module_capacity: Option<f64>,
    /// The latitude, degrees north. 52.52 is the factory default, 0 is unset.
    pub latitude: Option<f64>,
    /// The longitude, degrees east. 13.4 is the factory default, 0 is unset.
    pub longitude: Option<f64>,
    /// The status word; the oldest nodes report none.
    pub status: Option<Status>,
}

/// The clock that a measurement's time was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The node's clock.
    Node,
    /// The collector's clock on arrival: the node sent no time, or its clock was not set.
    Arrival,
}

impl Measurement {
    /// The maximum length of a text field, in bytes of UTF-8.
    pub const MAX_TEXT_BYTES: usize = 128;

    /// Makes a measurement without any values, dated by the node.
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

    /// Returns the value of a numeric field.
    pub fn number(&self, field: NumberField) -> Option<f64> {
        match field {
            NumberField::TimeToShutdown => self.time_to_shutdown,
            NumberField::OpenCircuitVoltage => self.open_circuit_voltage,
            NumberField::MppVoltage => self.mpp_voltage,
            NumberField::BatteryVoltage => self.battery_voltage,
            NumberField::BatteryChargeEstimate => self.battery_charge_estimate,
            NumberField::BatteryHealthEstimate => self.battery_health_estimate,
            NumberField::BatteryTemperature => self.battery_temperature,
            NumberField::LowVoltageDisconnectVoltage => self.low_voltage_disconnect_voltage,
            NumberField::TemperatureCorrectedVoltage => self.temperature_corrected_voltage,
            NumberField::RatedBatteryCapacity => self.rated_battery_capacity,
            NumberField::RatedSolarModuleCapacity => self.rated_solar_module_capacity,
            NumberField::Latitude => self.latitude,
            NumberField::Longitude => self.longitude,
        }
    }

    /// Returns the value of a numeric field for changing it.
    pub fn number_mut(&mut self, field: NumberField) -> &mut Option<f64> {
        match field {
            NumberField::TimeToShutdown => &mut self.time_to_shutdown,
            NumberField::OpenCircuitVoltage => &mut self.open_circuit_voltage,
            NumberField::MppVoltage => &mut self.mpp_voltage,
            NumberField::BatteryVoltage => &mut self.battery_voltage,
            NumberField::BatteryChargeEstimate => &mut self.battery_charge_estimate,
            NumberField::BatteryHealthEstimate => &mut self.battery_health_estimate,
            NumberField::BatteryTemperature => &mut self.battery_temperature,
            NumberField::LowVoltageDisconnectVoltage => &mut self.low_voltage_disconnect_voltage,
            NumberField::TemperatureCorrectedVoltage => &mut self.temperature_corrected_voltage,
            NumberField::RatedBatteryCapacity => &mut self.rated_battery_capacity,
            NumberField::RatedSolarModuleCapacity => &mut self.rated_solar_module_capacity,
            NumberField::Latitude => &mut self.latitude,
            NumberField::Longitude => &mut self.longitude,
        }
    }

    /// Returns whether another measurement has the same key and values, regardless of when either arrived.
    pub fn same_values(&self, other: &Self) -> bool {
        self.node_id == other.node_id
            && self.timestamp == other.timestamp
            && self.isems_revision == other.isems_revision
            && self.firmware_version == other.firmware_version
            && self.power_save_level == other.power_save_level
            && self.status == other.status
            && NumberField::ALL.into_iter().all(|field| self.number(field) == other.number(field))
    }

    /// Checks that the time and every value are within their documented ranges. Decoded measurements are.
    ///
    /// Whether the time is ahead of the arrival is not checked. That is judged on arrival, and only by a clock that can
    /// be right, see [`ClockState`](crate::ClockState).
    pub fn validate(&self) -> Result<(), InvalidField> {
        self.validate_time()?;
        for (field, text) in
            [(Field::IsemsRevision, &self.isems_revision), (Field::FirmwareVersion, &self.firmware_version)]
        {
            if text.as_ref().is_some_and(|text| !is_text(text)) {
                return Err(InvalidField { reason: RejectReason::TextInvalid, field });
            }
        }
        for field in NumberField::ALL {
            if self.number(field).is_some_and(|number| !field.range().contains(&number)) {
                return Err(InvalidField { reason: RejectReason::NumberOutOfRange, field: field.into() });
            }
        }
        Ok(())
    }

    /// Checks that the time can be stored.
    pub(crate) fn validate_time(&self) -> Result<(), InvalidField> {
        let reason = if self.timestamp < Self::CLOCK_UNSET_BEFORE {
            RejectReason::ClockUnset
        } else if self.timestamp > i64::from(u32::MAX) {
            RejectReason::ClockAhead
        } else {
            return Ok(());
        };
        Err(InvalidField { reason, field: Field::Timestamp })
    }

    /// Drops the values outside their documented ranges, so that the rest can be stored.
    pub fn drop_invalid_values(&mut self, line: u32, dropped: &mut Vec<DroppedValue>) {
        let mut drop = |reason, field, text: String| {
            dropped.push(DroppedValue { reason, field, line, text: Reject::text_of(text.as_bytes()) });
        };
        for (field, text) in
            [(Field::IsemsRevision, &mut self.isems_revision), (Field::FirmwareVersion, &mut self.firmware_version)]
        {
            if let Some(text) = text.take_if(|text| !is_text(text)) {
                drop(RejectReason::TextInvalid, field, text.to_string());
            }
        }
        for field in NumberField::ALL {
            if let Some(number) = self.number_mut(field).take_if(|number| !field.range().contains(number)) {
                drop(RejectReason::NumberOutOfRange, field.into(), number.to_string());
            }
        }
    }

    /// 2018-01-01T00:00:00Z, Unix seconds. The oldest genuine ISEMS logs are from that year; an earlier time comes from
    /// a clock that was never set.
    pub const CLOCK_UNSET_BEFORE: i64 = 1_514_764_800;

    /// The number of seconds by which a node's clock may be ahead of the arrival.
    pub const CLOCK_AHEAD_SECONDS: i64 = 600;
}

/// Formats the measurement as a csvlog line of 19 fields (18 without status), without a line ending. Missing values are
/// empty fields. [`decode`](crate::decode()) reads it back unchanged.
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
        for field in NumberField::ALL.into_iter().skip(1) {
            number(formatter, self.number(field))?;
        }
        self.status.map_or(Ok(()), |status| write!(formatter, ";{:03x}", status.bits()))
    }
}

/// Returns whether a text field can hold the text. An empty text and `-` stand for none.
pub(crate) fn is_text(text: &str) -> bool {
    (1..=Measurement::MAX_TEXT_BYTES).contains(&text.len())
        && text != "-"
        && !text.chars().any(|c| c.is_control() || c == ';')
}

/// An invalid value in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} in {field}")]
pub struct InvalidField {
    /// The kind of fault.
    pub reason: RejectReason,
    /// The field that has the value.
    pub field: Field,
}
