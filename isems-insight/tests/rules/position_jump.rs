use isems_core::Measurement;
use isems_insight::{
    FindingCode::{IdShared, PositionJumped},
    FindingValue,
};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, assessed_alone, minutes};

/// A node that is moved to the north by some degrees after three hours.
fn moved(to: i64, degrees: f64) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, to, |measurement| {
        if measurement.timestamp >= MIDNIGHT + 3 * HOUR {
            measurement.latitude = Some(52.51 + degrees);
        }
    })
}

#[test]
fn a_jump_by_kilometres_is_found_for_a_week() {
    let assessment = assessed_alone(&moved(MIDNIGHT + DAY, 0.1));
    let finding = assessment.finding(PositionJumped).unwrap();
    assert_eq!(finding.since, MIDNIGHT + 3 * HOUR);
    let FindingValue::Number(distance) = finding.values["distanceKm"] else { panic!("{finding:?}") };
    assert!((distance - 11.1).abs() < 0.1, "{distance} km instead of a tenth of a degree");
    assert!(assessed_alone(&moved(MIDNIGHT + 8 * DAY, 0.1)).finding(PositionJumped).is_none());
    assert!(assessed_alone(&moved(MIDNIGHT + DAY, 0.001)).finding(PositionJumped).is_none());
}

#[test]
fn a_position_that_alternates_is_that_of_two_nodes() {
    let assessment = assessed_alone(&minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| {
        if measurement.timestamp / MINUTE % 2 == 1 {
            measurement.latitude = Some(53.0);
        }
    }));
    assert!(assessment.finding(IdShared).is_some() && assessment.finding(PositionJumped).is_none());
}

#[test]
fn a_first_position_is_no_jump() {
    let assessment = assessed_alone(&minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| {
        if measurement.timestamp < MIDNIGHT + 1800 {
            (measurement.latitude, measurement.longitude) = (Some(52.52), Some(13.4));
        }
        if measurement.timestamp >= MIDNIGHT + 1800 {
            measurement.latitude = Some(48.1);
        }
    }));
    assert!(assessment.finding(PositionJumped).is_none());
}
