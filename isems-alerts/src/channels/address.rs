//! Addresses of channels.

use std::{borrow::Cow, fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{command, email, mqtt, ntfy};

/// The address of a channel, with what it takes to use it.
///
/// | address | channel |
/// |---|---|
/// | `ntfys://TOKEN@HOST/TOPIC` | a topic of an ntfy server; `ntfy://` without TLS |
/// | `smtp://USER:PASSWORD@HOST/?from=A@B&to=C@D` | e-mail by STARTTLS; `smtps://` by TLS from the start |
/// | `webhook+https://HOST/PATH` | an HTTP request; `webhook+http://` without TLS |
/// | `mqtts://USER:PASSWORD@HOST/PREFIX` | topics of an MQTT broker; `mqtt://` without TLS |
/// | `exec:/PATH` | a program |
///
/// What has a meaning in addresses is percent-encoded where it has none, for example in passwords.
///
/// Its text form is the scheme, the host and the port, or the path of the program. Nothing else ever appears in text,
/// whether displayed, debugged, serialized or in errors: not only logins, but also topics and paths can be secrets.
///
/// ```
/// use isems_alerts::ChannelAddress;
/// let address: ChannelAddress = "ntfys://tk_s3cret@ntfy.example/roof".parse()?;
/// assert_eq!(address.to_string(), "ntfys://ntfy.example");
/// # Ok::<(), isems_alerts::InvalidAddress>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelAddress {
    scheme: &'static Scheme,
    /// With the scheme `http` or `https` for what is HTTP.
    url: Url,
}

/// The kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ntfy,
    Email,
    Webhook,
    Mqtt,
    Command,
}

/// A user with a password, or a token alone.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Option<String>,
}

impl Login {
    /// Returns what must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        vec![self.password.as_ref().unwrap_or(&self.user).clone()]
    }
}

/// A scheme of addresses.
#[derive(Debug, PartialEq, Eq)]
struct Scheme {
    name: &'static str,
    kind: Kind,
    /// The scheme of the URL that it stands for.
    url: &'static str,
}

/// Every scheme.
static SCHEMES: [Scheme; 9] = [
    Scheme { name: "ntfy", kind: Kind::Ntfy, url: "http" },
    Scheme { name: "ntfys", kind: Kind::Ntfy, url: "https" },
    Scheme { name: "smtp", kind: Kind::Email, url: "smtp" },
    Scheme { name: "smtps", kind: Kind::Email, url: "smtps" },
    Scheme { name: "webhook+http", kind: Kind::Webhook, url: "http" },
    Scheme { name: "webhook+https", kind: Kind::Webhook, url: "https" },
    Scheme { name: "mqtt", kind: Kind::Mqtt, url: "mqtt" },
    Scheme { name: "mqtts", kind: Kind::Mqtt, url: "mqtts" },
    Scheme { name: "exec", kind: Kind::Command, url: "exec" },
];

impl Kind {
    /// Returns the word for channels of this kind.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ntfy => "ntfy",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Mqtt => "mqtt",
            Self::Command => "command",
        }
    }

    /// Returns what an address looks like.
    fn expected(self) -> &'static str {
        match self {
            Self::Ntfy => "ntfys://TOKEN@HOST/TOPIC",
            Self::Email => "smtp://USER:PASSWORD@HOST/?from=A@B&to=C@D",
            Self::Webhook => "webhook+https://HOST/PATH",
            Self::Mqtt => "mqtts://USER:PASSWORD@HOST/PREFIX",
            Self::Command => "exec:/PATH",
        }
    }
}

impl ChannelAddress {
    /// Returns the kind of the channel.
    pub(crate) fn kind(&self) -> Kind {
        self.scheme.kind
    }

    /// Returns the URL, with secrets.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether the connection can be encrypted.
    pub(crate) fn uses_tls(&self) -> bool {
        match self.url.scheme() {
            "https" | "smtps" | "mqtts" => true,
            "smtp" => email::Envelope::parse(&self.url).is_ok_and(|envelope| !envelope.is_plain()),
            _ => false,
        }
    }

    /// Returns the login, if there is one.
    pub(crate) fn login(&self) -> Result<Option<Login>, &'static str> {
        let decoded = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
        let password = self.url.password().map(decoded).transpose();
        match (decoded(self.url.username()), password) {
            (Ok(user), Ok(password)) if !user.is_empty() => Ok(Some(Login { user, password })),
            (Ok(_), Ok(None)) => Ok(None),
            (Ok(_), Ok(Some(_))) => Err("it has a password, but no user"),
            _ => Err("its user, password or token is no UTF-8"),
        }
    }

    /// Checks what the kind of channel requires of its address.
    fn check(&self) -> Result<(), &'static str> {
        self.login()?;
        match self.kind() {
            Kind::Ntfy => ntfy::Topic::parse(&self.url).map(drop),
            Kind::Email => email::Envelope::parse(&self.url).map(drop),
            Kind::Webhook => Ok(()),
            Kind::Mqtt => mqtt::prefix(&self.url).map(drop),
            Kind::Command => command::program(&self.url).map(drop),
        }
    }

    /// Returns the host, with its port if one is given, or the path of the program.
    pub(crate) fn place(&self) -> String {
        match (self.url.host_str(), self.url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.into(),
            (None, _) => self.url.path().into(),
        }
    }
}

impl FromStr for ChannelAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (name, rest) = text.trim().split_once(':').unwrap_or_default();
        let scheme = SCHEMES.iter().find(|scheme| scheme.name.eq_ignore_ascii_case(name));
        let scheme = scheme.ok_or(InvalidAddress {
            problem: "it begins with no known kind of channel",
            expected: "ntfys://TOKEN@HOST/TOPIC, smtp://USER:PASSWORD@HOST/?from=A@B&to=C@D, \
                       webhook+https://HOST/PATH, mqtts://USER:PASSWORD@HOST/PREFIX or exec:/PATH",
        })?;
        let invalid = |problem| InvalidAddress { problem, expected: scheme.kind.expected() };
        if rest.contains('#') {
            return Err(invalid("it contains a `#`: write %23"));
        }
        let url = Url::parse(&format!("{}:{rest}", scheme.url)).map_err(|_| {
            invalid(
                "host or port cannot be read; write / ? # @ and : in user, password or token as %2F %3F %23 %40 %3A",
            )
        })?;
        if scheme.kind != Kind::Command && (!rest.starts_with("//") || url.host_str().is_none_or(str::is_empty)) {
            return Err(invalid("its host is missing"));
        }
        // A login that contains a slash would otherwise be taken for the host, and be shown.
        if url.path().contains('@')
            || scheme.kind != Kind::Email && url.query().is_some_and(|query| query.contains('@'))
        {
            return Err(invalid("an @ follows its host: write it as %40, and a / in user, password or token as %2F"));
        }
        let address = Self { scheme, url };
        address.check().map_err(invalid)?;
        Ok(address)
    }
}

impl fmt::Display for ChannelAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slashes = if self.kind() == Kind::Command { "" } else { "//" };
        write!(formatter, "{}:{slashes}{}", self.scheme.name, self.place())
    }
}

impl fmt::Debug for ChannelAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChannelAddress({self})")
    }
}

impl TryFrom<String> for ChannelAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<ChannelAddress> for String {
    fn from(address: ChannelAddress) -> Self {
        address.to_string()
    }
}

/// A text that is not a [`ChannelAddress`]. It does not contain the text, which can be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid address of a channel: {problem}; expected {expected}")]
pub struct InvalidAddress {
    problem: &'static str,
    expected: &'static str,
}
