//! The address of a broker, with the login if it needs one.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The address of a broker, with the credentials to log in with.
///
/// It is parsed from `host`, `host:port`, `mqtt://user:password@host:port` or, with TLS,
/// `mqtts://user:password@host:port`. Everything but the host is optional; the default port is 1883, or 8883 with TLS.
/// An IPv6 address is put in brackets. User and password may be percent-encoded, and a `%` must be (`%25`).
///
/// Its text form is `mqtt://host:port` or `mqtts://host:port`: the credentials never appear in text, whether displayed,
/// debugged or serialized. A broker that is serialized and read again has therefore lost them.
///
/// ```
/// use isems_transport_mqtt::Broker;
/// let broker: Broker = "mqtts://collector:s3cret@mesh.example".parse()?;
/// assert_eq!(broker.to_string(), "mqtts://mesh.example:8883");
/// # Ok::<(), isems_transport_mqtt::InvalidBroker>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Broker {
    is_encrypted: bool,
    host: String,
    port: u16,
    login: Option<Login>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Broker {
    /// Returns the host: a name or an address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the connection is encrypted by TLS.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl Default for Broker {
    /// `mqtt://localhost:1883`.
    fn default() -> Self {
        Self { is_encrypted: false, host: "localhost".into(), port: 1883, login: None }
    }
}

impl FromStr for Broker {
    type Err = InvalidBroker;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| InvalidBroker { text: without_secrets(text), problem })
    }
}

fn parse(text: &str) -> Result<Broker, &'static str> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("mqtt", text));
    let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
        "mqtt" => false,
        "mqtts" => true,
        _ => return Err("its scheme is neither mqtt nor mqtts"),
    };
    let (login, address) = match rest.rsplit_once('@') {
        Some((login, address)) => (Some(parse_login(login)?), address),
        None => (None, rest),
    };
    let (host, port) = split_port(address.strip_suffix('/').unwrap_or(address))?;
    let port = match port {
        None if is_encrypted => 8883,
        None => 1883,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err("its port is no number from 1 to 65535"),
            Ok(port) => port,
        },
    };
    Ok(Broker { is_encrypted, host: host.into(), port, login })
}

fn parse_login(text: &str) -> Result<Login, &'static str> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decoded = |text| match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.len() > usize::from(u16::MAX) => Err("its user or password is longer than 65535 bytes"),
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err("its user or password is no UTF-8"),
    };
    let login = Login { user: decoded(user)?, password: decoded(password)? };
    if login.user.is_empty() { Err("its user is empty") } else { Ok(login) }
}

/// Returns the host without brackets, and the port as text.
fn split_port(address: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
        let without_zone = host.split_once('%').map_or(host, |(address, _)| address);
        without_zone.parse::<Ipv6Addr>().map_err(|_| "what stands in its brackets is no IPv6 address")?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("only a port can follow the brackets"),
        };
    }
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    if host.is_empty() {
        Err("its host is missing")
    } else if port.is_some_and(|port| port.contains(':')) {
        Err("an IPv6 address must stand in brackets")
    } else if host.chars().any(|c| c.is_whitespace() || c.is_control() || "/?#[]\\".contains(c)) {
        Err("its host has a character that a host cannot have")
    } else {
        Ok((host, port))
    }
}

/// Returns the text without credentials, and without anything in place of the port that is not a port: credentials look
/// like that when their host was forgotten.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['@', ':']) => (format!("{scheme}://"), rest),
        _ => (String::new(), text),
    };
    let (login, address) = match rest.rsplit_once('@') {
        Some((_, address)) => ("***@", address),
        None => ("", rest),
    };
    let parts = if address.starts_with('[') { address.rsplit_once(':') } else { address.split_once(':') };
    match parts {
        Some((host, port)) if !port.chars().all(|c| c.is_ascii_digit() || c == ']') => {
            format!("{scheme}{login}{host}:***")
        }
        _ => format!("{scheme}{login}{address}"),
    }
}

/// The error for a text that is not a [`Broker`]. It does not reveal credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid broker {text:?}: {problem}; expected host, host:port, mqtt://user:password@host:port or \
     mqtts://user:password@host:port"
)]
pub struct InvalidBroker {
    text: String,
    problem: &'static str,
}

impl fmt::Display for Broker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            write!(formatter, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Broker({self}, {} login)", if self.login.is_some() { "with" } else { "without" })
    }
}

impl TryFrom<String> for Broker {
    type Error = InvalidBroker;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Broker> for String {
    fn from(broker: Broker) -> Self {
        broker.to_string()
    }
}
