//! Sunrise and sunset of the days of a mesh, worked out once for all its nodes.

use std::f64::consts::PI;

use crate::Sun;

const DAY: i64 = 86_400;

/// The days of a mesh, by mean solar time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Daylight {
    sun: Sun,
    first: i64,
    /// Sunrise and sunset, Unix seconds, UTC. `None` in the polar day and night.
    days: Vec<Option<(i64, i64)>>,
}

impl Daylight {
    /// Works out the days from one time to another, Unix seconds, UTC.
    pub(super) fn between(sun: Sun, from: i64, to: i64) -> Self {
        let (first, last) = (solar_day(from, sun), solar_day(to, sun));
        let midnight = |day: i64| day * DAY - sun.ahead_of_utc();
        let day = |day: i64| {
            let rise = sun.next_rise(midnight(day))?;
            let set = sun.next_set(rise)?;
            (set < midnight(day + 1)).then_some((rise, set))
        };
        Self { sun, first, days: (first..=last).map(day).collect() }
    }

    /// Returns the number of the day of a time.
    pub(crate) fn day_of(&self, time: i64) -> i64 {
        solar_day(time, self.sun)
    }

    /// Returns noon of a day by mean solar time, Unix seconds, UTC.
    pub(crate) fn noon(&self, day: i64) -> i64 {
        day * DAY + DAY / 2 - self.sun.ahead_of_utc()
    }

    /// Returns the share of a clear day's sunshine that falls from one time of it to another. The sun's height is taken
    /// as half a wave from sunrise to sunset.
    pub(crate) fn share(&self, from: i64, to: i64) -> Option<f64> {
        let (rise, set) = self.day(self.day_of(from))?;
        let until = |time: i64| {
            let part = (time - rise) as f64 / (set - rise).max(1) as f64;
            0.5 - 0.5 * (PI * part.clamp(0.0, 1.0)).cos()
        };
        Some(until(to) - until(from))
    }

    fn day(&self, day: i64) -> Option<(i64, i64)> {
        let index = usize::try_from(day - self.first).ok()?;
        self.days.get(index).copied().flatten()
    }
}

/// Returns the number of the day since 1970 of a time, by mean solar time.
pub(crate) fn solar_day(time: i64, sun: Sun) -> i64 {
    (time + sun.ahead_of_utc()).div_euclid(DAY)
}
