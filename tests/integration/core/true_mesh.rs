//! The simulated mesh with ground truth.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use isems_core::{
    Measurement, NodeId, StatusFlag, TimeSource,
    simulation::{TrueEvent, TrueEventKind, TrueMesh, TrueMeshOptions},
};

const DAY: i64 = 86_400;
/// 2025-02-01, UTC.
const START: i64 = 1_738_368_000;

fn mesh(seed: u64, days: i64, has_events: bool) -> TrueMesh {
    let end = START + days * DAY;
    TrueMesh::new(TrueMeshOptions { seed, nodes: 8, place: (52.5, 13.4), start: START, end, has_events })
}

/// Two months of a mesh in which everything happens.
struct Eventful {
    measurements: Vec<Measurement>,
    events: Vec<TrueEvent>,
    /// The clearness of each node's panel, hour by hour, with the last minute before.
    clearness: Vec<(NodeId, i64, f64)>,
    /// The capacity of each node's battery at each midnight.
    capacities: HashMap<NodeId, Vec<f64>>,
    is_shaded_at_end: HashMap<NodeId, bool>,
}

/// It takes some seconds, so all tests share one.
static EVENTFUL: LazyLock<Eventful> = LazyLock::new(|| {
    let mut mesh = mesh(1, 60, true);
    let nodes: Vec<NodeId> = mesh.ids().cloned().collect();
    let (mut measurements, mut clearness) = (Vec::new(), Vec::new());
    let mut capacities: HashMap<NodeId, Vec<f64>> = HashMap::new();
    for hour in 0..60 * 24 {
        for node in nodes.iter().filter(|_| hour % 24 == 0) {
            capacities.entry(node.clone()).or_default().push(mesh.capacity(node).unwrap());
        }
        measurements.extend(mesh.advance(START + (hour + 1) * 3600));
        clearness.extend(nodes.iter().map(|node| (node.clone(), mesh.now() - 60, mesh.clearness(node).unwrap())));
    }
    let is_shaded_at_end = nodes.iter().map(|node| (node.clone(), !mesh.shades(node).is_empty())).collect();
    Eventful { measurements, events: mesh.events(), clearness, capacities, is_shaded_at_end }
});

/// The events of a kind that are not cut off by the beginning or the end.
fn whole(events: &[TrueEvent], kind: TrueEventKind) -> impl Iterator<Item = &TrueEvent> {
    events.iter().filter(move |event| event.kind == kind && event.from > START && event.to < START + 60 * DAY)
}

