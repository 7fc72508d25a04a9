//! The texts of values.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use isems_core::RejectReason;
use jiff::SignedDuration;

pub(super) fn database_path(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("redb:").unwrap_or(text);
    if text.starts_with("sqlite:") {
        return Err("this is the database of the Python collector, which isems-server cannot open; name a new file, \
                    such as isems.redb, and leave the old one where it is"
            .into());
    }
    match path.split_once("://") {
        _ if path.is_empty() => Err("expected a path, such as isems.redb".into()),
        Some((scheme, _)) => {
            Err(format!("databases of the kind {scheme}: are not known; expected a path or redb:PATH"))
        }
        None => Ok(path.into()),
    }
}

/// A duration such as `15m`, `90s` or `1h 30m`; a bare number is seconds.
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

/// The stable code of a reason.
pub(super) fn reject_reason() -> impl TypedValueParser<Value = RejectReason> {
    let reason = |code: String| RejectReason::ALL.into_iter().find(|reason| reason.code() == code);
    PossibleValuesParser::new(RejectReason::ALL.map(RejectReason::code))
        .try_map(move |code| reason(code).ok_or("it is no reason"))
}
