//! Parsing the texts of values.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use isems_core::{Field, RejectReason};
use jiff::{SignedDuration, Span};

pub(super) fn database_path(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("redb:").unwrap_or(text);
    if let Some(old) = text.strip_prefix("sqlite:") {
        let old = old.strip_prefix("///").unwrap_or(old);
        return Err(format!(
            "this is the database of the Python collector; name a new file, such as isems.redb, and import the old one \
             once: isems-server import {old} --database-url isems.redb"
        ));
    }
    match path.split_once("://") {
        _ if path.is_empty() => Err("expected a path, such as isems.redb".into()),
        Some((scheme, _)) => Err(format!("unknown kind of database {scheme}:; expected a path or redb:PATH")),
        None => Ok(path.into()),
    }
}

/// Parses a duration such as `15m`, `90s` or `1h 30m`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 90s, 15m or 1h".to_owned();
    if let Ok(seconds) = text.trim().parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    duration.try_into().map_err(|_| expected())
}

pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < Duration::from_secs(1) { Err("expected at least 1s".into()) } else { Ok(duration) }
}

pub(super) fn short_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration > Duration::from_mins(1) { Err("expected at most 1m".into()) } else { Ok(duration) }
}

/// Parses a retention period such as `90d`, `18 months` or `5y`. A year has 365.25 days, and a month is a twelfth of
/// that.
pub(super) fn retention(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    const YEAR: f64 = 365.25 * DAY;
    let span: Span = text.parse().map_err(|_| "expected a duration such as 90d, 18 months or 5y")?;
    let seconds = f64::from(span.get_years()) * YEAR
        + f64::from(span.get_months()) * (YEAR / 12.0)
        + f64::from(span.get_weeks()) * (7.0 * DAY)
        + f64::from(span.get_days()) * DAY
        + f64::from(span.get_hours()) * 3600.0
        + span.get_minutes() as f64 * 60.0
        + span.get_seconds() as f64;
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if duration < Duration::from_hours(7 * 24) {
        return Err("expected at least 1w; m is minutes, mo months".into());
    }
    Ok(duration)
}

/// Parses a number of bytes such as `4GB` (4,000,000,000) or `500MiB` (500 * 1,048,576).
pub(super) fn retention_size(text: &str) -> Result<u64, String> {
    let bytes = text.trim().parse().map_or(0, |ByteSize(bytes)| bytes);
    if (1_000_000..1_000_000_000_000_000_000).contains(&bytes) {
        Ok(bytes)
    } else {
        Err("expected a size of at least 1MB, such as 500MiB or 4GB".into())
    }
}

pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an address and a port, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000";
    text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| expected.into())
}

pub(super) fn origin(text: &str) -> Result<String, String> {
    let is_origin = text
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
    let ascii = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text == "*" || is_origin && ascii {
        Ok(text.into())
    } else {
        Err("expected * or an origin such as https://map.example.org".into())
    }
}

/// Parses the stable code of a reason.
pub(crate) fn reject_reason() -> impl TypedValueParser<Value = RejectReason> {
    let reason = |code: String| RejectReason::ALL.into_iter().find(|reason| reason.code() == code);
    PossibleValuesParser::new(RejectReason::ALL.map(RejectReason::code))
        .try_map(move |code| reason(code).ok_or("not a reason"))
}

/// Parses the name of a measurement's field.
pub(crate) fn field() -> impl TypedValueParser<Value = Field> {
    PossibleValuesParser::new(Field::ALL.map(Field::name)).try_map(|name| Field::from_name(&name).ok_or("not a field"))
}
