//! Series of measurements made by hand, and their assessment.

use isems_core::{Measurement, NodeId, Status, StatusFlag};
use isems_insight::{Assessment, Evidence, Finding, History, Mesh, assess};

/// A midnight (UTC) in March.
pub(crate) const MIDNIGHT: i64 = 1_772_928_000;
pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// A measurement of a healthy node in Berlin by night, which arrives when it is made.
pub(crate) fn measured(node: &str, timestamp: i64) -> Measurement {
    Measurement {
        firmware_version: Some("FF-ESP-1A".into()),
        time_to_shutdown: Some(0.0),
        power_save_level: Some(0),
        open_circuit_voltage: Some(0.0),
        mpp_voltage: Some(0.5),
        battery_voltage: Some(12.5),
        battery_charge_estimate: Some(87.0),
        battery_health_estimate: Some(100.0),
        battery_temperature: Some(12.0),
        low_voltage_disconnect_voltage: Some(11.9),
        temperature_corrected_voltage: Some(15.0),
        rated_battery_capacity: Some(12.0),
        rated_solar_module_capacity: Some(30.0),
        latitude: Some(52.51),
        longitude: Some(13.45),
        status: Some([StatusFlag::Discharging, StatusFlag::Healthy].into_iter().collect::<Status>()),
        ..Measurement::new(node_id(node), timestamp, timestamp)
    }
}

pub(crate) fn node_id(node: &str) -> NodeId {
    node.parse().unwrap()
}

/// The measurements of a node once a minute from one time on and before another, each changed by `change`.
pub(crate) fn minutes(node: &str, from: i64, to: i64, mut change: impl FnMut(&mut Measurement)) -> Vec<Measurement> {
    let minutes = (0..(to - from) / MINUTE).map(|minute| measured(node, from + minute * MINUTE));
    let change = |mut measurement: Measurement| {
        change(&mut measurement);
        measurement
    };
    minutes.map(change).collect()
}

pub(crate) fn history(node: &str, measurements: &[Measurement]) -> History {
    let mut history = History::new(node_id(node));
    history.extend(measurements);
    history
}

/// The assessment at an instant of the first of some nodes that make up a mesh and usually report once a minute.
pub(crate) fn assessed(histories: &[History], at: i64) -> Assessment {
    assessed_after(&[], histories, at)
}

/// The same if the assessment before had certain findings.
pub(crate) fn assessed_after(previous: &[Finding], histories: &[History], at: i64) -> Assessment {
    let mesh = Mesh::of(histories, at);
    assess(&Evidence { history: &histories[0], mesh: &mesh, at, usual_interval: Some(MINUTE), previous })
}

/// The assessment of a single node right after the last of its measurements.
pub(crate) fn assessed_alone(measurements: &[Measurement]) -> Assessment {
    let last = measurements.last().unwrap();
    assessed(&[history(last.node_id.as_str(), measurements)], last.timestamp + 1)
}
