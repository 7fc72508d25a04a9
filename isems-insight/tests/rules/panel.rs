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
    // From the 16th day on, each day puts back little of what the night takes. Nothing is known of sweeps under clouds.
    let dusk = |day: i64| if day >= 15 { 12.4 - 0.33 * (day - 14) as f64 } else { 12.4 };
    let assessment = judged(node("Hut", 20, dusk, |_, _| {}), 20);
    let finding = assessment.finding(FindingCode::PanelYieldLow);
    let finding = finding.unwrap_or_else(|| panic!("{:?} {:?}", assessment.panel, assessment.unknown));
    assert!(assessment.panel.yield_percent_of_mesh.unwrap() < 60.0, "{finding:?}");
    assert!(assessment.panel.yield_trend_percent_per_month.unwrap() < 5.0);
}

/// Days of sun and clouds by turns, on which the open-circuit voltage is 18.6 and 17.5 V; that of the node is lower by
/// a factor on days with clouds.
fn under_clouds(name: &str, factor: impl Fn(i64) -> f64) -> History {
    let clouds = |measurement: &mut Measurement, day: i64| {
        if day % 2 == 0 && measurement.mpp_voltage > Some(13.0) {
            measurement.open_circuit_voltage = Some(17.5 * factor(day));
        }
    };
    node(name, 20, |_| 12.4, clouds)
}

fn judged_under_clouds(previous: &[Finding], factor: impl Fn(i64) -> f64) -> Assessment {
    let mut nodes = vec![under_clouds("Hut", factor)];
    nodes.extend(NODES[1..].iter().map(|name| under_clouds(name, |_| 1.0)));
    assessed_after(previous, &nodes, MIDNIGHT + 20 * DAY)
}

#[test]
fn a_panel_with_a_quarter_less_light_has_a_lower_voltage_under_clouds() {
    // 26 mV times 1.2 for each of 36 cells and each factor of e, less what the cooler cells give back.
    let dirty = |day: i64| if day >= 14 { 0.986 } else { 1.0 };
    let assessment = judged_under_clouds(&[], dirty);
    let finding = assessment.finding(FindingCode::PanelYieldLow).unwrap();
    assert_eq!(finding.since, MIDNIGHT + 14 * DAY + DAY / 2 - (13.45 * 240.0) as i64);
    let share = assessment.panel.yield_percent_of_mesh.unwrap();
    assert!((70.0..80.0).contains(&share), "{share}");
    let young = judged_under_clouds(&[], |day| if day >= 18 { 0.986 } else { 1.0 });
    assert!(young.finding(FindingCode::PanelYieldLow).is_none(), "one day is not enough");
}

#[test]
fn a_low_yield_is_said_until_it_has_clearly_recovered() {
    let since = |lost: f64| move |day: i64| if day >= 14 { 1.0 - lost } else { 1.0 };
    let low = judged_under_clouds(&[], since(0.014));
    let previous = [low.finding(FindingCode::PanelYieldLow).unwrap().clone()];
    assert!(judged_under_clouds(&[], since(0.006)).finding(FindingCode::PanelYieldLow).is_none());
    let kept = judged_under_clouds(&previous, since(0.006));
    assert_eq!(kept.finding(FindingCode::PanelYieldLow).map(|finding| finding.since), Some(previous[0].since));
    let well = judged_under_clouds(&previous, |_| 1.0);
    assert!(well.finding(FindingCode::PanelYieldLow).is_none());
}

#[test]
fn a_panel_that_lacks_the_sun_at_some_azimuths_is_shaded() {
    // In the sun, panels that face different ways differ; the first one lacks it from 9:00 to 11:00 (UTC).
    let in_sun = |index: usize, lost: f64| {
        move |measurement: &mut Measurement, day: i64| {
            let hour = (measurement.timestamp.rem_euclid(DAY)) as f64 / HOUR as f64;
            if measurement.mpp_voltage > Some(13.0) {
                let faces = 1.0 + 0.015 * (index as f64 - 2.0);
                let shadow = if index == 0 && (9.0..11.0).contains(&hour) { 1.0 - lost } else { 1.0 };
                let sun = 18.6 * faces * shadow / if index == 0 { faces } else { 1.0 };
                measurement.open_circuit_voltage = Some(if day % 3 == 0 { sun } else { 17.5 });
            }
        }
    };
    let mesh = |lost: f64| -> Vec<History> {
        NODES.iter().enumerate().map(|(index, name)| node(name, 20, |_| 12.4, in_sun(index, lost))).collect()
    };
    let at = MIDNIGHT + 20 * DAY;
    let free = assessed(&mesh(0.0), at);
    assert_eq!((free.panel.suspected_shade.as_slice(), free.finding(FindingCode::PanelShaded)), (&[][..], None));
    let shaded = assessed(&mesh(0.05), at);
    let [shade] = shaded.panel.suspected_shade[..] else { panic!("{:?}", shaded.panel) };
    assert!(shade.contains(155.0) && !shade.contains(100.0) && !shade.contains(200.0), "{shade:?}");
    let finding = shaded.finding(FindingCode::PanelShaded).unwrap();
    assert_eq!(finding.values.len(), 2);
    // What is said already is said longer.
    let faint = || mesh(0.016);
    assert!(assessed(&faint(), at).finding(FindingCode::PanelShaded).is_none());
    assert!(assessed_after(&shaded.findings, &faint(), at).finding(FindingCode::PanelShaded).is_some());
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
fn a_panel_without_voltage_is_disconnected_and_one_with_little_covered() {
    for (panel, code) in [(0.4, FindingCode::PanelDisconnected), (14.0, FindingCode::PanelCovered)] {
        let dark = |measurement: &mut Measurement, day: i64| {
            let since = measurement.timestamp - MIDNIGHT - 17 * DAY;
            if day >= 17 {
                measurement.battery_voltage = Some(12.01 - 0.003 * since as f64 / HOUR as f64);
                if measurement.mpp_voltage > Some(10.0) {
                    measurement.mpp_voltage = Some(panel);
                    measurement.open_circuit_voltage = Some(panel + 0.3);
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

#[test]
fn a_panel_is_judged_at_any_second_of_the_day() {
    let nodes: Vec<History> = NODES.iter().map(|name| node(name, 20, |_| 12.4, |_, _| {})).collect();
    for second in [0, 1, 299, 599] {
        let assessment = assessed(&nodes, MIDNIGHT + 19 * DAY + 12 * HOUR + second);
        assert!(assessment.panel.yield_percent_of_mesh.is_some(), "{second}");
    }
}
