//! Samples of data from nodes, for tests.

use crate::{Field, FieldSet, Measurement, NodeId, NumberField};

/// A csvlog line from the oldest nodes: 18 fields, node `Elektra-Dach`, without a line ending.
pub const SAMPLE_LINE_18: &str =
    "Elektra-Dach;1;1530364575;ATmega8_A_1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635";

/// A csvlog line of 19 fields: [`SAMPLE_LINE_18`] and a status.
pub const SAMPLE_LINE_19: &str = "Elektra-Dach;1;1530364575;ATmega8_A_1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;941";

/// A JSON object as sent by ESP32 nodes.
pub const SAMPLE_JSON: &str = r#"{"timeToShutdown":3592,"isPowerSaveMode":0,"openCircuitVoltage":13.513,"mppVoltage":13.588,"batteryVoltage":12.999,"batteryChargeEstimate":95,"batteryHealthEstimate":100,"batteryTemperature":27.84,"lowVoltageDisconnectVoltage":11.9,"temperatureCorrectedVoltage":14.014,"rateBatteryCapacity":50,"ratedSolarModuleCapacity":50,"latitude":52.47388,"longitude":13.39051,"status":"100"}"#;

/// The measured time of the sample lines, Unix seconds.
pub const SAMPLE_TIME: i64 = 1_530_364_575;

/// Makes a measurement with a value in every field, which arrives when it is measured (Unix seconds). Equal arguments
/// give equal values; other times give others.
///
/// # Panics
/// If `node` is not a valid node id.
pub fn sample_measurement(node: &str, timestamp: i64) -> Measurement {
    let node = NodeId::new(node).unwrap_or_else(|error| panic!("{error}"));
    let mut measurement = Measurement::new(node, timestamp, timestamp);
    measurement.isems_revision = Some("1".into());
    measurement.firmware_version = Some("ESP_2.0".into());
    measurement.power_save_level = Some(0);
    measurement.status = "941".parse().ok();
    for (place, field) in NumberField::ALL.into_iter().enumerate() {
        *measurement.number_mut(field) = Some(10.0 + place as f64);
    }
    measurement.battery_voltage = Some(11.0 + timestamp.rem_euclid(3000) as f64 / 1000.0);
    measurement
}

/// Copies node, time and the given fields of a measurement. Its other fields are missing; a missing time of arrival is
/// the measured time.
pub fn with_only(measurement: &Measurement, fields: FieldSet) -> Measurement {
    let Measurement { node_id, timestamp, .. } = measurement;
    let mut kept = Measurement::new(node_id.clone(), *timestamp, *timestamp);
    for field in Field::ALL.into_iter().filter(|field| fields.contains(*field)) {
        match field {
            Field::NodeId | Field::Timestamp => {}
            Field::TimeSource => kept.time_source = measurement.time_source,
            Field::ReceivedAt => kept.received_at = measurement.received_at,
            Field::IsemsRevision => kept.isems_revision.clone_from(&measurement.isems_revision),
            Field::FirmwareVersion => kept.firmware_version.clone_from(&measurement.firmware_version),
            Field::PowerSaveLevel => kept.power_save_level = measurement.power_save_level,
            Field::Number(field) => *kept.number_mut(field) = measurement.number(field),
            Field::Status => kept.status = measurement.status,
        }
    }
    kept
}
