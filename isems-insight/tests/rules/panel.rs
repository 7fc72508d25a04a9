use isems_core::Measurement;
use isems_insight::{Assessment, Finding, FindingCode, History};

use crate::series::{DAY, HOUR, MIDNIGHT, assessed, assessed_after, history, minutes};

const NODES: [&str; 5] = ["Hut", "Barn", "Mill", "Dam", "Inn"];

/// Charging from 05:40 to 16:50 (UTC), when the sun is up; the voltage falls by 0.03 V an hour in the dark from what
/// `dusk` says of the day.
fn node(name: &str, days: i64, dusk: impl Fn(i64) -> f64, change: impl Fn(&mut Measurement, i64)) -> History {
    let stored = minutes(name, MIDNIGHT, MIDNIGHT + days * DAY, |measurement| {
        let since = measurement.timestamp - MIDNIGHT;
        let (day, hour) = (since / DAY, (since % DAY) as f64 / HOUR as f64);
        measurement.low_voltage_disconnect_voltage = Some(11.0);
        if (5.67..16.83).contains(&hour) {
            measurement.mpp_voltage = Some(15.0);
            measurement.open_circuit_voltage = Some(18.6);
            let share = (hour - 5.67) / 11.16;
            let dawn = dusk(day - 1) - 0.03 * 12.84;
            measurement.battery_voltage = Some(dawn + (dusk(day) + 0.6 - dawn) * share);
        } else {
            let evening = if hour < 5.67 { day - 1 } else { day };
            let dark = (hour - 16.83).rem_euclid(24.0);
            measurement.battery_voltage = Some(dusk(evening) - 0.03 * dark);
        }
        change(measurement, day);
    });
    history(name, &stored)
}

/// The assessment of the first of five nodes in the evening of a day; the others are well.
fn judged(first: History, days: i64) -> Assessment {
    judged_after(&[], first, days)
}

/// The same if the assessment before had certain findings.
fn judged_after(previous: &[Finding], first: History, days: i64) -> Assessment {
    let mut nodes = vec![first];
    nodes.extend(NODES[1..].iter().map(|name| node(name, days, |_| 12.4, |_, _| {})));
    assessed_after(previous, &nodes, MIDNIGHT + days * DAY)
}

#[test]
fn a_panel_that_does_as_the_others_is_no_finding() {
    let assessment = judged(node("Hut", 20, |_| 12.4, |_, _| {}), 20);
    let share = assessment.panel.yield_percent_of_mesh.unwrap();
    assert!((95.0..105.0).contains(&share), "{share}");
    assert_eq!((assessment.panel.covered, assessment.panel.disconnected), (Some(false), Some(false)));
    for code in [FindingCode::PanelYieldLow, FindingCode::PanelCovered, FindingCode::PanelDisconnected] {
        assert!(assessment.finding(code).is_none(), "{code:?}");
    }
}

#[test]
fn dull_days_of_all_are_no_fault_of_a_panel() {
    let dusk = |day: i64| if day >= 16 { 12.4 - 0.15 * (day - 15) as f64 } else { 12.4 };
    let nodes: Vec<History> = NODES.iter().map(|name| node(name, 20, dusk, |_, _| {})).collect();
    let assessment = assessed(&nodes, MIDNIGHT + 20 * DAY);
    assert!(assessment.finding(FindingCode::PanelYieldLow).is_none());
    assert!(assessment.panel.yield_percent_of_mesh.is_some_and(|share| share > 90.0));
}

#[test]
fn a_panel_that_falls_behind_is_said() {
    // From the 16th day on, each day puts back half of what the night takes.
    let dusk = |day: i64| if day >= 15 { 12.4 - 0.21 * (day - 14) as f64 } else { 12.4 };
    let assessment = judged(node("Hut", 20, dusk, |_, _| {}), 20);
    let finding = assessment.finding(FindingCode::PanelYieldLow);
    let finding = finding.unwrap_or_else(|| panic!("{:?} {:?}", assessment.panel, assessment.unknown));
    assert!(assessment.panel.yield_percent_of_mesh.unwrap() < 78.0, "{finding:?}");
    assert!(assessment.panel.yield_trend_percent_per_month.unwrap() < 5.0);
}

#[test]
fn a_low_yield_is_said_until_it_has_clearly_recovered() {
    let falling = |lost: f64| move |day: i64| if day >= 15 { 12.4 - lost * (day - 14) as f64 } else { 12.4 };
    let low = judged(node("Hut", 20, falling(0.21), |_, _| {}), 20);
    let previous = [low.finding(FindingCode::PanelYieldLow).unwrap().clone()];
    let between = || node("Hut", 20, falling(0.175), |_, _| {});
    let fresh = judged(between(), 20);
    let share = fresh.panel.yield_percent_of_mesh.unwrap();
    assert!((79.0..86.0).contains(&share), "{share}");
    assert!(fresh.finding(FindingCode::PanelYieldLow).is_none());
    let kept = judged_after(&previous, between(), 20);
    assert_eq!(kept.finding(FindingCode::PanelYieldLow).map(|finding| finding.since), Some(previous[0].since));
    let well = judged_after(&previous, node("Hut", 20, |_| 12.4, |_, _| {}), 20);
    assert!(well.finding(FindingCode::PanelYieldLow).is_none());
}

#[test]
fn days_that_were_not_heard_are_no_fault_of_a_panel() {
    let heard = history("Hut", &minutes("Hut", MIDNIGHT, MIDNIGHT + 3 * DAY, |_| {}));
    let assessment = judged(heard, 20);
    assert_eq!((assessment.panel.yield_percent_of_mesh, assessment.panel.covered), (None, None));
    for code in [FindingCode::PanelYieldLow, FindingCode::PanelCovered, FindingCode::PanelDisconnected] {
        assert!(assessment.finding(code).is_none(), "{code:?}");
    }
}

#[test]
fn a_panel_without_voltage_is_disconnected_and_one_with_voltage_but_no_current_covered() {
    for (panel, code) in [(0.4, FindingCode::PanelDisconnected), (14.0, FindingCode::PanelCovered)] {
        let dark = |measurement: &mut Measurement, day: i64| {
            let since = measurement.timestamp - MIDNIGHT - 17 * DAY;
            if day >= 17 {
                measurement.battery_voltage = Some(12.01 - 0.003 * since as f64 / HOUR as f64);
                if measurement.mpp_voltage > Some(10.0) {
                    measurement.mpp_voltage = Some(panel);
                }
            }
        };
        let assessment = judged(node("Hut", 20, |_| 12.4, dark), 20);
        let finding = assessment.finding(code).unwrap_or_else(|| panic!("{:?}", assessment.findings));
        assert!(finding.values.contains_key("highestPanelVoltage"));
        assert_eq!(assessment.panel.disconnected, Some(code == FindingCode::PanelDisconnected));
        assert_eq!(assessment.panel.covered, Some(code == FindingCode::PanelCovered));
    }
}

#[test]
fn without_neighbours_nothing_is_said() {
    let nodes = [node("Hut", 20, |_| 12.4, |_, _| {}), node("Barn", 20, |_| 12.4, |_, _| {})];
    let assessment = assessed(&nodes, MIDNIGHT + 20 * DAY);
    assert_eq!((assessment.panel.yield_percent_of_mesh, assessment.panel.covered), (None, None));
    for what in ["panel.yieldPercentOfMesh", "panel.covered"] {
        assert!(assessment.unknown.iter().any(|unknown| unknown.what == what), "{what}");
    }
}
