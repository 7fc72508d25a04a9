//! The address of tiles on another host.

use std::str::FromStr;

use isems_core::BoxError;
use poem::http::{Uri, uri::Authority};

/// The placeholders for the zoom and the number of a tile.
const PLACEHOLDERS: [&str; 3] = ["{z}", "{x}", "{y}"];

/// The address of a tile with `{z}`, `{x}` and `{y}` in place of its zoom and number.
#[derive(Debug)]
pub(super) struct TileAddress {
    text: String,
    /// Scheme, host and port. It consists of letters that mean nothing in a content security policy.
    origin: String,
}

impl TileAddress {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn host(&self) -> &str {
        self.origin.split_once("://").map_or(&*self.origin, |(_, host)| host)
    }
}

impl FromStr for TileAddress {
    type Err = BoxError;

    fn from_str(text: &str) -> Result<Self, BoxError> {
        let mut example = text.to_owned();
        for placeholder in PLACEHOLDERS {
            if text.matches(placeholder).count() != 1 {
                return Err(format!("expected {placeholder} once, as in https://host/{{z}}/{{x}}/{{y}}.png").into());
            }
            example = example.replace(placeholder, "0");
        }
        if example.contains(['{', '}']) {
            return Err(
                "expected no braces but {z}, {x} and {y}; name one host, and tiles that count from the north".into()
            );
        }
        let uri: Uri = example.parse()?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let scheme = scheme.ok_or("expected http:// or https://")?;
        let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(is_plain) {
            return Err("expected a host, with a port if need be, and no user".into());
        }
        let origin = format!("{scheme}://{authority}");
        if !text.starts_with(&origin) {
            return Err("expected {z}, {x} and {y} in the path, not in the host".into());
        }
        Ok(Self { text: text.into(), origin })
    }
}
