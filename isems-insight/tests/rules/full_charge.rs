use isems_core::{Measurement, StatusFlag};
use isems_insight::{FindingCode::BatteryNotFull, FindingValue};

use crate::series::{DAY, HOUR, MIDNIGHT, assessed_alone, minutes};

const OPEN_CIRCUIT: f64 = 21.0;

/// Some days on which the panel works at its point of greatest power from ten to two, each changed there by `noon`.
fn days(count: i64, noon: impl Fn(&mut Measurement)) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, MIDNIGHT + count * DAY, |measurement| {
        if (10..14).contains(&(measurement.timestamp % DAY / HOUR)) {
            measurement.battery_voltage = Some(13.2);
            measurement.open_circuit_voltage = Some(OPEN_CIRCUIT);
            measurement.mpp_voltage = Some(OPEN_CIRCUIT / 1.24);
            noon(measurement);
        }
    })
}

/// Says whether a time is the last one of the first day's charging, to within a slot.
fn is_first_day(time: Option<i64>) -> bool {
    time.is_some_and(|time| (MIDNIGHT + 14 * HOUR - 600..MIDNIGHT + 14 * HOUR).contains(&time))
}

#[test]
fn the_charge_end_voltage_without_current_is_full() {
    let full = |measurement: &mut Measurement| {
        if measurement.timestamp < MIDNIGHT + DAY {
            // At 12 degrees, charging ends at 15.09 V.
            measurement.battery_voltage = Some(15.0);
            measurement.mpp_voltage = Some(20.0);
        }
    };
    assert!(is_first_day(assessed_alone(&days(3, full)).battery.last_full_charge_at));
    let with_current = days(3, |measurement| measurement.battery_voltage = Some(15.0));
    assert_eq!(assessed_alone(&with_current).battery.last_full_charge_at, None);
}

#[test]
fn an_idle_panel_in_strong_light_means_full_and_in_weak_light_nothing() {
    let idle = |open_circuit: f64| {
        move |measurement: &mut Measurement| {
            if measurement.timestamp < MIDNIGHT + DAY {
                measurement.open_circuit_voltage = Some(open_circuit);
                measurement.mpp_voltage = Some(0.97 * open_circuit);
            }
        }
    };
    assert!(is_first_day(assessed_alone(&days(3, idle(OPEN_CIRCUIT))).battery.last_full_charge_at));
    assert_eq!(assessed_alone(&days(3, idle(17.0))).battery.last_full_charge_at, None);
}

#[test]
fn the_nodes_word_counts_near_the_charge_end_voltage_only() {
    let said = |voltage: f64| {
        move |measurement: &mut Measurement| {
            if measurement.timestamp < MIDNIGHT + DAY {
                measurement.battery_voltage = Some(voltage);
                measurement.status = Some([StatusFlag::FullyCharged].into_iter().collect());
            }
        }
    };
    assert!(is_first_day(assessed_alone(&days(3, said(14.6))).battery.last_full_charge_at));
    assert_eq!(assessed_alone(&days(3, said(13.2))).battery.last_full_charge_at, None);
}

#[test]
fn two_weeks_without_a_full_charge_are_found() {
    let full_on = |day: i64| {
        move |measurement: &mut Measurement| {
            if (measurement.timestamp - MIDNIGHT) / DAY == day {
                measurement.mpp_voltage = Some(20.0);
            }
        }
    };
    assert!(assessed_alone(&days(16, full_on(5))).finding(BatteryNotFull).is_none());
    let late = assessed_alone(&days(20, full_on(2)));
    let finding = late.finding(BatteryNotFull).unwrap();
    assert_eq!(Some(finding.since), late.battery.last_full_charge_at);
    assert_eq!(finding.values["days"], FindingValue::Number(17.0));
    assert!(assessed_alone(&days(10, |_| {})).finding(BatteryNotFull).is_none(), "ten days are too few to say");
    assert!(assessed_alone(&days(15, |_| {})).finding(BatteryNotFull).is_some());
}

#[test]
fn days_without_measurements_are_not_without_full_charge() {
    let mut stored = days(20, |_| {});
    stored.retain(|measurement| {
        let day = (measurement.timestamp - MIDNIGHT) / DAY;
        !(6..14).contains(&day)
    });
    let assessment = assessed_alone(&stored);
    assert!(assessment.finding(BatteryNotFull).is_none());
    assert!(assessment.unknown.iter().any(|unknown| unknown.what == "battery.lastFullChargeAt"));
}
