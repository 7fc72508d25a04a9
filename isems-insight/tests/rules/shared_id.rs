use isems_core::Measurement;
use isems_insight::{FindingCode::IdShared, FindingValue};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, assessed_alone, history, measured, minutes};

/// Two nodes that report every other minute under one id; the second is changed.
fn two_nodes(hours: i64, change: impl Fn(&mut Measurement)) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, MIDNIGHT + hours * HOUR, |measurement| {
        if measurement.timestamp / MINUTE % 2 == 1 {
            change(measurement);
        }
    })
}

fn alternating(measurements: &[Measurement]) -> Option<FindingValue> {
    assessed_alone(measurements).finding(IdShared).map(|finding| finding.values["alternating"].clone())
}

#[test]
fn alternating_settings_are_those_of_two_nodes() {
    let by_capacity = two_nodes(1, |measurement| measurement.rated_battery_capacity = Some(24.0));
    assert_eq!(alternating(&by_capacity), Some("ratedBatteryCapacity".into()));
    let by_position = two_nodes(1, |measurement| measurement.latitude = Some(52.52));
    assert_eq!(alternating(&by_position), Some("position".into()));
    let by_firmware = two_nodes(1, |measurement| measurement.firmware_version = Some("FF-ESP-1B".into()));
    assert_eq!(alternating(&by_firmware), Some("firmwareVersion".into()));
    assert_eq!(alternating(&by_firmware[..4]), None, "too short to say");
}

#[test]
fn polled_in_turn_two_nodes_are_found_by_the_hour() {
    let mut history = history("Hut", &[]);
    for poll in 0..24 {
        let from = MIDNIGHT + poll * 5 * MINUTE;
        let lines = |offset: i64| (0..5).map(move |minute| measured("Hut", from + minute * MINUTE + offset));
        history.extend(&lines(0).collect::<Vec<_>>());
        let other = lines(30).map(|measurement| Measurement { rated_battery_capacity: Some(24.0), ..measurement });
        history.extend(&other.collect::<Vec<_>>());
    }
    let assessment = crate::series::assessed(&[history], MIDNIGHT + 2 * HOUR);
    assert!(assessment.finding(IdShared).is_some());
}

#[test]
fn an_owner_who_changes_settings_is_no_second_node() {
    let changed_back = minutes("Hut", MIDNIGHT, MIDNIGHT + 4 * HOUR, |measurement| {
        if (measurement.timestamp - MIDNIGHT) / HOUR == 2 {
            measurement.rated_battery_capacity = Some(24.0);
        }
    });
    assert_eq!(alternating(&changed_back), None);
    let upgraded_daily = minutes("Hut", MIDNIGHT, MIDNIGHT + 8 * DAY, |measurement| {
        let day = (measurement.timestamp - MIDNIGHT) / DAY;
        measurement.firmware_version = Some(if day % 2 == 0 { "A".into() } else { "B".into() });
    });
    assert_eq!(alternating(&upgraded_daily), None);
}

#[test]
fn a_node_that_is_read_from_its_log_and_over_mqtt_is_one_node() {
    let twice = two_nodes(2, |measurement| {
        measurement.firmware_version = None;
        measurement.rated_solar_module_capacity = None;
    });
    assert_eq!(alternating(&twice), None);
}

#[test]
fn two_countdowns_are_two_nodes_and_many_reboots_are_one() {
    let countdown =
        |measurement: &Measurement, start: f64| Some(start - ((measurement.timestamp - MIDNIGHT) / MINUTE) as f64);
    let two = minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| {
        let start = if measurement.timestamp / MINUTE % 2 == 1 { 1300.0 } else { 400.0 };
        measurement.time_to_shutdown = countdown(measurement, start);
    });
    assert_eq!(alternating(&two), Some("timeToShutdown".into()));
    let boot_loop = minutes("Hut", MIDNIGHT, MIDNIGHT + 3 * HOUR, |measurement| {
        let since_boot = (measurement.timestamp - MIDNIGHT) % (5 * MINUTE);
        measurement.time_to_shutdown = Some(1440.0 - (since_boot / 15) as f64);
    });
    assert_eq!(alternating(&boot_loop), None);
}
