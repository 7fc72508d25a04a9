//! Measurements in answers.

use std::{borrow::Cow, iter, sync::Arc};

use isems_core::{Measurement, TimeSource};
use poem_openapi::{
    Enum, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{Example, ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::Value;

use super::time::UtcTime;

/// Measured values of a node at one time. A value that the node did not report is null.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Measurement", rename_all = "camelCase", example)]
pub(crate) struct MeasurementSchema {
    /// The node's name, as its owner typed it.
    node_id: String,
    /// When it was measured. A node has at most one measurement a second.
    timestamp: UtcTime,
    /// Whose clock `timestamp` is.
    time_source: TimeSourceSchema,
    /// When it arrived here.
    received_at: UtcTime,
    /// Revision of the packet format.
    #[oai(nullable)]
    isems_revision: Option<String>,
    /// Name of the firmware.
    #[serde(rename = "openMPPTFirmwareVersion")]
    #[oai(rename = "openMPPTFirmwareVersion", nullable)]
    firmware_version: Option<String>,
    /// The watchdog's countdown to the next scheduled power cycle, nominally minutes. Not how long the battery lasts.
    #[oai(nullable)]
    time_to_shutdown: Option<f64>,
    /// Level of power saving, 0 (none) to 6.
    #[oai(nullable, validator(minimum(value = "0"), maximum(value = "6")))]
    is_power_save_mode: Option<u8>,
    /// Panel voltage without load, V.
    #[oai(nullable)]
    open_circuit_voltage: Option<f64>,
    /// Panel voltage at the tracked maximum power point, V. 0 or below the battery's voltage at night.
    #[oai(nullable)]
    mpp_voltage: Option<f64>,
    /// Battery voltage, V. 0 when the node has lost its solar controller.
    #[oai(nullable)]
    battery_voltage: Option<f64>,
    /// Charge that the node derives from the battery's voltage, percent. The load is cut at about 36, not at 0.
    #[oai(nullable)]
    battery_charge_estimate: Option<f64>,
    /// Health of the battery, percent. 100 can mean that it was not measured since the last reboot.
    #[oai(nullable)]
    battery_health_estimate: Option<f64>,
    /// Battery temperature, degrees Celsius. 25 when the sensor is missing (flag `temperatureSensorMissing`).
    #[oai(nullable)]
    battery_temperature: Option<f64>,
    /// The voltage below which the load is cut, V.
    #[oai(nullable)]
    low_voltage_disconnect_voltage: Option<f64>,
    /// Charge end voltage at this temperature, V.
    #[oai(nullable)]
    temperature_corrected_voltage: Option<f64>,
    /// Rated capacity of the battery as its owner typed it in, Ah.
    #[oai(nullable)]
    rate_battery_capacity: Option<f64>,
    /// Rated power of the panel as its owner typed it in, W.
    #[oai(nullable)]
    rated_solar_module_capacity: Option<f64>,
    /// Latitude, degrees north. 52.52 is the shipped default, 0 is unset.
    #[oai(nullable)]
    latitude: Option<f64>,
    /// Longitude, degrees east. 13.4 is the shipped default, 0 is unset.
    #[oai(nullable)]
    longitude: Option<f64>,
    /// Status word of twelve bits in hex, most significant bit first. The oldest nodes report none.
    #[oai(nullable, validator(pattern = "^0x[0-9a-f]{3}$"))]
    status: Option<String>,
}

/// The clock that a time comes from.
#[derive(Debug, Enum, Serialize)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase", rename = "TimeSource")]
enum TimeSourceSchema {
    /// The node's clock.
    Node,
    /// The collector's clock at arrival: the node sent no time, or its clock was not set.
    Arrival,
}

impl From<&Measurement> for MeasurementSchema {
    fn from(measurement: &Measurement) -> Self {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(Into::into);
        Self {
            node_id: measurement.node_id.to_string(),
            timestamp: UtcTime(measurement.timestamp),
            time_source: match measurement.time_source {
                TimeSource::Node => TimeSourceSchema::Node,
                TimeSource::Arrival => TimeSourceSchema::Arrival,
            },
            received_at: UtcTime(measurement.received_at),
            isems_revision: text(&measurement.isems_revision),
            firmware_version: text(&measurement.firmware_version),
            time_to_shutdown: measurement.time_to_shutdown,
            is_power_save_mode: measurement.power_save_level,
            open_circuit_voltage: measurement.open_circuit_voltage,
            mpp_voltage: measurement.mpp_voltage,
            battery_voltage: measurement.battery_voltage,
            battery_charge_estimate: measurement.battery_charge_estimate,
            battery_health_estimate: measurement.battery_health_estimate,
            battery_temperature: measurement.battery_temperature,
            low_voltage_disconnect_voltage: measurement.low_voltage_disconnect_voltage,
            temperature_corrected_voltage: measurement.temperature_corrected_voltage,
            rate_battery_capacity: measurement.rated_battery_capacity,
            rated_solar_module_capacity: measurement.rated_solar_module_capacity,
            latitude: measurement.latitude,
            longitude: measurement.longitude,
            status: measurement.status.map(|status| status.to_string()),
        }
    }
}

impl Example for MeasurementSchema {
    fn example() -> Self {
        Self {
            node_id: "Elektra-Dach".into(),
            timestamp: UtcTime(1_530_364_575),
            time_source: TimeSourceSchema::Node,
            received_at: UtcTime(1_530_364_580),
            isems_revision: Some("1".into()),
            firmware_version: Some("ATmega8_A_1".into()),
            time_to_shutdown: Some(711.0),
            is_power_save_mode: Some(0),
            open_circuit_voltage: Some(18.614),
            mpp_voltage: Some(18.614),
            battery_voltage: Some(14.073),
            battery_charge_estimate: Some(100.0),
            battery_health_estimate: Some(100.0),
            battery_temperature: Some(28.0),
            low_voltage_disconnect_voltage: Some(11.67),
            temperature_corrected_voltage: Some(14.086),
            rate_battery_capacity: Some(7.0),
            rated_solar_module_capacity: Some(20.0),
            latitude: Some(52.507_309),
            longitude: Some(13.458_635),
            status: Some("0x300".into()),
        }
    }
}

/// A [`MeasurementSchema`] of which a client has selected some fields.
#[derive(Debug)]
pub(crate) struct SelectedMeasurement(MeasurementSchema);

impl Type for SelectedMeasurement {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "SelectedMeasurement".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            MeasurementSchema::register(registry);
            let whole = registry.schemas[&*MeasurementSchema::name()].clone();
            MetaSchema {
                description: Some(
                    "What a node measured at one moment: a Measurement with the fields that `fields` selects, all by \
                     default. A value that the node did not report is null.",
                ),
                required: Vec::new(),
                ..whole
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}

impl ParseFromJSON for SelectedMeasurement {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        MeasurementSchema::parse_from_json(value).map(Self).map_err(ParseError::propagate)
    }
}

impl ToJSON for SelectedMeasurement {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}

impl Example for SelectedMeasurement {
    fn example() -> Self {
        Self(MeasurementSchema::example())
    }
}
