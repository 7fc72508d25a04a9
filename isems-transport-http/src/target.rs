//! The address of a log that is polled.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where a router keeps its log.
const DEFAULT_PATH: &str = "/ISEMS/ffopenmppt.log";

/// The log that a router compresses to an archive beside it when it has become long.
const ROTATING_NAME: &str = "ffopenmppt.log";

/// The address of a log that is polled.
///
/// It is read from a host or address with or without a port, which means the log of a router on it, or from an `http://` or
/// `https://` URL. A URL without a path means a router's log as well.
///
/// A URL may have a user name and a password for basic authentication. They are sent to the node and shown nowhere: the
/// text form, which is also what is serialized, lacks them.
///
/// ```
/// use isems_transport_http::Target;
/// let router: Target = "10.0.0.7".parse()?;
/// assert_eq!(router.to_string(), "http://10.0.0.7/ISEMS/ffopenmppt.log");
/// let board: Target = "http://admin:secret@board.mesh:8080/csv.log".parse()?;
/// assert_eq!(board.to_string(), "http://board.mesh:8080/csv.log");
/// # Ok::<(), isems_transport_http::InvalidTarget>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// With credentials.
    url: Url,
    /// Without.
    text: String,
}

impl Target {
    /// The URL, without credentials.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL, with credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Where the log's archive is, with credentials, when the log is one of those that are rotated.
    pub(crate) fn archive_url(&self) -> Option<Url> {
        let name = self.url.path_segments()?.next_back()?;
        (name == ROTATING_NAME).then(|| {
            let mut url = self.url.clone();
            url.set_path(&format!("{}.gz", self.url.path()));
            url
        })
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = if text.contains("://") { parse_url(text) } else { parse_address(text) };
        let mut url = url.map_err(|reason| InvalidTarget { value: without_credentials(text), reason })?;
        if url.path() == "/" {
            url.set_path(DEFAULT_PATH);
        }
        url.set_fragment(None);
        let mut public = url.clone();
        // These fail only for URLs that cannot have a host.
        let _ = public.set_username("");
        let _ = public.set_password(None);
        Ok(Self { url, text: public.into() })
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" if url.port() == Some(0) => Err("port 0 cannot be connected to".into()),
        "http" | "https" => Ok(url),
        scheme => Err(format!("scheme {scheme:?} is not supported")),
    }
}

fn parse_address(text: &str) -> Result<Url, String> {
    if text.contains(['/', '?', '#', '@', '\\']) {
        return Err("an address has neither path nor user".into());
    }
    if text.contains('%') {
        return Err("an address cannot have a zone".into());
    }
    if text.ends_with(':') {
        return Err("the port is missing".into());
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return parse_url(&format!("http://[{text}]"));
    }
    let url = parse_url(&format!("http://{text}"))?;
    let host = url.host_str().unwrap_or_default();
    if host.parse::<Ipv4Addr>().is_ok() && text.split(':').next() != Some(host) {
        return Err("an IPv4 address has four decimal numbers".into());
    }
    Ok(url)
}

/// A text as it may be shown, whether it can be parsed or not.
fn without_credentials(text: &str) -> String {
    let Some((user, host)) = text.rsplit_once('@') else { return text.into() };
    let scheme = user.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}...@{host}")
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Target").field(&self.text).finish()
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that is no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid target {value:?}: {reason}; expected an address such as 10.0.0.7, node.mesh:8080 or [fd00::7], \
     or a URL such as http://node.mesh/csv.log"
)]
pub struct InvalidTarget {
    value: String,
    reason: String,
}
