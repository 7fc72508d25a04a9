//! Times as people enter them, and as they are written.

use std::{fmt, ops::Range, str::FromStr};

use isems_core::unix_now;
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};
use serde::{Serialize, Serializer};

/// The range of seconds in which measurements can lie.
pub(crate) const EVER: Range<i64> = 0..1 << 32;

/// Returns a time zone from the built-in data.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("unknown time zone {name}; expected a name such as Europe/Berlin or UTC"))
}

/// A time as entered by a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Unix seconds, UTC.
    Second(i64),
    /// A wall-clock time in an accompanying time zone. A day stands for its midnight.
    Local(DateTime),
    /// A number of seconds before now.
    Ago(i64),
}

impl Moment {
    /// Returns the time in Unix seconds, UTC; local times are those of the given time zone.
    pub(crate) fn second(self, zone: &TimeZone) -> Result<i64, String> {
        match self {
            Self::Second(second) => Ok(second),
            // A time that the clocks skip becomes as much later as they skip; for one that occurs twice, the first is
            // taken.
            Self::Local(time) => {
                let timestamp = zone.to_ambiguous_timestamp(time).compatible();
                timestamp.map(whole_second).map_err(|error| format!("{time}: {error}"))
            }
            Self::Ago(seconds) => Ok(unix_now().saturating_sub(seconds)),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    /// Accepts only unambiguous forms: dates have two dashes, Unix seconds ten digits, and times relative to now a sign
    /// and a unit. A time without an offset is local.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digits = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        let second = if is_digits { text.parse().ok().map(Self::Second) } else { None };
        second.or_else(|| ago(text).map(Self::Ago)).or_else(|| dated(text)).ok_or(
            "expected a time such as 2026-05-01T12:00:00+02:00, 2026-05-01T12:00:00Z or 2026-05-01 12:00, a day such as \
             2026-05-01, Unix seconds of ten digits, now, or an age such as -90m, -24h or -7d",
        )
    }
}

/// Rounds a time up to a whole second, because measurements have whole seconds.
fn whole_second(time: Timestamp) -> i64 {
    time.as_second() + i64::from(time.subsec_nanosecond() > 0)
}

/// Parses a day, or a day with a time, with or without an offset.
fn dated(text: &str) -> Option<Moment> {
    let (day, time) = text.split_at_checked(10)?;
    let is_dashed = day.bytes().filter(|byte| *byte == b'-').count() == 2;
    let day: Date = day.parse().ok().filter(|_| is_dashed)?;
    if time.is_empty() {
        return Some(Moment::Local(day.into()));
    }
    let clock = time.strip_prefix(['T', 't', ' '])?;
    // A plus that is not escaped in a query string arrives as a space.
    let clock = match clock.split_once(' ') {
        Some((_, "")) => return None,
        Some((clock, offset)) if offset.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("{clock}+{offset}")
        }
        Some((clock, offset)) => format!("{clock}{offset}"),
        None => clock.into(),
    };
    let text = format!("{day}T{clock}");
    let is_local = clock.bytes().all(|byte| byte.is_ascii_digit() || b":.,".contains(&byte));
    if is_local {
        text.parse().ok().map(Moment::Local)
    } else {
        text.parse().ok().map(whole_second).map(Moment::Second)
    }
}

/// Parses `now`, `-90m` and the like to a number of seconds before now.
fn ago(text: &str) -> Option<i64> {
    if text == "now" {
        return Some(0);
    }
    let (number, unit) = text.strip_prefix('-')?.split_at_checked(text.len() - 2)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let is_number = (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse::<i64>().ok()).flatten().map(|number| number * seconds)
}

/// A second in a time zone. It is formatted as RFC 3339, with `Z` in UTC and the offset at that time elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Time<'a> {
    pub(crate) second: i64,
    pub(crate) zone: &'a TimeZone,
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
