//! Judgements about single measurements and their ranking.

use std::sync::Arc;

use isems_core::{Node, Severity, Status, testing::sample_measurement};
use isems_insight::{NodeState, Position, WatchedNode, attention::worst_first, severity::severity};

use super::START;

#[test]
fn a_position_is_set_unset_or_the_shipped_default() {
    for (latitude, longitude, wanted) in [
        (Some(52.5073), Some(13.4586), Position::Set { latitude: 52.5073, longitude: 13.4586 }),
        (Some(-33.9), Some(-70.7), Position::Set { latitude: -33.9, longitude: -70.7 }),
        (Some(52.52), Some(13.4), Position::ShippedDefault),
        // One half of the default can be where somebody is.
        (Some(52.52), Some(13.5), Position::Set { latitude: 52.52, longitude: 13.5 }),
        (Some(0.0), Some(0.0), Position::Unset),
        (Some(52.5), Some(0.0), Position::Unset),
        (None, Some(13.4), Position::Unset),
        (None, None, Position::Unset),
    ] {
        let mut measurement = sample_measurement("Hut", START);
        (measurement.latitude, measurement.longitude) = (latitude, longitude);
        assert_eq!(Position::of(&measurement), wanted);
    }
}

#[test]
fn the_highest_severity_counts() {
    for (status, wanted) in [
        (None, Severity::Info),
        (Some("000"), Severity::Info),
        (Some("f02"), Severity::Info),
        (Some("480"), Severity::Warning),
        (Some("4c0"), Severity::Error),
        (Some("ff0"), Severity::Critical),
    ] {
        let status = status.map(|status| status.parse::<Status>().unwrap());
        assert_eq!(severity(status), wanted, "{status:?}");
    }
}

fn node(name: &str, state: NodeState, status: &str, charge: Option<f64>) -> WatchedNode {
    let mut latest = sample_measurement(name, START);
    (latest.status, latest.battery_charge_estimate) = (status.parse().ok(), charge);
    let id = latest.node_id.clone();
    let node =
        Node { id, measurements: 1, first_timestamp: START, first_received_at: START, last_received_at: START, latest };
    WatchedNode { node: Arc::new(node), state, usual_interval: None, assessment: None }
}

#[test]
fn the_worst_come_first_and_those_that_are_well_or_given_up_not_at_all() {
    use NodeState::{Active, Inactive, Silent};

    let nodes = [
        node("well", Active, "900", Some(95.0)),
        node("nearly empty", Active, "500", Some(36.0)),
        node("given up", Inactive, "010", Some(0.0)),
        node("silent, charge unknown", Silent, "900", None),
        node("silent", Silent, "900", Some(99.0)),
        node("low", Active, "480", Some(41.0)),
        node("lower", Active, "480", Some(40.0)),
        node("low and silent", Silent, "480", Some(90.0)),
        node("worn", Active, "840", Some(80.0)),
        node("lost", Active, "010", Some(0.0)),
    ];
    let names: Vec<&str> = worst_first(&nodes).into_iter().map(|node| node.node.id.as_str()).collect();
    assert_eq!(names, ["lost", "worn", "low and silent", "lower", "low", "silent", "silent, charge unknown"]);
}
