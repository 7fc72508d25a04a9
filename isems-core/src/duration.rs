//! Durations in settings: `#[serde(with = "isems_core::duration")]`.
//!
//! They are written as text with units, such as `90s`, `15m` or `1h 30m`, and can also be read from a number of
//! seconds.
//!
//! ```
//! # use std::time::Duration;
//! assert_eq!(isems_core::duration::parse("1h 30m"), Ok(Duration::from_mins(90)));
//! ```

use std::{fmt, time::Duration};

use jiff::SignedDuration;
use serde::{Deserializer, Serializer, de};

/// Parses a duration: text with units, or a number of seconds.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| duration.try_into().ok());
    duration.ok_or_else(|| InvalidDuration { text: text.into() })
}

/// Writes a duration as text with units.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let duration = SignedDuration::try_from(*duration).unwrap_or(SignedDuration::MAX);
    serializer.collect_str(&format_args!("{duration:#}"))
}

/// Reads a duration from text with units or from a number of seconds.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Visitor)
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Duration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration such as 90s, 15m or 1h, or a number of seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
        let invalid = |_| E::custom(InvalidDuration { text: seconds.to_string() });
        Duration::try_from_secs_f64(seconds).map_err(invalid)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
        let invalid = |_| E::custom(InvalidDuration { text: seconds.to_string() });
        seconds.try_into().map(Duration::from_secs).map_err(invalid)
    }
}

/// A text or number that is not a valid duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration {text:?}: expected a duration such as 90s, 15m or 1h")]
pub struct InvalidDuration {
    text: String,
}
