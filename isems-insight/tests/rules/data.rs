use isems_insight::FindingCode::{DataIncomplete, DeliveredLate};

use crate::series::{DAY, HOUR, MIDNIGHT, MINUTE, assessed, assessed_after, assessed_alone, history, minutes};

#[test]
fn a_node_without_gaps_is_complete() {
    let data = assessed_alone(&minutes("Hut", MIDNIGHT, MIDNIGHT + 3 * DAY, |_| {})).data;
    assert!(data.completeness_percent.unwrap() > 99.9, "{data:?}");
    assert_eq!((data.late_percent, data.measuring_interval), (Some(0.0), Some(60.0)));
}

#[test]
fn missing_nights_make_the_data_incomplete() {
    let mut stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 8 * DAY, |_| {});
    stored.retain(|measurement| (measurement.timestamp - MIDNIGHT) % DAY < 16 * HOUR);
    let at = MIDNIGHT + 8 * DAY;
    let assessment = assessed(&[history("Hut", &stored)], at);
    let percent = assessment.data.completeness_percent.unwrap();
    assert!((percent - 66.7).abs() < 1.0, "{percent}");
    assert_eq!(assessment.finding(DataIncomplete).unwrap().since, MIDNIGHT + DAY + 16 * HOUR);
}

#[test]
fn a_node_that_ran_empty_every_night_is_complete() {
    let mut stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 8 * DAY, |measurement| {
        let hour = measurement.timestamp % DAY / HOUR;
        measurement.battery_voltage = Some(if hour == 15 { 11.95 } else { 12.6 });
    });
    stored.retain(|measurement| measurement.timestamp % DAY < 16 * HOUR);
    let assessment = assessed(&[history("Hut", &stored)], MIDNIGHT + 8 * DAY);
    assert!(assessment.data.completeness_percent.unwrap() > 99.0);
    assert!(assessment.finding(DataIncomplete).is_none());
}

#[test]
fn a_node_that_ran_empty_before_the_last_seven_days_is_complete() {
    let mut stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 10 * DAY, |measurement| {
        measurement.battery_voltage = Some(11.95);
    });
    stored.retain(|measurement| {
        let days = (measurement.timestamp - MIDNIGHT) / DAY;
        !(2..8).contains(&days)
    });
    let assessment = assessed(&[history("Hut", &stored)], MIDNIGHT + 10 * DAY);
    assert!(assessment.data.completeness_percent.unwrap() > 99.0, "{:?}", assessment.data);
}

#[test]
fn an_incomplete_node_is_complete_again_above_90_percent() {
    let mut stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 7 * DAY, |_| {});
    stored.retain(|measurement| (measurement.timestamp - MIDNIGHT) % DAY >= 3 * HOUR);
    let at = MIDNIGHT + 7 * DAY;
    let histories = [history("Hut", &stored)];
    let before = assessed(&histories, at);
    assert!(before.finding(DataIncomplete).is_none(), "{:?}", before.data);
    let found = isems_insight::Finding::new(DataIncomplete, isems_insight::FindingSeverity::Attention, MIDNIGHT);
    assert_eq!(assessed_after(&[found], &histories, at).finding(DataIncomplete).unwrap().since, MIDNIGHT);
}

#[test]
fn late_deliveries_are_counted() {
    let mut stored = minutes("Hut", MIDNIGHT, MIDNIGHT + 2 * DAY, |_| {});
    for measurement in &mut stored[1440..2160] {
        measurement.received_at += HOUR + MINUTE;
    }
    let assessment = assessed_alone(&stored);
    let percent = assessment.data.late_percent.unwrap();
    assert!((percent - 25.0).abs() < 0.1, "{percent}");
    assert_eq!(assessment.finding(DeliveredLate).unwrap().since, MIDNIGHT + DAY);
}

#[test]
fn nothing_is_said_of_less_than_a_day() {
    let assessment = assessed_alone(&minutes("Hut", MIDNIGHT, MIDNIGHT + 20 * HOUR, |_| {}));
    assert_eq!(assessment.data, isems_insight::DataQuality::default());
    assert!(assessment.unknown.iter().any(|unknown| unknown.what == "data"));
}
