use isems_core::{Measurement, TimeSource};
use isems_insight::{FindingCode, FindingValue};

use crate::series::{DAY, MIDNIGHT, assessed, history, minutes};

const NOON: i64 = MIDNIGHT + 8 * DAY + DAY / 2;

/// Eight days of a node whose measurements arrive later by some seconds, by the day.
fn delayed(delay: impl Fn(i64) -> i64) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, NOON, |measurement| {
        measurement.received_at = measurement.timestamp + delay((measurement.timestamp - MIDNIGHT) / DAY);
    })
}

#[test]
fn a_clock_that_is_right_is_no_finding_however_slow_the_link() {
    for delay in [0, 5, 900] {
        let assessment = assessed(&[history("Hut", &delayed(|_| delay))], NOON);
        for code in [FindingCode::ClockUnset, FindingCode::ClockSkewed, FindingCode::ClockDrifting] {
            assert!(assessment.finding(code).is_none(), "{delay} {code:?}");
        }
    }
}

#[test]
fn a_clock_that_is_ahead_or_far_behind_is_skewed() {
    for (delay, ahead) in [(-200, 200.0), (3000, -3000.0)] {
        let assessment = assessed(&[history("Hut", &delayed(|_| delay))], NOON);
        let finding = assessment.finding(FindingCode::ClockSkewed).unwrap();
        assert_eq!(finding.values["secondsAhead"], FindingValue::Number(ahead));
        assert!(assessment.finding(FindingCode::ClockDrifting).is_none());
    }
}

#[test]
fn a_clock_that_gains_every_day_drifts() {
    let assessment = assessed(&[history("Hut", &delayed(|day| 300 - 30 * day))], NOON);
    let finding = assessment.finding(FindingCode::ClockDrifting).unwrap();
    assert_eq!(finding.values["secondsAheadPerDay"], FindingValue::Number(30.0));
}

#[test]
fn a_clock_that_was_set_before_is_unset() {
    let mut measurements = delayed(|_| 0);
    let half = measurements.len() - 2000;
    for measurement in &mut measurements[half..] {
        measurement.time_source = TimeSource::Arrival;
    }
    assert!(assessed(&[history("Hut", &measurements)], NOON).finding(FindingCode::ClockUnset).is_some());
    for measurement in &mut measurements {
        measurement.time_source = TimeSource::Arrival;
    }
    let assessment = assessed(&[history("Hut", &measurements)], NOON);
    assert!(assessment.finding(FindingCode::ClockUnset).is_none(), "a node that never sends a time has no clock");
}
