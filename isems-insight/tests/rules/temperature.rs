use isems_core::{Measurement, StatusFlag};
use isems_insight::FindingCode::{BatteryCold, BatteryOverheating, TemperatureSensorMissing};

use crate::series::{DAY, HOUR, MIDNIGHT, assessed_after, assessed_alone, history, minutes};

/// An hour at each of some temperatures.
fn hours(temperatures: &[f64]) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR * temperatures.len() as i64, |measurement| {
        let hour = (measurement.timestamp - MIDNIGHT) / HOUR;
        measurement.battery_temperature = Some(temperatures[hour as usize]);
    })
}

#[test]
fn heat_is_found_at_40_degrees_and_cleared_at_38() {
    assert!(assessed_alone(&hours(&[30.0, 39.9])).finding(BatteryOverheating).is_none());
    let hot = assessed_alone(&hours(&[30.0, 41.0, 40.0]));
    let finding = hot.finding(BatteryOverheating).unwrap();
    assert_eq!((finding.since, finding.node_agrees), (MIDNIGHT + HOUR, Some(false)));

    let still = |temperature| {
        let stored = hours(&[30.0, 41.0, temperature]);
        assessed_after(&hot.findings, &[history("Hut", &stored)], MIDNIGHT + 3 * HOUR)
    };
    assert_eq!(still(38.5).finding(BatteryOverheating).unwrap().since, MIDNIGHT + HOUR);
    assert!(still(37.9).finding(BatteryOverheating).is_none());
}

#[test]
fn cold_is_found_at_minus_10_degrees_and_the_node_may_agree() {
    let mut stored = hours(&[-5.0, -10.0]);
    stored.last_mut().unwrap().status = Some([StatusFlag::BatteryCold].into_iter().collect());
    let cold = assessed_alone(&stored);
    assert_eq!(cold.finding(BatteryCold).unwrap().node_agrees, Some(true));
    let warmer = [history("Hut", &hours(&[-5.0, -10.0, -8.5]))];
    assert!(assessed_after(&cold.findings, &warmer, MIDNIGHT + 3 * HOUR).finding(BatteryCold).is_some());
    assert!(assessed_after(&[], &warmer, MIDNIGHT + 3 * HOUR).finding(BatteryCold).is_none());
}

#[test]
fn a_missing_sensor_is_found_by_flag_or_by_25_degrees_all_day() {
    let mut stored = hours(&[25.0]);
    assert!(assessed_alone(&stored).finding(TemperatureSensorMissing).is_none(), "an hour of 25 degrees is nothing");
    for measurement in &mut stored {
        measurement.status = Some([StatusFlag::TemperatureSensorMissing].into_iter().collect());
        measurement.battery_temperature = Some(45.0);
    }
    let by_flag = assessed_alone(&stored);
    assert_eq!(by_flag.finding(TemperatureSensorMissing).unwrap().node_agrees, Some(true));
    assert!(by_flag.finding(BatteryOverheating).is_none());
    assert!(by_flag.unknown.iter().any(|unknown| unknown.what == "batteryTemperature"));

    let by_value = assessed_alone(&hours(&[25.0; 24]));
    let finding = by_value.finding(TemperatureSensorMissing).unwrap();
    assert_eq!((finding.node_agrees, finding.since), (Some(false), MIDNIGHT));
    let mut measured = hours(&[25.0; 24]);
    measured[700].battery_temperature = Some(25.4);
    assert!(assessed_alone(&measured).finding(TemperatureSensorMissing).is_none());
}

#[test]
fn an_old_or_void_temperature_says_nothing() {
    let hot = [history("Hut", &hours(&[45.0]))];
    assert!(assessed_after(&[], &hot, MIDNIGHT + DAY).findings.iter().all(|found| found.code != BatteryOverheating));
    let mut lost = hours(&[45.0]);
    lost.last_mut().unwrap().battery_voltage = Some(0.0);
    assert!(assessed_alone(&lost).finding(BatteryOverheating).is_none());
}
