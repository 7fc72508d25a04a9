use isems_core::{Measurement, StatusFlag};
use isems_insight::{History, Slot};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, history, measured, minutes, node_id};

#[test]
fn slots_are_means_without_what_the_node_voids() {
    let stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 10 * MINUTE, |measurement| {
        let minute = (measurement.timestamp - MIDNIGHT) / MINUTE;
        measurement.battery_voltage = Some(12.0 + 0.1 * minute as f64);
        if minute == 9 {
            measurement.battery_voltage = Some(0.0);
            measurement.mpp_voltage = Some(40.0);
        }
        if minute < 5 {
            measurement.battery_temperature = Some(25.0);
            measurement.status = Some([StatusFlag::TemperatureSensorMissing].into_iter().collect());
        }
    });
    let history = history("Hut", &stored);
    let slot = history.slot_at(MIDNIGHT + 5);
    assert!((slot.battery_voltage().unwrap() - 12.4).abs() < 0.005, "{slot:?}");
    assert_eq!((slot.readings(), slot.valid_readings()), (10, 9));
    assert!((slot.panel_voltage().unwrap() - 0.5).abs() < 0.001);
    assert!((slot.temperature().unwrap() - 12.0).abs() < 0.01, "25 degrees of a missing sensor are no temperature");
    assert!(slot.has_flag(StatusFlag::TemperatureSensorMissing) && slot.has_flag(StatusFlag::Discharging));
    assert_eq!(slot.offsets(), Some((0, 540)));
    assert!(history.slot_at(MIDNIGHT - 1).is_empty() && history.slot_at(MIDNIGHT + 600).is_empty());
}

#[test]
fn order_of_arrival_does_not_matter_to_slots_and_days() {
    let stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 2 * DAY, |_| {});
    let in_order = history("Hut", &stored);
    let mut late = History::new(node_id("Hut"));
    late.extend(&stored[2000..]);
    late.extend(&stored[..500]);
    late.extend(&stored[500..2000]);
    assert!(in_order.slots().eq(late.slots()) && in_order.days().eq(late.days()));
    assert_eq!(in_order.latest(), late.latest());
    assert_eq!(in_order.measuring_interval(), Some(60.0));
}

#[test]
fn a_month_is_kept_and_a_leap_of_years_is_survived() {
    let hourly = |from: i64, hours: i64| -> Vec<Measurement> {
        (0..hours).map(|hour| measured("Hut", from + hour * HOUR)).collect()
    };
    let mut history = history("Hut", &hourly(MIDNIGHT, 60 * 24));
    assert_eq!(history.slots().len() as i64, History::DAYS * DAY / Slot::SECONDS);
    assert!(history.days().len() as i64 <= History::DAYS + 1);
    history.extend(&hourly(MIDNIGHT, 1));
    assert_eq!(history.slots().filter(|(_, slot)| !slot.is_empty()).count() as i64, History::DAYS * 24);
    history.extend(&hourly(MIDNIGHT + 3000 * DAY, 2));
    assert_eq!(history.slots().len(), 7);
    assert_eq!(history.days().len(), 1);
}

#[test]
fn changes_are_listed_with_the_time_from_which_on_they_hold() {
    let mut stored = minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |_| {});
    for measurement in &mut stored[30..] {
        measurement.rated_battery_capacity = Some(24.0);
        measurement.battery_health_estimate = Some(88.0);
        measurement.time_to_shutdown = Some(1440.0);
    }
    let history = history("Hut", &stored);
    let capacities: Vec<_> = history.setups().iter().map(|(since, setup)| (since, setup.battery_capacity)).collect();
    assert_eq!(capacities, [(MIDNIGHT, Some(12.0)), (MIDNIGHT + 1800, Some(24.0))]);
    let health: Vec<_> = history.health().iter().map(|(since, health)| (since, *health)).collect();
    assert_eq!(health, [(MIDNIGHT, 100.0), (MIDNIGHT + 1800, 88.0)]);
    let reboot = history.reboots().next().unwrap();
    assert_eq!((reboot.before, reboot.after), (MIDNIGHT + 1740, MIDNIGHT + 1800));
    assert_eq!((reboot.countdown_before, reboot.countdown_after), (0.0, 1440.0));
}

#[test]
fn the_measuring_interval_may_be_longer_than_a_slot() {
    for interval in [65, 300, 400, 900, HOUR] {
        let stored: Vec<_> = (0..50).map(|index| measured("Hut", MIDNIGHT + index * interval)).collect();
        let found = history("Hut", &stored).measuring_interval().unwrap();
        assert!((found - interval as f64).abs() < 0.01 * interval as f64, "{found} instead of {interval}");
    }
}
