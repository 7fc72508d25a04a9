use isems_core::Measurement;
use isems_insight::FindingCode::{IdDefault, PositionDefault, PositionUnset, RatingsDefault};

use crate::series::{HOUR, MIDNIGHT, assessed_alone, minutes};

fn hour(node: &str, change: impl FnMut(&mut Measurement)) -> Vec<Measurement> {
    minutes(node, MIDNIGHT, MIDNIGHT + HOUR, change)
}

#[test]
fn a_node_that_nobody_configured_is_found() {
    for id in ["ESP32-Meshnode-Unconfigured", "ESP32-Meshnode-Default"] {
        let assessment = assessed_alone(&hour(id, |measurement| {
            (measurement.latitude, measurement.longitude) = (Some(52.52), Some(13.4));
            measurement.rated_battery_capacity = Some(7.2);
            measurement.rated_solar_module_capacity = Some(10.0);
        }));
        for code in [IdDefault, PositionDefault, RatingsDefault] {
            assert_eq!(assessment.finding(code).unwrap().since, MIDNIGHT, "{code:?}");
        }
        assert!(assessment.finding(PositionUnset).is_none());
    }
}

#[test]
fn ratings_like_the_shipped_ones_are_real_where_the_position_is_set() {
    let assessment = assessed_alone(&hour("Hut", |measurement| {
        measurement.rated_battery_capacity = Some(7.2);
        measurement.rated_solar_module_capacity = Some(10.0);
    }));
    for code in [IdDefault, PositionDefault, RatingsDefault, PositionUnset] {
        assert!(assessment.finding(code).is_none(), "{code:?}");
    }
}

#[test]
fn a_position_of_zero_or_none_is_unset() {
    for (latitude, longitude) in [(None, Some(13.4)), (Some(0.0), Some(13.4))] {
        let assessment = assessed_alone(&hour("Hut", |measurement| {
            (measurement.latitude, measurement.longitude) = (latitude, longitude);
        }));
        assert!(assessment.finding(PositionUnset).is_some());
        assert!(assessment.finding(PositionDefault).is_none());
    }
}
