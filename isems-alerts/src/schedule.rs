//! Times of day: quiet hours, and when a digest is due.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The names of the days of the week.
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A time that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid time {text:?}: expected {expected}")]
pub struct InvalidTime {
    text: String,
    expected: &'static str,
}

/// Parses a time of day such as `7:00` or `22:30`.
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Returns a moment, Unix seconds, UTC, in a time zone.
pub(crate) fn local(at: i64, zone: &TimeZone) -> ZonedDateTime {
    ZonedDateTime::new(Timestamp::from_second(at).unwrap_or(Timestamp::MAX), zone.clone())
}

/// A part of each day, by the clock on the wall. It may reach over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    to: Time,
}

impl QuietHours {
    /// Returns whether a moment, Unix seconds, UTC, lies in them.
    pub fn contain(&self, at: i64, zone: &TimeZone) -> bool {
        let time = local(at, zone).time();
        if self.from <= self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }
}

impl FromStr for QuietHours {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let parsed = text.split_once('-').and_then(|(from, to)| Some((time_of_day(from)?, time_of_day(to)?)));
        let parsed = parsed.filter(|(from, to)| from != to);
        parsed
            .map(|(from, to)| Self { from, to })
            .ok_or_else(|| InvalidTime { text: text.into(), expected: "two times of day, such as 22:00-07:00" })
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(formatter, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
    }
}

/// The time of a regular report: each day, or each week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestTime {
    weekday: Option<Weekday>,
    time: Time,
}

impl DigestTime {
    /// Returns the date of the report that is due at a moment, Unix seconds, UTC, given the date of the last one. A
    /// report that is more than half a day late is left out.
    pub fn due(&self, at: i64, zone: &TimeZone, last: Option<Date>) -> Option<Date> {
        let now = local(at, zone);
        let date = now.date();
        let is_its_day = self.weekday.is_none_or(|weekday| weekday == date.weekday());
        let late = now.time().hour() - self.time.hour();
        (is_its_day && now.time() >= self.time && late < 12 && last.is_none_or(|last| last < date)).then_some(date)
    }
}

impl FromStr for DigestTime {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let trimmed = text.trim();
        let (weekday, time) = match trimmed.split_once(' ') {
            Some((day, time)) => {
                let day = day.to_lowercase();
                (WEEKDAYS.into_iter().find(|(name, _)| *name == day).map(|(_, weekday)| Some(weekday)), time)
            }
            None => (Some(None), trimmed),
        };
        let parsed = weekday.and_then(|weekday| Some(Self { weekday, time: time_of_day(time)? }));
        parsed.ok_or_else(|| InvalidTime { text: text.into(), expected: "a time of day, such as 18:00 or mon 08:00" })
    }
}

impl fmt::Display for DigestTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = WEEKDAYS.into_iter().find(|(_, weekday)| Some(*weekday) == self.weekday) {
            write!(formatter, "{name} ")?;
        }
        write!(formatter, "{:02}:{:02}", self.time.hour(), self.time.minute())
    }
}

/// Makes a type that is parsed from text readable and writable as text.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

as_text!(QuietHours);
as_text!(DigestTime);
