//! Measured times in the forms in which they arrive.

use jiff::Timestamp;

use super::value;

/// Reads whole Unix seconds; a fraction, as some Lua builds print it, is cut off.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let seconds = value::number(text).ok().flatten()?;
    Some(seconds.floor() as i64)
}

/// Reads Unix seconds, or a time with its offset (RFC 3339). A fraction of a second is cut off.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let moment = || text.parse().ok().map(|time: Timestamp| time.as_nanosecond().div_euclid(1_000_000_000) as i64);
    unix_seconds(text).or_else(moment)
}
