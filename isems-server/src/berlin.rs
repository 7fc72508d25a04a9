//! The wall clock of Europe/Berlin, in which the original collector's API told its times.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Tells Berlin's wall clock.
#[derive(Debug, Clone)]
pub(crate) struct Berlin(TimeZone);

impl Berlin {
    /// The time zone, from the data that is built in.
    pub(crate) fn new() -> Self {
        Self(TimeZone::get("Europe/Berlin").expect("the time zone database is built in"))
    }

    /// The wall clock at a Unix second, as `YYYY-MM-DDTHH:MM:SS` when printed.
    pub(crate) fn wall_clock(&self, second: i64) -> DateTime {
        let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        self.0.to_datetime(timestamp)
    }
}
