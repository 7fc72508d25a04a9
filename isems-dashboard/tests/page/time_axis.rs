use isems_dashboard::{Chart, Language};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::markup::{attributes, percent, within};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Returns the local time and the label of each tick of a range that begins at a local time.
fn ticks(zone: &str, begin: &str, length: i64, language: Language) -> Vec<(DateTime, String)> {
    let zone = TimeZone::get(zone).unwrap();
    let from = zone.to_timestamp(begin.parse().unwrap()).unwrap().as_second();
    let markup = Chart::new("chart", "", from..from + length, 60, zone.clone(), language).svg().into_string();
    let group = within(&markup, "<g class=\"times\">", "<svg");
    let places = attributes(group, "line", "x1").into_iter().map(percent);
    // Places have two decimals; ticks are at whole minutes, and in longer ranges at whole hours.
    let grid = if length > 5 * DAY { HOUR } else { 60 };
    let times = places.map(|place| {
        let time = from + (place / 100.0 * length as f64) as i64;
        let rounded = (time + grid / 2).div_euclid(grid) * grid;
        assert!(((time - rounded).abs() - 1) * 10_000 <= length, "a tick at {place} % is not at a whole time");
        zone.to_datetime(Timestamp::from_second(rounded).unwrap())
    });
    let labels = group.split("</text>").filter_map(|text| text.rsplit_once('>')).map(|(_, label)| label.to_owned());
    times.zip(labels).collect()
}

fn written(ticks: &[(DateTime, String)]) -> Vec<String> {
    ticks.iter().map(|(time, label)| format!("{time} {label}")).collect()
}

#[test]
fn ticks_of_a_day_lie_on_whole_local_hours() {
    let ticks = ticks("Europe/Berlin", "2026-11-26T07:23:00", DAY, Language::English);
    assert_eq!(ticks.len(), 12);
    for (time, label) in &ticks {
        assert_eq!((time.hour() % 2, time.minute()), (0, 0));
        let expected = if time.hour() == 0 { "27 Nov".into() } else { format!("{:02}:00", time.hour()) };
        assert_eq!(*label, expected);
    }
}

#[test]
fn summer_time_moves_no_tick_off_the_whole_hours() {
    // At 02:00 in spring the clock skips to 03:00.
    let spring = ticks("Europe/Berlin", "2026-03-28T18:00:00", DAY, Language::German);
    let labels: Vec<_> = spring.iter().map(|(_, label)| label.as_str()).collect();
    let expected =
        ["18:00", "20:00", "22:00", "29.3.", "04:00", "06:00", "08:00", "10:00", "12:00", "14:00", "16:00", "18:00"];
    assert_eq!(labels, expected);
    assert!(spring.iter().all(|(time, _)| time.hour() % 2 == 0 && time.minute() == 0), "{spring:?}");
    // In autumn it shows 02:00 twice, and each is an hour of its own.
    let autumn = ticks("Europe/Berlin", "2026-10-25T00:00:00", 6 * HOUR, Language::English);
    let labels: Vec<_> = autumn.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels.iter().filter(|label| **label == "02:00").count(), 2, "{labels:?}");
    assert!(autumn.iter().all(|(time, _)| time.minute() % 30 == 0), "{autumn:?}");
    // Where ticks are further apart, there is room for one of them.
    let day = ticks("Europe/Berlin", "2026-10-24T18:00:00", DAY, Language::English);
    assert_eq!(day.iter().filter(|(_, label)| label == "02:00").count(), 1, "{day:?}");
}

#[test]
fn time_zones_with_a_part_of_an_hour_have_ticks_at_their_own_hours() {
    let ticks = ticks("Asia/Kathmandu", "2026-06-01T09:10:00", DAY, Language::English);
    assert_eq!(ticks.len(), 12);
    assert!(ticks.iter().all(|(time, _)| time.minute() == 0 && time.hour() % 2 == 0), "{ticks:?}");
    // Every ten minutes there is five minutes past one of ours.
    let two_hours = self::ticks("Asia/Kathmandu", "2026-06-01T09:10:00", 7800, Language::English);
    assert_eq!(two_hours.len(), 14);
    assert!(two_hours.iter().all(|(time, _)| time.minute() % 10 == 0), "{two_hours:?}");
}

#[test]
fn longer_ranges_have_ticks_at_days_mondays_months_and_years() {
    let zone = "Europe/Berlin";
    let week = ticks(zone, "2026-03-25T12:00:00", 7 * DAY, Language::English);
    assert!(week.iter().all(|(time, _)| time.hour() == 0), "{week:?}");
    assert_eq!(week[0].1, "26 Mar");
    let month = ticks(zone, "2026-03-10T12:00:00", 30 * DAY, Language::German);
    let expected = [
        "2026-03-16T00:00:00 16.3.",
        "2026-03-23T00:00:00 23.3.",
        "2026-03-30T00:00:00 30.3.",
        "2026-04-06T00:00:00 6.4.",
    ];
    assert_eq!(written(&month), expected);
    let two_months = ticks(zone, "2026-01-20T12:00:00", 60 * DAY, Language::English);
    let labels: Vec<_> = two_months.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels, ["1 Feb", "16 Feb", "1 Mar", "16 Mar"]);
    let year = ticks(zone, "2025-06-15T12:00:00", 365 * DAY, Language::English);
    assert_eq!(year.len(), 12);
    assert!(year.iter().all(|(time, _)| time.day() == 1 && time.hour() == 0), "{year:?}");
    let labels: Vec<_> = year.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels[..7], ["Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "2026"]);
    let decade = ticks(zone, "2016-06-15T12:00:00", 3653 * DAY, Language::English);
    let labels: Vec<_> = decade.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels, ["2017", "2018", "2019", "2020", "2021", "2022", "2023", "2024", "2025", "2026"]);
}

#[test]
fn a_day_that_begins_at_one_o_clock_has_its_tick_there() {
    // In Beirut summer time begins at midnight.
    let week = ticks("Asia/Beirut", "2026-03-26T12:00:00", 6 * DAY, Language::English);
    let sunday = week.iter().find(|(_, label)| label == "29 Mar").expect("there is a Sunday");
    assert_eq!(sunday.0.hour(), 1);
}

#[test]
fn short_ranges_have_ticks_at_whole_minutes() {
    let ticks = ticks("Europe/Berlin", "2026-11-26T07:23:10", 600, Language::English);
    assert_eq!(ticks.first().map(|(_, label)| label.as_str()), Some("07:24"));
    assert!(ticks.iter().all(|(time, _)| time.second() == 0), "{ticks:?}");
}
