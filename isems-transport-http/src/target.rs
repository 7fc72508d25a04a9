//! The addresses of the logs to poll.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};

use percent_encoding::percent_decode_str;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::HttpConfig;

/// The path at which a router keeps its log.
const DEFAULT_PATH: &str = "/ISEMS/ffopenmppt.log";

/// The log that a router compresses into an archive beside it once it has grown long.
const ROTATING_NAME: &str = "ffopenmppt.log";

/// The address of a log to poll.
///
/// It is parsed from a host or address with an optional port, meaning a router's log on that host, or from an `http://`
/// or `https://` URL. A URL without a path means a router's log, too.
///
/// A URL may contain a user name and password for basic authentication. They are sent to the node and shown nowhere
/// else: the text form, which is also the serialized form, omits them.
///
/// Settings for this target alone can follow a `#`, joined by `&` and percent-encoded if necessary: `timeout` (the
/// limit for one request) and `interval` (between polls), each a number of seconds or with a unit as in `30s`, `5m` or
/// `2h`; and any number of `header`s, such as `header=X-Key:%20s3cret`, which are sent with each request. The text form
/// omits these as well.
///
/// It is deserialized from such a text, or from a map of `url`, `timeout`, `interval` and `headers`, whose names and
/// values need no encoding.
///
/// ```
/// use isems_transport_http::Target;
/// let router: Target = "10.0.0.7".parse()?;
/// assert_eq!(router.to_string(), "http://10.0.0.7/ISEMS/ffopenmppt.log");
/// let board: Target = "http://admin:secret@board.mesh:8080/csv.log".parse()?;
/// assert_eq!(board.to_string(), "http://board.mesh:8080/csv.log");
/// let slow: Target = "10.0.0.9#timeout=5m&interval=1h&header=X-Key:s3cret".parse()?;
/// assert_eq!(slow.to_string(), "http://10.0.0.9/ISEMS/ffopenmppt.log");
/// # Ok::<(), isems_transport_http::InvalidTarget>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// With credentials.
    url: Url,
    /// Without credentials.
    text: String,
    settings: TargetSettings,
}

/// Settings of one target.
#[derive(Clone, Default, PartialEq, Eq)]
struct TargetSettings {
    timeout: Option<Duration>,
    interval: Option<Duration>,
    headers: HeaderMap,
}

impl Target {
    /// Returns the URL without credentials.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URL with credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns this target's own limit for one request, if it has one.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.settings.timeout
    }

    /// Returns this target's own interval between polls, if it has one.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.settings.interval
    }

    /// Returns the headers sent to this target.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.settings.headers
    }

    /// Returns the URL of the log's archive, with credentials, if the log is one that is rotated.
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
        let (address, settings) = text.split_once('#').unwrap_or((text, ""));
        if settings.contains('@') && !address.contains('@') {
            let reason = "its user or password contains a `#`: write it as %23".into();
            return Err(InvalidTarget { value: "...".into(), reason });
        }
        let invalid = |reason| InvalidTarget { value: without_credentials(address), reason };
        let settings = TargetSettings::parse(settings).map_err(invalid)?;
        let url = if address.contains("://") { parse_url(address) } else { parse_address(address) };
        let mut url = url.map_err(invalid)?;
        if url.path() == "/" {
            url.set_path(DEFAULT_PATH);
        }
        let mut public = url.clone();
        // These fail only for URLs that cannot have a host.
        let _ = public.set_username("");
        let _ = public.set_password(None);
        Ok(Self { url, text: public.into(), settings })
    }
}

impl TargetSettings {
    /// Parses the part after the `#`. Errors contain no values, which can be secrets.
    fn parse(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for setting in text.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let value =
                percent_decode_str(value).decode_utf8().map_err(|_| format!("its {name} is not valid UTF-8"))?;
            match name {
                "timeout" => settings.timeout = Some(duration("timeout", &value)?),
                "interval" => settings.interval = Some(duration("interval", &value)?),
                "header" => {
                    let (name, value) = value.split_once(':').unwrap_or_default();
                    settings.add_header(name, value)?;
                }
                name => return Err(format!("it has no setting {name:?}, only timeout, interval and header")),
            }
        }
        Ok(settings)
    }

    fn add_header(&mut self, name: &str, value: &str) -> Result<(), String> {
        let invalid = "its header is not of the form X-Key:secret";
        let name = HeaderName::from_str(name.trim()).map_err(|_| invalid)?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| invalid)?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(())
    }
}

fn duration(name: &str, text: &str) -> Result<Duration, String> {
    let duration = isems_core::duration::parse(text).map_err(|error| error.to_string());
    duration.and_then(HttpConfig::checked).map_err(|error| format!("its {name} is an {error}"))
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

/// Redacts a text for display, whether or not it can be parsed.
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
        deserializer.deserialize_any(TargetVisitor)
    }
}

struct TargetVisitor;

/// A target as a table. Its settings take precedence over those after the `#` of its URL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetTable {
    url: String,
    #[serde(default)]
    timeout: Option<TargetDuration>,
    #[serde(default)]
    interval: Option<TargetDuration>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// A duration within the allowed range.
struct TargetDuration(Duration);

impl<'de> Deserialize<'de> for TargetDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let duration = isems_core::duration::deserialize(deserializer)?;
        HttpConfig::checked(duration).map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Visitor<'de> for TargetVisitor {
    type Value = Target;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an address, a URL, or a table of url, timeout, interval and headers")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
        let table = TargetTable::deserialize(MapAccessDeserializer::new(map))?;
        let mut target: Target = table.url.parse().map_err(de::Error::custom)?;
        let settings = &mut target.settings;
        let own = |time: Option<TargetDuration>| time.map(|TargetDuration(duration)| duration);
        settings.timeout = own(table.timeout).or(settings.timeout);
        settings.interval = own(table.interval).or(settings.interval);
        for (name, value) in table.headers {
            settings.add_header(&name, &value).map_err(de::Error::custom)?;
        }
        Ok(target)
    }
}

/// A text that is not a valid [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid target {value:?}: {reason}; expected an address such as 10.0.0.7, node.mesh:8080 or [fd00::7], \
     or a URL such as http://node.mesh/csv.log"
)]
pub struct InvalidTarget {
    value: String,
    reason: String,
}
