use isems_core::{Measurement, StatusFlag};
use isems_insight::{Upgrade, UpgradeReason};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, assessed, assessed_alone, history, minutes};

/// A node whose countdown falls at a pace, in units a minute, and ends at a value.
fn counting(units_a_minute: f64, last: f64) -> Vec<Measurement> {
    let to = MIDNIGHT + 3 * HOUR;
    minutes("Hut", MIDNIGHT, to, |measurement| {
        let minutes_left = ((to - measurement.timestamp) / MINUTE - 1) as f64;
        measurement.time_to_shutdown = Some(last + units_a_minute * minutes_left);
    })
}

fn upgrade(measurements: &[Measurement]) -> Upgrade {
    assessed_alone(measurements).upgrade
}

#[test]
fn the_countdown_is_read_by_its_own_pace() {
    assert_eq!(upgrade(&counting(1.0, 20.0)).safe, Some(true), "20 minutes on OpenWrt");
    let soon = upgrade(&counting(4.0, 20.0));
    assert_eq!(soon.safe, Some(false), "20 on an ESP32 are five minutes");
    let window = soon.next_window.unwrap();
    let reboot = MIDNIGHT + 3 * HOUR + 4 * MINUTE;
    assert!(window.from > reboot && window.from < reboot + 15 * MINUTE && window.to > window.from + HOUR, "{soon:?}");
    assert_eq!(upgrade(&counting(4.0, 61.0)).safe, Some(true));
}

#[test]
fn a_low_battery_waits_for_noon() {
    let low = minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| measurement.battery_voltage = Some(12.1));
    let upgrade = upgrade(&low);
    assert_eq!(upgrade.safe, Some(false));
    let window = upgrade.next_window.unwrap();
    let noon = MIDNIGHT + 11 * HOUR + 17 * MINUTE;
    assert!(window.from < noon && noon < window.to && window.from > MIDNIGHT + 8 * HOUR, "{window:?}");
    let afternoon: Vec<_> = minutes("Hut", MIDNIGHT, MIDNIGHT + 14 * HOUR, |measurement| {
        measurement.battery_voltage = Some(12.1);
    });
    assert!(self::upgrade(&afternoon).next_window.unwrap().from > MIDNIGHT + DAY);
}

#[test]
fn a_flag_that_is_always_set_is_explained() {
    let stored = minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| {
        measurement.status = Some([StatusFlag::UpgradeNotAllowed].into_iter().collect());
    });
    let upgrade = upgrade(&stored);
    assert_eq!((upgrade.safe, upgrade.next_window), (Some(true), None));
    assert!(upgrade.reasons.contains(&UpgradeReason::CountdownAlwaysZero), "{:?}", upgrade.reasons);
}

#[test]
fn nothing_is_said_of_a_silent_node_or_without_a_cut_off() {
    let stored = minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |_| {});
    let silent = assessed(&[history("Hut", &stored)], MIDNIGHT + 4 * HOUR);
    assert_eq!(silent.upgrade, Upgrade::default());
    assert!(silent.unknown.iter().any(|unknown| unknown.what == "upgrade.safe"));
    let stored = minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| {
        measurement.low_voltage_disconnect_voltage = None;
    });
    assert_eq!(upgrade(&stored).safe, None);
}
