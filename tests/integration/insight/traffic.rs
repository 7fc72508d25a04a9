//! The traffic of the last minute and hour.

use std::time::{Duration, Instant};

use isems_core::{RejectReason, Totals};
use isems_insight::TrafficRecorder;

fn totals(stored: u64, rejected: u64) -> Totals {
    let mut totals = Totals { stored, ..Totals::default() };
    totals.rejected.add(RejectReason::FieldCount, rejected);
    totals
}

#[test]
fn a_while_is_as_long_as_asked_for_or_as_recording_has_gone_on() {
    let start = Instant::now();
    let mut recorder = TrafficRecorder::new(start, totals(1000, 5));
    let minute = Duration::from_mins(1);
    // Ten measurements and a reject every five seconds, for two hours.
    for turn in 1..=1440_u64 {
        let (now, totals) = (start + Duration::from_secs(5 * turn), totals(1000 + 10 * turn, 5 + turn));
        recorder.sample(now, &totals);
        let last_minute = recorder.last(minute, now, &totals);
        let last_hour = recorder.last(Duration::from_hours(1), now, &totals);
        assert_eq!(last_minute.duration, minute.min(now - start));
        assert_eq!(last_minute.stored, (10 * turn).min(120), "{turn}");
        assert_eq!(last_minute.rejected.of(RejectReason::FieldCount), turn.min(12));
        assert_eq!(last_hour.duration, Duration::from_hours(1).min(now - start));
        assert_eq!(last_hour.stored, (10 * turn).min(7200), "{turn}");
        assert!((last_hour.stored_per_second() - 2.0).abs() < 1e-9);
    }
}

#[test]
fn samples_may_come_often_and_an_instant_is_no_division_by_zero() {
    let start = Instant::now();
    let mut recorder = TrafficRecorder::new(start, totals(0, 0));
    for millisecond in 0..70_000_u64 {
        recorder.sample(start + Duration::from_millis(millisecond), &totals(millisecond, 0));
    }
    let end = start + Duration::from_secs(70);
    let minute = recorder.last(Duration::from_mins(1), end, &totals(70_000, 0));
    assert!((60_000..65_000).contains(&minute.stored), "{minute:?}");
    let nothing = TrafficRecorder::new(start, totals(7, 7)).last(Duration::from_mins(1), start, &totals(8, 7));
    assert_eq!((nothing.stored, nothing.rejected.total()), (1, 0));
    assert!((nothing.stored_per_second() - 1.0).abs() < 1e-9);
}
