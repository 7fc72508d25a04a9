use isems_insight::Sun;

use crate::series::{DAY, HOUR, MIDNIGHT};

/// Sunrise 05:37, noon 11:17 and sunset 16:58 UTC are those of an almanac for Berlin on 8 March 2026.
#[test]
fn the_sun_of_berlin() {
    let sun = Sun::at_place(52.52, 13.4).unwrap();
    let minutes = |hour: i64, minute: i64| MIDNIGHT + hour * HOUR + minute * 60;
    let close = |found: i64, wanted: i64| assert!((found - wanted).abs() < 180, "{found} instead of {wanted}");
    close(sun.next_rise(MIDNIGHT).unwrap(), minutes(5, 37));
    close(sun.next_noon(MIDNIGHT), minutes(11, 17));
    close(sun.next_set(MIDNIGHT).unwrap(), minutes(16, 58));
    let noon = sun.position(minutes(11, 17));
    assert!((noon.azimuth - 180.0).abs() < 1.0 && (noon.elevation - 32.6).abs() < 1.0, "{noon:?}");
}

#[test]
fn the_polar_night_has_no_sunrise() {
    let sun = Sun::at_place(78.2, 15.6).unwrap();
    let christmas = MIDNIGHT - 73 * DAY;
    assert_eq!((sun.next_rise(christmas), sun.next_set(christmas)), (None, None));
    assert!(Sun::at_place(91.0, 0.0).is_none() && Sun::at_place(f64::NAN, 0.0).is_none());
}

#[test]
fn the_next_crossing_is_the_first_one_anywhere_and_at_any_time() {
    for latitude in [-78.0, -66.0, -54.8, -33.9, -1.3, 0.0, 23.4, 40.4, 52.5, 64.1, 67.0, 69.6] {
        let sun = Sun::at_place(latitude, latitude * 2.0).unwrap();
        for step in 0..30 {
            // Through the day and the year.
            let time = MIDNIGHT + step * (12 * DAY + 5 * 3600 + 7);
            for (rises, crossing) in [(true, sun.next_rise(time)), (false, sun.next_set(time))] {
                let is_crossed = |at: i64| sun.is_up(at - 30) != rises && sun.is_up(at + 30) == rises;
                let end = crossing.unwrap_or(time + 47 * 3600);
                let earlier = (time + 60..end - 60).step_by(60).find(|at| is_crossed(*at));
                assert_eq!(earlier, None, "at {latitude} after {time}: {crossing:?}");
                if let Some(crossing) = crossing {
                    assert!(crossing > time && is_crossed(crossing), "at {latitude} after {time}: {crossing}");
                }
            }
        }
    }
}
