use isems_core::Measurement;
use isems_insight::{Assessment, FindingCode, FindingSeverity, History, Level, Survival, UnknownReason};

use crate::series::{DAY, HOUR, MIDNIGHT, assessed, history, minutes};

/// A node that charges from 05:40 to 16:50 (UTC), and whose voltage falls by `fall` an hour in the dark from what
/// `dusk` says of the day.
fn node(to: i64, fall: f64, dusk: impl Fn(i64) -> f64) -> Vec<Measurement> {
    minutes("Hut", MIDNIGHT, to, |measurement| {
        let since = measurement.timestamp - MIDNIGHT;
        let (day, hour) = (since / DAY, (since % DAY) as f64 / HOUR as f64);
        if (5.67..16.83).contains(&hour) {
            measurement.mpp_voltage = Some(15.0);
            measurement.battery_voltage = Some(13.2);
        } else {
            let evening = if hour < 5.67 { day - 1 } else { day };
            measurement.battery_voltage = Some(dusk(evening) - fall * (hour - 16.83).rem_euclid(24.0));
        }
    })
}

fn judged(stored: &[Measurement], at: i64) -> Assessment {
    assessed(&[history("Hut", stored)], at)
}

/// Three hours after sunset of the twelfth day.
const EVENING: i64 = MIDNIGHT + 12 * DAY + 20 * HOUR;

#[test]
fn the_moment_of_the_cut_off_is_foreseen() {
    // 12.55 V at dusk on other days, 12.3 V today, falling by 0.05 V an hour: 11.9 V eight hours after dusk.
    let dusk = |day: i64| if day == 12 { 12.3 } else { 12.55 };
    let assessment = judged(&node(EVENING, 0.05, dusk), EVENING);
    let off = assessment.energy.load_off.unwrap();
    let truth = MIDNIGHT + 12 * DAY + (24.83 * HOUR as f64) as i64;
    assert!((off.when.expected_at - truth).abs() < 1800, "{} s off", off.when.expected_at - truth);
    assert!(off.when.earliest <= truth && truth <= off.when.latest && off.probability > 0.9);
    assert_eq!(assessment.energy.survives_night, Some(Survival::No));
    assert!(assessment.energy.margin_hours.unwrap() < -4.0);
    let finding = assessment.finding(FindingCode::LoadOffPredicted).unwrap();
    assert_eq!((finding.severity, assessment.level), (FindingSeverity::Urgent, Level::Urgent));
}

#[test]
fn a_battery_that_lasts_is_said_to_last() {
    let assessment = judged(&node(EVENING, 0.02, |_| 12.6), EVENING);
    assert_eq!(assessment.energy.survives_night, Some(Survival::Yes));
    assert!(assessment.energy.margin_hours.unwrap() > 4.0);
    assert!(assessment.finding(FindingCode::LoadOffPredicted).is_none());
    let usable = assessment.energy.usable_percent.unwrap();
    assert!((80.0..=100.0).contains(&usable), "{usable}");
    // 0.64 V at 0.02 V an hour.
    assert!((assessment.energy.autonomy_hours.unwrap() - 32.0).abs() < 4.0, "{:?}", assessment.energy);
}

#[test]
fn nothing_is_said_before_a_night_was_seen_or_without_a_cut_off() {
    let short = judged(&node(MIDNIGHT + 2 * HOUR, 0.05, |_| 12.6), MIDNIGHT + 2 * HOUR);
    assert!(short.energy.charge_percent.is_none() && short.energy.load_off.is_none());
    assert!(short.unknown.iter().any(|unknown| unknown.what == "energy"), "{:?}", short.unknown);
    let mut stored = node(EVENING, 0.05, |_| 12.6);
    for measurement in &mut stored {
        measurement.low_voltage_disconnect_voltage = None;
    }
    let assessment = judged(&stored, EVENING);
    assert!(assessment.energy.charge_percent.is_none());
    assert!(
        assessment.unknown.iter().any(|unknown| unknown.reason == UnknownReason::NoCutOff),
        "{:?}",
        assessment.unknown
    );
}

#[test]
fn a_forecast_does_not_depend_on_the_year() {
    let dusk = |day: i64| if day == 12 { 12.3 } else { 12.55 };
    let stored = node(EVENING, 0.05, dusk);
    let year = 365 * DAY;
    let later: Vec<Measurement> = stored
        .iter()
        .map(|measurement| {
            let timestamp = measurement.timestamp + year;
            Measurement { timestamp, received_at: timestamp, ..measurement.clone() }
        })
        .collect();
    let (now, then) = (judged(&stored, EVENING), judged(&later, EVENING + year));
    let off = |assessment: &Assessment| assessment.energy.load_off.unwrap().when.expected_at - assessment.at;
    assert!((off(&now) - off(&then)).abs() < 900, "{} and {}", off(&now), off(&then));
    assert_eq!(now.energy.survives_night, then.energy.survives_night);
    let codes = |assessment: &Assessment| assessment.findings.iter().map(|one| one.code).collect::<Vec<_>>();
    assert_eq!(codes(&now), codes(&then));
}

#[test]
fn what_does_not_depend_on_season_is_the_same_at_another_latitude() {
    // Near the equinox the night has the same length everywhere, so that only December differs.
    let dusk = |day: i64| if day == 12 { 12.3 } else { 12.55 };
    let at_latitude = |latitude: f64| {
        let mut stored = node(EVENING, 0.05, dusk);
        for measurement in &mut stored {
            measurement.latitude = Some(latitude);
        }
        judged(&stored, EVENING)
    };
    let here = at_latitude(52.51);
    let off = |assessment: &Assessment| assessment.energy.load_off.unwrap().when.expected_at;
    let codes = |assessment: &Assessment| {
        let of_any_season = assessment.findings.iter().map(|one| one.code);
        of_any_season.filter(|code| *code != FindingCode::WinterReserveLow).collect::<Vec<_>>()
    };
    for latitude in [57.0, 44.0, 36.0, -35.0] {
        let there = at_latitude(latitude);
        assert!((off(&here) - off(&there)).abs() < 900, "at {latitude}: {} and {}", off(&here), off(&there));
        assert_eq!(here.energy.survives_night, there.energy.survives_night, "at {latitude}");
        assert_eq!(here.energy.charge_percent, there.energy.charge_percent, "at {latitude}");
        assert_eq!((&here.battery, &here.data), (&there.battery, &there.data), "at {latitude}");
        assert_eq!(codes(&here), codes(&there), "at {latitude}");
    }
}

#[test]
fn an_empty_history_of_a_mesh_is_unknown() {
    let nodes = [History::new(crate::series::node_id("Hut")), history("Barn", &node(EVENING, 0.05, |_| 12.6))];
    assert_eq!(assessed(&nodes, EVENING).level, Level::Unknown);
}
