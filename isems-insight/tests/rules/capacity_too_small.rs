use isems_core::{Measurement, StatusFlag};
use isems_insight::{Assessment, FindingCode::CapacityTooSmall};

use crate::series::{HOUR, MIDNIGHT, assessed_after, assessed_alone, history, minutes};

/// A node without nights to tell its capacity, so that the rated one counts.
fn hour(capacity: f64, power: f64, flag: Option<StatusFlag>) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, |measurement| {
        measurement.rated_battery_capacity = Some(capacity);
        measurement.rated_solar_module_capacity = Some(power);
        measurement.status = Some(flag.into_iter().collect());
    })
}

fn is_found(assessment: &Assessment) -> bool {
    assessment.finding(CapacityTooSmall).is_some()
}

#[test]
fn the_threshold_is_the_same_whatever_the_firmware_says() {
    // 2.1 hours of the panel's current.
    for flag in [None, Some(StatusFlag::CapacityTooSmall)] {
        let assessment = assessed_alone(&hour(7.0, 50.0, flag));
        assert_eq!(assessment.finding(CapacityTooSmall).unwrap().node_agrees, Some(flag.is_some()));
    }
    // 3.6 hours, which the ESP32 finds too little.
    let esp32 = assessed_alone(&hour(12.0, 50.0, Some(StatusFlag::CapacityTooSmall)));
    assert!(!is_found(&esp32));
}

#[test]
fn it_clears_later_than_it_is_raised() {
    let before = assessed_alone(&hour(7.0, 50.0, None)).findings;
    let after = |capacity| assessed_after(&before, &[history("Hut", &hour(capacity, 50.0, None))], MIDNIGHT + HOUR);
    assert!(is_found(&after(11.5)), "3.45 hours");
    assert!(!is_found(&after(12.5)), "3.75 hours");
}

#[test]
fn a_missing_or_void_rating_says_nothing() {
    for (capacity, power) in [(0.0, 50.0), (7.0, 0.0)] {
        assert!(!is_found(&assessed_alone(&hour(capacity, power, None))));
    }
}
