//! A deterministic simulator of solar nodes: days and nights, weather, batteries that fill and drain, faults.
//!
//! Its output looks like that of real nodes, down to the number of decimals. The same seed gives the same measurements.
//!
//! ```
//! use isems_core::{Payload, decode, simulation::SimulatedNode};
//!
//! let midnight = 1_767_139_200;
//! let day: Vec<_> = SimulatedNode::new(1, 0, midnight).take(1440).collect();
//! let log: String = day.iter().map(|measurement| format!("{measurement}\n")).collect();
//!
//! let decoded = decode(&Payload::csvlog(log.as_bytes(), "a simulated log"));
//! assert_eq!(decoded.measurements.len(), 1440);
//! assert!(day[0].open_circuit_voltage < day[720].open_circuit_voltage);
//! ```

mod battery;
mod event;
mod fleet;
mod gauge;
mod node;
mod panel;
mod random;
mod sky;
mod true_mesh;
mod true_node;

use std::fmt::Write;

use crate::{Measurement, NumberField};

pub use self::{
    event::{TrueEvent, TrueEventKind},
    fleet::Fleet,
    node::{SimulatedNode, node_name},
    true_mesh::{TrueMesh, TrueMeshOptions},
};

/// Formats a measurement as the JSON object that an ESP32 node sends: without node, time and firmware, and with the
/// status as hex text. Missing values are left out.
///
/// ```
/// use isems_core::simulation::{SimulatedNode, json_object};
/// let measurement = SimulatedNode::new(1, 0, 1_767_139_200).next().unwrap();
/// assert!(json_object(&measurement).starts_with(r#"{"timeToShutdown":"#));
/// ```
pub fn json_object(measurement: &Measurement) -> String {
    fn member(json: &mut String, name: &str, value: std::fmt::Arguments<'_>) {
        json.push(if json.is_empty() { '{' } else { ',' });
        // Writing to a string cannot fail.
        let _ = write!(json, "\"{name}\":{value}");
    }
    let mut json = String::with_capacity(512);
    for field in NumberField::ALL {
        if let Some(number) = measurement.number(field) {
            member(&mut json, field.name(), format_args!("{number}"));
        }
        if field == NumberField::TimeToShutdown
            && let Some(level) = measurement.power_save_level
        {
            member(&mut json, "isPowerSaveMode", format_args!("{level}"));
        }
    }
    if let Some(status) = measurement.status {
        member(&mut json, "status", format_args!("\"{:03x}\"", status.bits()));
    }
    if json.is_empty() {
        json.push('{');
    }
    json.push('}');
    json
}
