//! The simulated nodes.

use std::collections::BTreeSet;

use isems_core::{
    Format, Payload, StatusFlag, TimeSource, decode,
    simulation::{Fleet, SimulatedNode, json_object, node_name},
};

const MIDNIGHT: i64 = 1_767_139_200;
const DAY: usize = 1440;

#[test]
fn the_same_seed_gives_the_same_measurements() {
    for (seed, index, start) in [(1, 0, MIDNIGHT), (1, 7, MIDNIGHT), (2, 0, MIDNIGHT), (u64::MAX, 12, 0)] {
        let node = || SimulatedNode::new(seed, index, start);
        assert!(node().take(3 * DAY).eq(node().take(3 * DAY)));
    }
    let first = |seed, index| SimulatedNode::new(seed, index, MIDNIGHT).nth(DAY / 2).expect("nodes are endless");
    assert_ne!(first(1, 0).latitude, first(2, 0).latitude, "seeds differ");
    assert_ne!(first(1, 0).latitude, first(1, 10).latitude, "nodes differ");
}

#[test]
fn a_printed_line_reads_back_as_it_was() {
    for index in 0..20 {
        let node = SimulatedNode::new(3, index, MIDNIGHT);
        assert_eq!(node.id().as_str(), node_name(index));
        for measurement in node.take(2 * DAY) {
            let line = measurement.to_string();
            let payload = Payload { received_at: measurement.timestamp, ..Payload::csvlog(line.as_bytes(), "a test") };
            let decoded = decode(&payload);
            assert_eq!(decoded.rejects, []);
            assert_eq!(decoded.measurements, [measurement]);
            assert!(line.len() < 160, "{line}");
            let decimals = line.split(';').skip(4).filter_map(|field| Some(field.split_once('.')?.1.len()));
            assert!(decimals.clone().take(12).all(|decimals| decimals <= 6), "{line}");
        }
    }
}

#[test]
fn a_printed_object_reads_back_as_it_was() {
    for measurement in SimulatedNode::new(3, 1, MIDNIGHT).take(DAY) {
        let json = json_object(&measurement);
        let received_at = measurement.timestamp;
        let node = measurement.node_id.clone();
        let payload = Payload { received_at, ..Payload::json(json.as_bytes(), node, "a test") };
        assert_eq!(payload.format, Format::Json);
        let mut expected = measurement;
        expected.isems_revision = None;
        expected.firmware_version = None;
        expected.time_source = TimeSource::Arrival;
        assert_eq!(decode(&payload).measurements, [expected], "{json}");
    }
}

#[test]
fn a_node_measures_once_a_minute_at_its_own_second() {
    let mut seconds = BTreeSet::new();
    for index in 0..30 {
        let node = SimulatedNode::new(1, index, MIDNIGHT);
        let first = node.next_timestamp();
        assert!((MIDNIGHT..MIDNIGHT + 60).contains(&first));
        seconds.insert(first);
        let times: Vec<_> = node.take(100).map(|measurement| measurement.timestamp).collect();
        assert_eq!(times, (0..100).map(|minute| first + 60 * minute).collect::<Vec<_>>());
    }
    assert!(seconds.len() > 10, "the nodes do not all report at once: {seconds:?}");
}

#[test]
fn there_are_days_nights_and_faults() {
    let noon = |m: &isems_core::Measurement| (10..13).contains(&(m.timestamp % 86_400 / 3600));
    let night = |m: &isems_core::Measurement| (0..3).contains(&(m.timestamp % 86_400 / 3600));
    let fleet: Vec<_> = Fleet::new(1, 100, MIDNIGHT).take(100 * 3 * DAY).collect();
    for measurement in &fleet {
        let status = measurement.status.expect("simulated nodes report their status");
        let lost = status.contains(StatusFlag::ControllerLost);
        assert_eq!(lost, measurement.battery_voltage == Some(0.0));
        assert!(!lost || measurement.open_circuit_voltage == Some(0.0));
        assert!(lost || !noon(measurement) || measurement.open_circuit_voltage > Some(16.0), "{measurement}");
        assert!(!night(measurement) || measurement.open_circuit_voltage == Some(0.0), "{measurement}");
        assert!(!status.contains(StatusFlag::Charging) || !status.contains(StatusFlag::FullyCharged));
    }
    let flags = [
        StatusFlag::Charging,
        StatusFlag::Discharging,
        StatusFlag::FullyCharged,
        StatusFlag::Healthy,
        StatusFlag::BatteryLow,
        StatusFlag::CapacityTooSmall,
        StatusFlag::TemperatureSensorMissing,
        StatusFlag::ControllerLost,
        StatusFlag::UpgradeNotAllowed,
    ];
    for flag in flags {
        let count = fleet.iter().filter(|m| m.status.is_some_and(|status| status.contains(flag))).count();
        assert!(count > 0, "no measurement says {flag:?}");
        assert!(count < fleet.len(), "every measurement says {flag:?}");
    }
}

#[test]
fn a_fleet_reports_in_order_of_time() {
    let mut fleet = Fleet::new(1, 25, MIDNIGHT);
    let ids: BTreeSet<_> = fleet.ids().cloned().collect();
    assert_eq!(ids.len(), 25);
    let hour: Vec<_> = fleet.until(MIDNIGHT + 3600).collect();
    assert_eq!(hour.len(), 25 * 60);
    assert!(hour.is_sorted_by_key(|measurement| measurement.timestamp));
    let next: Vec<_> = fleet.until(MIDNIGHT + 7200).collect();
    assert_eq!(next.len(), 25 * 60);
    assert_eq!(fleet.until(MIDNIGHT).count(), 0);

    let id = SimulatedNode::new(1, 11, MIDNIGHT).id().clone();
    let of_one = hour.iter().chain(&next).filter(|measurement| measurement.node_id == id).cloned();
    assert!(of_one.eq(SimulatedNode::new(1, 11, MIDNIGHT).take(120)), "a node is the same alone and in a fleet");
    assert_eq!(Fleet::new(1, 0, MIDNIGHT).next(), None);
}
