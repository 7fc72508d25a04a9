use isems_core::Measurement;
use isems_insight::{
    Assessment,
    FindingCode::{self, CapacityImplausible, CutOffImplausible, PanelImplausible},
    FindingValue,
};

use crate::series::{HOUR, MIDNIGHT, assessed_alone, minutes};

const CODES: [FindingCode; 3] = [CapacityImplausible, PanelImplausible, CutOffImplausible];

fn with(change: impl Fn(&mut Measurement)) -> Assessment {
    assessed_alone(&minutes("Hut", MIDNIGHT, MIDNIGHT + HOUR, change))
}

fn found(assessment: &Assessment) -> Vec<FindingCode> {
    CODES.into_iter().filter(|code| assessment.finding(*code).is_some()).collect()
}

#[test]
fn usual_settings_are_plausible() {
    for (capacity, panel, cut_off) in [(7.2, 10.0, 11.9), (100.0, 200.0, 11.0), (4.5, 5.0, 12.0)] {
        let assessment = with(|measurement| {
            measurement.rated_battery_capacity = Some(capacity);
            measurement.rated_solar_module_capacity = Some(panel);
            measurement.low_voltage_disconnect_voltage = Some(cut_off);
        });
        assert_eq!(found(&assessment), [], "{capacity} {panel} {cut_off}");
    }
    let missing = with(|measurement| {
        measurement.rated_battery_capacity = None;
        measurement.rated_solar_module_capacity = None;
        measurement.low_voltage_disconnect_voltage = None;
    });
    assert_eq!(found(&missing), []);
}

#[test]
fn slips_of_the_pen_are_found() {
    let capacity = with(|measurement| measurement.rated_battery_capacity = Some(7200.0));
    assert_eq!(found(&capacity), [CapacityImplausible]);
    let value = &capacity.finding(CapacityImplausible).unwrap().values["ratedBatteryCapacity"];
    assert_eq!(*value, FindingValue::Number(7200.0));
    let panel = with(|measurement| measurement.rated_solar_module_capacity = Some(0.0));
    assert_eq!(found(&panel), [PanelImplausible]);
    for cut_off in [10.8, 12.3, 119.0, 0.0] {
        let assessment = with(|measurement| measurement.low_voltage_disconnect_voltage = Some(cut_off));
        assert_eq!(found(&assessment), [CutOffImplausible], "{cut_off}");
    }
}

#[test]
fn a_24_volt_battery_has_twice_the_cut_off() {
    let with_cut_off = |cut_off| {
        with(move |measurement| {
            measurement.battery_voltage = Some(25.1);
            measurement.low_voltage_disconnect_voltage = Some(cut_off);
        })
    };
    assert_eq!(found(&with_cut_off(23.4)), []);
    assert_eq!(found(&with_cut_off(11.9)), [CutOffImplausible]);
}
