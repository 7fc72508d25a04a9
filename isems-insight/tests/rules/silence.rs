use isems_core::{Measurement, StatusFlag};
use isems_insight::{
    Assessment, Evidence, FindingCode, FindingSeverity, History, Mesh, SilenceCause, assess, past_silences,
};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, assessed, history, minutes};

/// Returns three days of a node up to a time: charging from six to six, then falling evenly from 12.7 V to the given
/// voltage at six in the morning.
fn days(node: &str, to: i64, lowest: f64) -> Vec<Measurement> {
    minutes(node, MIDNIGHT, to, |measurement| {
        let hour = (measurement.timestamp.rem_euclid(DAY)) as f64 / HOUR as f64;
        if (6.0..18.0).contains(&hour) {
            measurement.mpp_voltage = Some(17.0);
            measurement.battery_voltage = Some(13.4);
        } else {
            let since_dusk = (hour - 18.0).rem_euclid(24.0);
            measurement.battery_voltage = Some(12.7 - (12.7 - lowest) * since_dusk / 12.0);
        }
    })
}

/// A mesh whose nodes were heard until a time of their own.
fn mesh(until: &[(&str, i64, f64)]) -> Vec<History> {
    until.iter().map(|(node, until, lowest)| history(node, &days(node, *until, *lowest))).collect()
}

const NIGHT: i64 = MIDNIGHT + 3 * DAY + 2 * HOUR;

fn cause(assessment: &Assessment) -> SilenceCause {
    assessment.silence.as_ref().expect("it is silent").cause
}

#[test]
fn a_node_that_reports_is_not_silent() {
    let nodes = mesh(&[("Hut", NIGHT, 12.3)]);
    assert!(assessed(&nodes, NIGHT + 2 * MINUTE).silence.is_none());
    assert!(assessed(&nodes, NIGHT + 4 * MINUTE).silence.is_some());
}

#[test]
fn a_battery_near_the_cut_off_ran_empty() {
    // At two in the morning 11.92 V, 0.02 V above the cut-off.
    let nodes = mesh(&[("Hut", NIGHT, 11.53), ("Barn", NIGHT + HOUR, 12.4), ("Mill", NIGHT + HOUR, 12.4)]);
    let assessment = assessed(&nodes, NIGHT + HOUR);
    let silence = assessment.silence.clone().unwrap();
    assert_eq!((silence.cause, silence.since), (SilenceCause::RanEmpty, NIGHT - MINUTE));
    let back = silence.expected_back_at.unwrap();
    let sunrise = MIDNIGHT + 3 * DAY + 5 * HOUR + 30 * MINUTE;
    assert!(sunrise < back.expected_at && back.expected_at < sunrise + 8 * HOUR, "{back:?}");
    let finding = assessment.finding(FindingCode::RanEmpty).unwrap();
    assert_eq!((finding.severity, finding.since), (FindingSeverity::Attention, NIGHT - MINUTE));
    assert_eq!(assessment.energy.usable_percent, Some(0.0));
    assert!(assessment.energy.load_off.is_none());
}

#[test]
fn the_same_silence_with_charge_left_is_of_unknown_cause_and_urgent_after_hours() {
    let nodes = mesh(&[("Hut", NIGHT, 12.4), ("Barn", NIGHT + 4 * HOUR, 12.4), ("Mill", NIGHT + 4 * HOUR, 12.4)]);
    for (hours, severity) in [(1, FindingSeverity::Attention), (4, FindingSeverity::Urgent)] {
        let assessment = assessed(&nodes, NIGHT + hours * HOUR);
        assert_eq!(cause(&assessment), SilenceCause::Unknown);
        assert_eq!(assessment.finding(FindingCode::Silent).unwrap().severity, severity);
    }
}

#[test]
fn a_group_that_falls_silent_together_lost_its_uplink_and_all_of_them_the_collector() {
    let later = NIGHT + HOUR;
    let group = [("Hut", NIGHT, 12.4), ("Barn", NIGHT + 30, 12.4), ("Mill", NIGHT - MINUTE, 12.4)];
    let mut some = group.to_vec();
    some.extend([("Dam", later, 12.4), ("Inn", later, 12.4), ("Pub", later, 12.4)]);
    assert_eq!(cause(&assessed(&mesh(&some), later)), SilenceCause::Uplink);
    assert_eq!(cause(&assessed(&mesh(&group), later)), SilenceCause::Collector);
}

#[test]
fn an_uplink_is_expected_back_after_as_long_as_its_earlier_outages_lasted() {
    // Three nodes lose their uplink each day at noon, for 30, 40, 50 and 60 minutes; three others do not.
    let noon = |day: i64| MIDNIGHT + day * DAY + 12 * HOUR;
    let at = noon(5);
    let group = ["Hut", "Barn", "Mill"].map(|node| {
        let mut measurements = days(node, at, 12.4);
        measurements.retain(|measurement| {
            (1..5).all(|day| !(noon(day)..noon(day) + (20 + 10 * day) * MINUTE).contains(&measurement.timestamp))
        });
        history(node, &measurements)
    });
    let others = ["Dam", "Inn", "Pub"].map(|node| history(node, &days(node, at + 2 * HOUR, 12.4)));
    let nodes: Vec<History> = group.into_iter().chain(others).collect();
    let minutes = |minutes: i64| at + minutes * MINUTE;
    let back_after = |age: i64| {
        let silence = assessed(&nodes, minutes(age)).silence.unwrap();
        assert_eq!(silence.cause, SilenceCause::Uplink);
        silence.expected_back_at.map(|back| [back.earliest, back.expected_at, back.latest])
    };
    assert_eq!(back_after(10), Some([minutes(30), minutes(50), minutes(60)]));
    assert_eq!(back_after(35), Some([minutes(40), minutes(50), minutes(60)]), "the shortest is ruled out");
    assert_eq!(back_after(45), None, "too few lasted so long");
}

