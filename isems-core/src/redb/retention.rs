//! The removal of old measurements.

use std::time::Duration;

use jiff::{SignedDuration, Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::size::Size;

const DAY_SECONDS: f64 = 86_400.0;

const YEAR_SECONDS: f64 = 365.25 * DAY_SECONDS;

/// The limits beyond which measurements are removed automatically, oldest first. By default nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Weeks that ended longer ago than this are removed. "Now" is the newest measurement of any node or the computer's
    /// clock, whichever is earlier, so that neither a computer without a clock nor a node in the future removes
    /// anything.
    ///
    /// In settings it is text such as `90d`, `18 months` or `5y`, of at least a week. A year has 365.25 days, a month a
    /// twelfth of that; `m` is minutes, `mo` months.
    #[serde(
        serialize_with = "serialize_age",
        deserialize_with = "deserialize_age",
        skip_serializing_if = "Option::is_none"
    )]
    pub age: Option<Duration>,
    /// While more bytes than this are [live](super::Statistics::live_bytes), the oldest sealed week of all nodes is
    /// removed along with everything older. The newest week stays, however large it is.
    ///
    /// In settings it is a number of bytes or text such as `500MiB` or `4GB`, at least 1 MB.
    #[serde(deserialize_with = "deserialize_bytes", skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn serialize_age<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let age = age.map(|age| SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX));
    age.map(|age| format!("{age:#}")).serialize(serializer)
}

fn deserialize_age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let invalid = |expected| de::Error::custom(format_args!("invalid age {text:?}: expected {expected}"));
    let span: Span = text.parse().map_err(|_| invalid("a duration such as 90d, 18 months or 5y"))?;
    let seconds = f64::from(span.get_years()) * YEAR_SECONDS
        + f64::from(span.get_months()) * (YEAR_SECONDS / 12.0)
        + f64::from(span.get_weeks()) * (7.0 * DAY_SECONDS)
        + f64::from(span.get_days()) * DAY_SECONDS
        + f64::from(span.get_hours()) * 3600.0
        + span.get_minutes() as f64 * 60.0
        + span.get_seconds() as f64;
    let age = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if age < Duration::from_hours(7 * 24) {
        return Err(invalid("at least 1w; m is minutes, mo months"));
    }
    Ok(Some(age))
}

fn deserialize_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Size(bytes) = Size::deserialize(deserializer)?;
    if !(1_000_000..1_000_000_000_000_000_000).contains(&bytes) {
        let message = format_args!("invalid size {bytes}: expected a size of at least 1MB, such as 500MiB or 4GB");
        return Err(de::Error::custom(message));
    }
    Ok(Some(bytes))
}