/// Returns whether an event of a kind happens to a node at a time.
fn happens(events: &[TrueEvent], kind: TrueEventKind, node: &NodeId, time: i64) -> bool {
    events.iter().any(|event| event.kind == kind && event.node == *node && (event.from..event.to).contains(&time))
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

#[test]
fn batteries_reach_the_charge_end_voltage_and_stay_there() {
    let measurements = mesh(5, 20, false).advance(START + 20 * DAY);
    let mut days_at_end: HashMap<&NodeId, HashMap<i64, u32>> = HashMap::new();
    let mut is_full = false;
    for measurement in &measurements {
        let below = measurement.temperature_corrected_voltage.unwrap() - measurement.battery_voltage.unwrap();
        // The noise of a measurement is 6 mV.
        assert!(below > -0.05, "{} is {:.3} V above the end", measurement.node_id, -below);
        if below < 0.05 {
            *days_at_end.entry(&measurement.node_id).or_default().entry(measurement.timestamp / DAY).or_default() += 1;
        }
        is_full |= measurement.status.unwrap().contains(StatusFlag::FullyCharged);
    }
    assert!(is_full);
    let long = days_at_end.values().filter(|days| days.values().filter(|minutes| **minutes >= 60).count() >= 3);
    assert!(long.count() >= 3, "{days_at_end:?}");
}

#[test]
fn without_a_sensor_a_battery_is_charged_as_at_25_degrees() {
    let mut seen = 0;
    for measurement in (1..=8).flat_map(|seed| mesh(seed, 2, false).advance(START + 2 * DAY)) {
        if measurement.status.unwrap().contains(StatusFlag::TemperatureSensorMissing) {
            assert_eq!(measurement.temperature_corrected_voltage, Some(14.7));
            assert_eq!(measurement.battery_temperature, Some(25.0));
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn rain_washes_panels() {
    let mut mesh = mesh(6, 30, false);
    let nodes: Vec<NodeId> = mesh.ids().cloned().collect();
    let mut cleaner = 0;
    for _ in 0..30 {
        let before: Vec<f64> = nodes.iter().map(|node| mesh.clearness(node).unwrap()).collect();
        mesh.advance(mesh.now() + DAY);
        let now = nodes.iter().map(|node| mesh.clearness(node).unwrap());
        // Snow that melts gives back more.
        cleaner += now.zip(before).filter(|(now, before)| (0.001..0.1).contains(&(now - before))).count();
    }
    assert!(cleaner > 8, "{cleaner} panels became cleaner on a day");
}

#[test]
fn the_light_on_a_panel_is_what_lies_on_it_and_passing_clouds_leave() {
    let mut mesh = mesh(6, 30, false);
    let nodes: Vec<NodeId> = mesh.ids().cloned().collect();
    let mut of_clouds = Vec::new();
    for _ in 0..100 {
        mesh.advance(mesh.now() + 3600);
        of_clouds.extend(nodes.iter().map(|node| mesh.light(node).unwrap() / mesh.clearness(node).unwrap()));
    }
    assert!(of_clouds.iter().all(|light| (0.2..=1.5 + 1e-9).contains(light)), "{of_clouds:?}");
    let mean = of_clouds.iter().sum::<f64>() / of_clouds.len() as f64;
    assert!((mean - 1.0).abs() < 0.05, "{mean}");
    assert!(mesh.light(&NodeId::new("nobody").unwrap()).is_none());
}

#[test]
fn what_covers_a_panel_and_the_labels_agree() {
    let Eventful { events, clearness, .. } = &*EVENTFUL;
    for (node, time, clearness) in clearness {
        let is = |kind| happens(events, kind, node, *time);
        if is(TrueEventKind::PanelCovered) {
            assert!(*clearness < 0.5, "{node} at {time}: {clearness}");
        } else {
            // Half of it may be hidden without a label, and a quarter of the rest by dirt.
            assert!(*clearness > 0.35, "{node} at {time}: {clearness}");
            assert!(!is(TrueEventKind::PanelDirty) || *clearness < 0.86, "{node} at {time}: {clearness}");
        }
    }
    assert!(whole(events, TrueEventKind::PanelCovered).any(|event| event.to - event.from > DAY));
    assert!(whole(events, TrueEventKind::PanelDirty).count() > 0);
}

#[test]
fn a_reboot_is_labelled_for_as_long_as_nothing_is_measured_and_clears_a_router_s_log() {
    let Eventful { measurements, events, .. } = &*EVENTFUL;
    let mut by_node: HashMap<_, Vec<&Measurement>> = HashMap::new();
    for measurement in measurements {
        by_node.entry(&measurement.node_id).or_default().push(measurement);
    }
    let is_disturbed = |node: &NodeId, from: i64, to: i64| {
        let disturbs = |kind: TrueEventKind| {
            !matches!(kind, TrueEventKind::ScheduledReboot | TrueEventKind::BatteryWorn) && !kind.is_of_panel()
        };
        events
            .iter()
            .any(|event| event.node == *node && disturbs(event.kind) && event.from < to + 900 && event.to > from - 900)
    };
    let (mut reboots, mut cleared) = (0, 0);
    for reboot in whole(events, TrueEventKind::ScheduledReboot) {
        let measured = &by_node[&reboot.node];
        if !is_disturbed(&reboot.node, reboot.from, reboot.to) {
            let times = || measured.iter().map(|measurement| measurement.timestamp);
            assert!(times().any(|time| (reboot.to..reboot.to + 60).contains(&time)), "{reboot:?}");
            assert!(!times().any(|time| (reboot.from..reboot.to).contains(&time)), "{reboot:?}");
            reboots += 1;
        }
        // What was measured while the link was down, and not fetched before the reboot, is lost.
        let is_router = measured[0].firmware_version.as_deref() == Some("ATmega8_A_1");
        let outage = whole(events, TrueEventKind::Uplink)
            .find(|outage| outage.node == reboot.node && (outage.from..outage.to).contains(&reboot.from));
        if let (true, Some(outage)) = (is_router, outage) {
            let lost = outage.from..reboot.from;
            assert!(!measured.iter().any(|one| lost.contains(&one.timestamp) && one.received_at >= outage.from));
            cleared += 1;
        }
    }
    assert!(reboots > 20 && cleared > 0, "{reboots} {cleared}");
}

#[test]
fn measurements_show_the_events_of_clocks_ids_and_positions() {
    let Eventful { measurements, events, .. } = &*EVENTFUL;
    let (mut unset, mut skewed, mut shared, mut jumped) = (0, 0, 0, 0);
    let mut positions: HashMap<&NodeId, (f64, i64)> = HashMap::new();
    for measurement in measurements {
        let (node, arrived) = (&measurement.node_id, measurement.received_at);
        let is = |kind| happens(events, kind, node, arrived);
        // A router's log still holds what was measured before something began or ended.
        let is_changing = events.iter().any(|event| {
            let matters = matches!(
                event.kind,
                TrueEventKind::ClockUnset
                    | TrueEventKind::ClockSkewed
                    | TrueEventKind::ClockDrifting
                    | TrueEventKind::IdShared
            );
            let is_near = |time: i64| (time - arrived).abs() < DAY / 2;
            matters && event.node == *node && (is_near(event.from) || is_near(event.to))
        });
        if is_changing {
            continue;
        }
        if is(TrueEventKind::IdShared) {
            shared += 1;
            continue;
        }
        if is(TrueEventKind::ClockUnset) {
            assert_eq!((measurement.time_source, measurement.timestamp), (TimeSource::Arrival, arrived));
            unset += 1;
        } else {
            assert_eq!(measurement.time_source, TimeSource::Node);
        }
        if is(TrueEventKind::ClockSkewed) {
            // A router's log is fetched every five minutes.
            let least = if measurement.firmware_version.as_deref() == Some("ATmega8_A_1") { 260 } else { -60 };
            assert!(!(least..2000).contains(&(arrived - measurement.timestamp)), "{measurement:?}");
            skewed += 1;
        } else if !is(TrueEventKind::ClockDrifting) {
            assert!(measurement.timestamp <= arrived);
        }
        let latitude = measurement.latitude.unwrap();
        if let Some((before, since)) = positions.insert(node, (latitude, arrived))
            && (before - latitude).abs() > 0.01
        {
            let is_labelled = whole(events, TrueEventKind::PositionJumped)
                .any(|event| event.node == *node && (since - DAY..=arrived).contains(&event.from));
            assert!(is_labelled, "{node} at {arrived}");
            jumped += 1;
        }
    }
    assert!(unset > 0 && skewed > 0 && shared > 0 && jumped > 0, "{unset} {skewed} {shared} {jumped}");
}

#[test]
fn ageing_batteries_lose_capacity_and_shaded_panels_have_obstacles() {
    let Eventful { events, capacities, is_shaded_at_end, .. } = &*EVENTFUL;
    let mut ageing = 0;
    for event in events.iter().filter(|event| event.kind == TrueEventKind::BatteryAgeing) {
        let capacities = &capacities[&event.node];
        let (first, last) = ((event.from - START) / DAY + 1, (event.to - START) / DAY);
        let months = (last - first) as f64 / 30.0;
        let left = capacities[(last as usize).min(capacities.len() - 1)] / capacities[first as usize];
        assert!(1.0 - left > 0.09 * months, "{event:?}: {left}");
        ageing += 1;
    }
    assert!(ageing > 0);
    for (node, is_shaded) in is_shaded_at_end {
        let labelled = events.iter().any(|event| {
            event.kind == TrueEventKind::PanelShaded && event.node == *node && event.to == START + 60 * DAY
        });
        assert_eq!(labelled, *is_shaded, "{node}");
    }
    assert!(is_shaded_at_end.values().any(|is_shaded| *is_shaded));
}

#[test]
fn panels_face_the_sun_on_both_hemispheres() {
    // Half a year apart it is the same season.
    let charging = |latitude: f64, start: i64| {
        let end = start + 10 * DAY;
        let options = TrueMeshOptions { seed: 4, nodes: 8, place: (latitude, 13.4), start, end, has_events: false };
        let measurements = TrueMesh::new(options).advance(end);
        let charging = measurements.iter().filter(|one| one.status.unwrap().contains(StatusFlag::Charging)).count();
        charging as f64 / measurements.len() as f64
    };
    let north = charging(40.0, START);
    let south = charging(-40.0, START + 182 * DAY);
    assert!(north > 0.3 && (south / north - 1.0).abs() < 0.1, "{north} {south}");
}

#[test]
fn some_nights_run_empty_but_not_too_many() {
    const DAYS: i64 = 30;
    let start = START + 20 * DAY;
    let end = start + DAYS * DAY;
    let options = TrueMeshOptions { seed: 21, nodes: 24, place: (52.5, 13.4), start, end, has_events: false };
    let mut mesh = TrueMesh::new(options);
    mesh.advance(end);
    let night = |event: TrueEvent| (event.node, (event.from - DAY / 2).div_euclid(DAY));
    let empty = mesh.events().into_iter().filter(|event| event.kind == TrueEventKind::RanEmpty);
    let nights: HashSet<(NodeId, i64)> = empty.map(night).collect();
    let share = nights.len() as f64 / (24 * DAYS) as f64;
    assert!((0.03..0.2).contains(&share), "{share}");
}
