use isems_dashboard::nights;
use isems_insight::Sun;

const DAY: i64 = 86_400;

/// Sunday 8 March 2026, midnight UTC.
const MIDNIGHT: i64 = 1_772_928_000;

#[test]
fn nights_are_from_sunset_to_sunrise_and_end_with_the_range() {
    let sun = Sun::at_place(52.52, 13.4).unwrap();
    let nights = nights(&sun, MIDNIGHT..MIDNIGHT + DAY);
    let [morning, evening] = nights.as_slice() else { panic!("{nights:?}") };
    assert_eq!((morning.start, evening.end), (MIDNIGHT, MIDNIGHT + DAY));
    let close = |time: i64, wanted: Option<i64>| assert!(wanted.is_some_and(|wanted| (time - wanted).abs() < 20));
    close(morning.end, sun.next_rise(MIDNIGHT));
    close(evening.start, sun.next_set(MIDNIGHT));
}

#[test]
fn the_polar_night_is_one_night_and_the_polar_day_none() {
    let spitsbergen = Sun::at_place(78.2, 15.6).unwrap();
    let christmas = MIDNIGHT - 73 * DAY..MIDNIGHT - 66 * DAY;
    assert_eq!(nights(&spitsbergen, christmas.clone()), [christmas]);
    assert!(nights(&spitsbergen, MIDNIGHT + 100 * DAY..MIDNIGHT + 107 * DAY).is_empty());
}
