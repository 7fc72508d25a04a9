//! The values of settings and arguments.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use isems_core::{Field, RejectReason};
use reqwest::Url;
use serde::{Deserialize, Deserializer, de};

pub(super) fn database_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if let Some(old) = text.strip_prefix("sqlite:") {
        let old = old.strip_prefix("///").unwrap_or(old);
        return Err(de::Error::custom(format_args!(
            "this is the database of the Python collector (sqlite:); name a new file, such as isems.redb, and import \
             the old one once: isems-server import {old} --database-url isems.redb"
        )));
    }
    let path = text.strip_prefix("redb:").unwrap_or(&text);
    match path.split_once("://") {
        _ if path.is_empty() => Err(de::Error::custom("expected a path, such as isems.redb")),
        Some((scheme, _)) => {
            Err(de::Error::custom(format_args!("unknown kind of database {scheme}:; expected a path or redb:PATH")))
        }
        None => Ok(Some(path.into())),
    }
}

pub(super) fn socket_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let address = text.trim().to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    address.ok_or_else(|| {
        de::Error::custom(format_args!(
            "invalid address {text:?}: expected an address and a port, such as 127.0.0.1:5000, 0.0.0.0:5000 or \
             [::1]:5000"
        ))
    })
}

pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    match origins.iter().find(|text| !is_origin(text)) {
        Some(text) => Err(de::Error::custom(format_args!(
            "invalid origin {text:?}: expected * or an origin such as https://map.example.org"
        ))),
        None => Ok(origins),
    }
}

fn is_origin(text: &str) -> bool {
    let has_host = text
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
    text == "*" || has_host && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads the address at which people reach the service. A blank one counts as unset.
pub(super) fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let trimmed = text.trim().trim_end_matches('/');
    if trimmed.is_empty() {
        return Ok(None);
    }
    match Url::parse(trimmed) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none() => {
            Ok(Some(trimmed.into()))
        }
        _ => Err(de::Error::custom(format_args!(
            "invalid address {text:?}: expected one such as https://isems.example.org or http://10.36.0.1:5000"
        ))),
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
