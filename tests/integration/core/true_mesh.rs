//! The simulated mesh with ground truth.

use std::collections::HashMap;

use isems_core::{
    Measurement, StatusFlag,
    simulation::{TrueEventKind, TrueMesh, TrueMeshOptions},
};

const DAY: i64 = 86_400;
/// 2025-02-01, UTC.
const START: i64 = 1_738_368_000;

fn mesh(seed: u64, days: i64, has_events: bool) -> TrueMesh {
    let end = START + days * DAY;
    TrueMesh::new(TrueMeshOptions { seed, nodes: 8, place: (52.5, 13.4), start: START, end, has_events })
}

#[test]
fn a_seed_determines_everything_however_it_is_advanced() {
    let (mut at_once, mut in_steps) = (mesh(5, 6, true), mesh(5, 6, true));
    let all = at_once.advance(START + 6 * DAY);
    let parts: Vec<Measurement> = (1..=72).flat_map(|step| in_steps.advance(START + step * DAY / 12)).collect();
    assert_eq!(all, parts);
    assert_eq!(at_once.events(), in_steps.events());
    assert_ne!(mesh(6, 1, true).advance(START + DAY), mesh(5, 1, true).advance(START + DAY));
}

#[test]
fn measurements_are_valid_and_in_the_order_of_arrival() {
    let all = mesh(5, 20, true).advance(START + 20 * DAY);
    assert!(all.iter().all(|measurement| measurement.validate().is_ok()));
    assert!(all.iter().all(|measurement| measurement.received_at >= measurement.timestamp));
    assert!(all.is_sorted_by_key(|measurement| measurement.received_at / 60));
    let late = all.iter().filter(|measurement| measurement.received_at - measurement.timestamp > 1200).count();
    assert!(late > 0, "a router's log comes late after its link was lost");
}

#[test]
fn the_load_goes_off_at_the_cut_off_and_the_node_is_silent_until_it_is_back() {
    let mut mesh = mesh(5, 40, false);
    let mut by_node: HashMap<_, Vec<Measurement>> = HashMap::new();
    for measurement in mesh.advance(START + 40 * DAY) {
        by_node.entry(measurement.node_id.clone()).or_default().push(measurement);
    }
    let offs: Vec<_> = mesh.events().into_iter().filter(|event| event.kind == TrueEventKind::RanEmpty).collect();
    assert!(!offs.is_empty());
    for off in offs {
        let measured = &by_node[&off.node];
        let first_after = measured.partition_point(|measurement| measurement.timestamp < off.from);
        let Some(last) = first_after.checked_sub(1).map(|index| &measured[index]) else { continue };
        let (voltage, cut_off) = (last.battery_voltage.unwrap(), last.low_voltage_disconnect_voltage.unwrap());
        assert!(voltage < cut_off + 0.08, "{} at {}: {voltage} V above {cut_off} V", off.node, off.from);
        // Within the minute in which it goes off, the node may still have measured.
        let silent = measured.iter().filter(|one| (off.from + 60..off.to).contains(&one.timestamp));
        assert_eq!(silent.count(), 0, "{off:?}");
    }
}

#[test]
fn the_gauge_moves_no_faster_than_the_firmware_lets_it() {
    for measurements in [mesh(7, 10, false).advance(START + 10 * DAY), mesh(8, 10, false).advance(START + 10 * DAY)] {
        let mut newest: HashMap<_, Measurement> = HashMap::new();
        for measurement in measurements {
            let node = measurement.node_id.clone();
            if let Some(before) = newest.insert(node, measurement.clone())
                && measurement.timestamp - before.timestamp == 60
                && measurement.time_to_shutdown <= before.time_to_shutdown
            {
                let moved = measurement.battery_charge_estimate.unwrap() - before.battery_charge_estimate.unwrap();
                // 0.1 each 15 s; routers print whole percents.
                assert!(moved.abs() <= 1.01, "{} moved by {moved}", measurement.node_id);
            }
            assert!(!measurement.status.unwrap().contains(StatusFlag::ControllerLost));
        }
    }
}
