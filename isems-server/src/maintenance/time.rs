//! Times as people name them, and as they are written.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use serde::{Serialize, Serializer};

/// A time zone of the data that is built in.
pub(super) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name} is no time zone; expected a name such as Europe/Berlin or UTC"))
}

/// A time that somebody names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Unix seconds, UTC.
    Second(i64),
    /// The midnight with which a day begins.
    Day(Date),
}

impl Moment {
    /// Unix seconds, UTC, in a time zone.
    pub(super) fn second(self, zone: &TimeZone) -> Result<i64, String> {
        match self {
            Self::Second(second) => Ok(second),
            // Where the clocks skip midnight it is the first time of that day.
            Self::Day(day) => day
                .to_zoned_datetime(zone.clone())
                .map(|time| time.timestamp().as_second())
                .map_err(|error| format!("{day}: {error}")),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    /// Only what cannot be mistaken: a day has its two dashes, Unix seconds their ten digits, a time its offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() == 10 {
            let second = if is_digits { text.parse().ok().map(Self::Second) } else { None };
            if let Some(moment) = second.or_else(|| text.parse().ok().map(Self::Day)) {
                return Ok(moment);
            }
        }
        let time: Option<Timestamp> = text.parse().ok();
        // Measurements have whole seconds: those from a fraction on are those from the next second on.
        let second = time.map(|time| time.as_second() + i64::from(time.subsec_nanosecond() > 0));
        second.map(Self::Second).ok_or(
            "expected a time with its offset such as 2026-05-01T12:00:00+02:00, a day such as 2026-05-01, \
             or Unix seconds of ten digits",
        )
    }
}

/// A second in a time zone. Its text is RFC 3339: with `Z` in UTC, with the offset of the moment elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Time<'a> {
    pub(super) second: i64,
    pub(super) zone: &'a TimeZone,
}

impl fmt::Display for Time<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_second(self.second).unwrap_or(Timestamp::MAX);
        if *self.zone == TimeZone::UTC {
            return time.fmt(formatter);
        }
        let offset: Offset = self.zone.to_offset(time);
        time.display_with_offset(offset).fmt(formatter)
    }
}

impl Serialize for Time<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