#[test]
fn batteries_that_run_empty_in_one_night_are_no_uplink() {
    let later = NIGHT + HOUR;
    let nodes = [
        ("Hut", NIGHT, 11.53),
        ("Barn", NIGHT + MINUTE, 11.53),
        ("Mill", NIGHT - 2 * MINUTE, 11.53),
        ("Dam", later, 12.4),
        ("Inn", later, 12.4),
    ];
    assert_eq!(cause(&assessed(&mesh(&nodes), later)), SilenceCause::RanEmpty);
}

#[test]
fn a_lost_controller_is_named() {
    let mut measurements = days("Hut", NIGHT, 12.4);
    for measurement in measurements.iter_mut().rev().take(90) {
        measurement.battery_voltage = Some(0.0);
        measurement.status = Some([StatusFlag::ControllerLost].into_iter().collect());
    }
    let nodes = [history("Hut", &measurements), history("Barn", &days("Barn", NIGHT + HOUR, 12.4))];
    let assessment = assessed(&nodes, NIGHT + MINUTE);
    let finding = assessment.finding(FindingCode::ControllerLost).unwrap();
    assert_eq!((finding.severity, finding.node_agrees), (FindingSeverity::Urgent, Some(true)));
    assert_eq!(finding.since, NIGHT - 90 * MINUTE);
    assert_eq!(cause(&assessed(&nodes, NIGHT + HOUR)), SilenceCause::ControllerLost);
}

#[test]
fn silences_that_are_over_tell_how_they_ended() {
    let mut measurements = days("Hut", NIGHT, 12.4);
    let count_down = |measurements: &mut [Measurement], start: f64| {
        let first = measurements[0].timestamp;
        for measurement in measurements {
            measurement.time_to_shutdown = Some((start - (measurement.timestamp - first) as f64 / 60.0).max(0.0));
        }
    };
    let minutes = measurements.len() as f64;
    // The countdown ends with the measurements, and starts anew twenty minutes later, once more in mid-flight.
    count_down(&mut measurements, minutes);
    let mut again = days("Hut", NIGHT + 3 * HOUR, 12.4).split_off(measurements.len() + 13);
    count_down(&mut again, 1440.0);
    let mut third = again.split_off(100);
    count_down(&mut third, 1440.0);
    third.drain(..14);
    measurements.extend(again);
    measurements.extend(third);
    for measurement in &mut measurements {
        // No time on which a slot or one of its parts begins.
        measurement.timestamp += 7;
    }
    let nodes = [history("Hut", &measurements)];
    let at = NIGHT + 3 * HOUR;
    let mesh = Mesh::of(&nodes, at);
    let evidence = Evidence { history: &nodes[0], mesh: &mesh, at, usual_interval: Some(MINUTE), previous: &[] };
    let causes: Vec<SilenceCause> = past_silences(&evidence).iter().map(|silence| silence.cause).collect();
    assert_eq!(causes, [SilenceCause::ScheduledReboot, SilenceCause::UnplannedReboot]);
    assert!(assess(&evidence).silence.is_none());
}

#[test]
fn a_lost_controller_is_named_of_a_silence_that_is_over() {
    let mut measurements = days("Hut", NIGHT, 12.4);
    let back = days("Hut", NIGHT + 3 * HOUR, 12.4).split_off(measurements.len() + 60);
    for measurement in measurements.iter_mut().rev().take(90) {
        measurement.battery_voltage = Some(0.0);
        measurement.status = Some([StatusFlag::ControllerLost].into_iter().collect());
    }
    measurements.extend(back);
    let nodes = [history("Hut", &measurements)];
    let at = NIGHT + 3 * HOUR;
    let mesh = Mesh::of(&nodes, at);
    let evidence = Evidence { history: &nodes[0], mesh: &mesh, at, usual_interval: Some(MINUTE), previous: &[] };
    let causes: Vec<SilenceCause> = past_silences(&evidence).iter().map(|silence| silence.cause).collect();
    assert_eq!(causes, [SilenceCause::ControllerLost]);
}

#[test]
fn a_node_that_usually_arrives_more_often_than_its_history_tells_ran_empty_all_the_same() {
    // Its arrivals were five minutes apart until now, so that by its history it is not silent yet.
    let mut measurements = days("Hut", NIGHT, 11.53);
    for measurement in &mut measurements {
        measurement.received_at = measurement.timestamp.div_euclid(300) * 300 + 300;
    }
    let nodes = [history("Hut", &measurements)];
    assert_eq!(cause(&assessed(&nodes, NIGHT + 10 * MINUTE)), SilenceCause::RanEmpty);
}
