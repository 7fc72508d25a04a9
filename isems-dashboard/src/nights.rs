//! The nights of a place.

use std::ops::Range;

use isems_insight::Sun;

const DAY: i64 = 86_400;

/// Returns the nights in a range of times, from sunset to sunrise, Unix seconds, UTC. They are cut off where the range
/// begins and ends.
pub fn nights(sun: &Sun, range: Range<i64>) -> Vec<Range<i64>> {
    let mut nights: Vec<Range<i64>> = Vec::new();
    let (mut time, mut is_up) = (range.start, sun.is_up(range.start));
    while time < range.end {
        let crossing = if is_up { sun.next_set(time) } else { sun.next_rise(time) };
        // In the polar day and night there is none for two days.
        let until = crossing.unwrap_or(time + 2 * DAY);
        if !is_up {
            let end = until.min(range.end);
            match nights.last_mut() {
                Some(night) if night.end == time => night.end = end,
                _ => nights.push(time..end),
            }
        }
        is_up = if crossing.is_some() { !is_up } else { sun.is_up(until) };
        time = until;
    }
    nights
}
