//! The wall clock of Europe/Berlin, in which the original collector's API gave its times.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// The moment or moments at which a wall clock shows a time, Unix seconds, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instant {
    /// Once, as for most times.
    Once(i64),
    /// Never: in spring the clock skips an hour.
    Never,
    /// Twice: in autumn an hour of summer time is followed by the same hour of winter time.
    Twice {
        /// In summer time.
        first: i64,
    },
}

/// Berlin's wall clock.
#[derive(Debug, Clone)]
pub(crate) struct Berlin(TimeZone);

impl Berlin {
    /// The time zone from the built-in data.
    pub(crate) fn new() -> Self {
        Self(TimeZone::get("Europe/Berlin").expect("the time zone database is built in"))
    }

    /// Returns the wall clock at a Unix second, which prints as `YYYY-MM-DDTHH:MM:SS`.
    pub(crate) fn wall_clock(&self, second: i64) -> DateTime {
        let timestamp = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        self.0.to_datetime(timestamp)
    }

    /// Returns when the wall clock shows this.
    pub(crate) fn instant(&self, wall_clock: DateTime) -> Instant {
        let second = |offset: Offset| offset.to_timestamp(wall_clock).map_or(i64::MIN, Timestamp::as_second);
        match self.0.to_ambiguous_timestamp(wall_clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => Instant::Once(second(offset)),
            AmbiguousOffset::Gap { .. } => Instant::Never,
            AmbiguousOffset::Fold { before, .. } => Instant::Twice { first: second(before) },
        }
    }
}
