//! The nights of a place.

use std::ops::Range;

use isems_insight::Sun;

const DAY: i64 = 86_400;

/// Returns the nights in a range of times, from sunset to sunrise, Unix seconds, UTC. They are cut off where the range
/// begins and ends.
pub fn nights(sun: &Sun, range: Range<i64>) -> Vec<Range<i64>> {
    let mut nights = Vec::new();
    let mut time = range.start;
    while time < range.end {
        if sun.is_up(time) {
            // In the polar day there is none for two days.
            time = sun.next_set(time).unwrap_or(time + 2 * DAY);
        } else {
            let end = sun.next_rise(time).unwrap_or(time + 2 * DAY).min(range.end);
            match nights.last_mut() {
                Some(Range { end: last, .. }) if *last == time => *last = end,
                _ => nights.push(time..end),
            }
            time = end;
        }
    }
    nights
}
