use isems_core::Measurement;
use isems_insight::{FindingCode::DeepNights, FindingValue};

use crate::series::{DAY, HOUR, MIDNIGHT, assessed, assessed_after, history, minutes};

/// Some days from noon to noon, of which the first ones end in nights that fall to a voltage at four in the morning.
fn nights(count: i64, deep: i64, voltage: f64) -> Vec<Measurement> {
    let noon = MIDNIGHT + DAY / 2;
    minutes("Hut", noon, noon + count * DAY, |measurement| {
        let (night, hour) = ((measurement.timestamp - noon) / DAY, measurement.timestamp % DAY / HOUR);
        if night < deep && hour == 4 {
            measurement.battery_voltage = Some(voltage);
        }
        if (9..15).contains(&hour) {
            (measurement.battery_voltage, measurement.mpp_voltage) = (Some(11.9), Some(17.0));
        }
    })
}

fn at(count: i64) -> i64 {
    MIDNIGHT + DAY / 2 + count * DAY
}

#[test]
fn nights_are_counted_once_and_days_not_at_all() {
    let battery = |stored: &[Measurement], count| assessed(&[history("Hut", stored)], at(count)).battery;
    assert_eq!(battery(&nights(10, 4, 12.0), 10).deep_nights_in_30_days, Some(4));
    assert_eq!(battery(&nights(10, 4, 12.2), 10).deep_nights_in_30_days, Some(0));
    assert_eq!(battery(&nights(5, 4, 12.0), 5).deep_nights_in_30_days, None, "five nights are too few");
}

#[test]
fn ten_deep_nights_are_found_until_they_are_fewer_than_seven() {
    let found = assessed(&[history("Hut", &nights(20, 10, 12.0))], at(20));
    let finding = found.finding(DeepNights).unwrap();
    assert_eq!(finding.values["deepNightsIn30Days"], FindingValue::Number(10.0));
    assert_eq!(finding.since, MIDNIGHT + DAY + 4 * HOUR);
    assert!(assessed(&[history("Hut", &nights(20, 9, 12.0))], at(20)).finding(DeepNights).is_none());
    let after = |deep| assessed_after(&found.findings, &[history("Hut", &nights(20, deep, 12.0))], at(20));
    assert!(after(7).finding(DeepNights).is_some() && after(6).finding(DeepNights).is_none());
}
