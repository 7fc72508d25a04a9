//! The configuration of alerts: the channels, and what they have in common.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    Channel, ChannelAddress, ChannelOptions, Policy,
    channels::{self, Kind, Secret},
};

/// The maximum length of a name in bytes.
const NAME_BYTES: usize = 64;

/// The configuration of alerts. Everything has a default; without a channel, nobody is told anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// The channels. Default: none.
    pub channels: Vec<ChannelConfig>,
    /// The time that something has to last before people are told. Default: 10 minutes.
    #[serde(with = "isems_core::duration")]
    pub hold: Duration,
    /// The time zone of quiet hours and digests, by its IANA name. Default: that of the system.
    #[serde(with = "time_zone", skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self { channels: Vec::new(), hold: Duration::from_mins(10), time_zone: None }
    }
}

impl AlertsConfig {
    /// Returns the rules that all channels share, given the address at which people reach the server.
    pub fn policy(&self, public_url: Option<&str>) -> Policy {
        Policy {
            hold: self.hold.as_secs() as i64,
            time_zone: self.time_zone.clone().unwrap_or_else(TimeZone::system),
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
        }
    }

    /// Opens the channels. Those without a name get one that no other has.
    pub fn open(&self) -> Result<Vec<Channel>, InvalidChannel> {
        let mut names = BTreeSet::new();
        for name in self.channels.iter().filter_map(|channel| channel.name.clone()) {
            if let Some(name) = names.replace(name) {
                return Err(InvalidChannel(format!("two channels are named {name:?}: rename one of them")));
            }
        }
        let open = |config: &ChannelConfig| {
            let mut name = config.name();
            if config.name.is_none() {
                let (first, mut number) = (name.clone(), 1);
                while !names.insert(name.clone()) {
                    number += 1;
                    name = format!("{first}-{number}");
                }
            }
            ChannelConfig { name: Some(name), ..config.clone() }.open()
        };
        self.channels.iter().map(open).collect()
    }
}

/// The configuration of a [`Channel`].
///
/// It is deserialized from a table with the names of its fields and of those of [`ChannelOptions`], or from a text: the
/// address, followed by a `#` and some of these settings by name, joined by `&` and percent-encoded where necessary.
/// `nodes` and `findings` can occur several times there, and so can `header`, each as `header=X-Key:%20s3cret`.
///
/// ```
/// use isems_alerts::ChannelConfig;
/// let channel: ChannelConfig = "ntfys://tk_s3cret@ntfy.example/roof#language=de&quiet=22:00-07:00".parse()?;
/// assert_eq!(channel.options.quiet.unwrap().to_string(), "22:00-07:00");
/// # Ok::<(), isems_alerts::InvalidChannel>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ChannelConfig {
    /// The name, which no other channel has. What the channel was told is remembered under this name. Default: the kind
    /// with the host, or with the name of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address.
    pub to: ChannelAddress,
    /// The body of a webhook's request, with placeholders. Default: the message as JSON.
    #[serde(default, skip_serializing)]
    pub template: Option<Secret>,
    /// The method of a webhook's request. Default: `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The headers of a webhook's request, by name.
    #[serde(default, skip_serializing)]
    pub headers: BTreeMap<String, Secret>,
    /// The secret that a webhook's requests are signed with. Default: they are not signed.
    #[serde(default, skip_serializing)]
    pub secret: Option<Secret>,
    /// A PEM file with the certificates of the authorities to trust. Default: those that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The choice of what the people are told, and when.
    #[serde(flatten)]
    pub options: ChannelOptions,
}

/// The keys of a channel's table.
const KEYS: [&str; 14] = [
    "name", "to", "template", "method", "headers", "secret", "ca_file", "severity", "nodes", "findings", "language",
    "quiet", "repeat", "digest",
];

impl FromStr for ChannelConfig {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, InvalidChannel> {
        let (to, settings) = text.split_once('#').unwrap_or((text, ""));
        // It would belong to a login whose `#` is not encoded.
        if settings.contains('@') {
            return Err(InvalidChannel(
                "after a #, an @ is written as %40; in a user, password or token, a # is %23".into(),
            ));
        }
        let mut table = Map::from_iter([("to".to_owned(), to.into())]);
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| InvalidChannel(format!("{name} is not valid UTF-8")))?;
            match name {
                "nodes" | "findings" => {
                    if let Value::Array(patterns) = table.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                        patterns.push((&*value).into());
                    }
                }
                "header" => {
                    let (name, value) = value
                        .split_once(':')
                        .ok_or_else(|| InvalidChannel("a header is not of the form X-Key:secret".into()))?;
                    if let Value::Object(headers) = table.entry("headers").or_insert_with(|| Value::Object(Map::new()))
                    {
                        headers.insert(name.trim().into(), value.trim().into());
                    }
                }
                name if KEYS.contains(&name) && name != "to" && name != "headers" => {
                    table.insert(name.into(), (&*value).into());
                }
                _ => {
                    let known = KEYS.map(|key| if key == "headers" { "header" } else { key });
                    let known = known.into_iter().filter(|key| *key != "to").collect::<Vec<_>>().join(", ");
                    return Err(InvalidChannel(format!("unknown setting after the #; known are {known}")));
                }
            }
        }
        Self::of_table(table).map_err(|error| InvalidChannel(error.to_string()))
    }
}

impl ChannelConfig {
    /// Returns the name. If none is given, it is the kind with the host, or with the name of the program.
    pub fn name(&self) -> String {
        let place = self.to.place();
        let of_address = || format!("{}-{}", self.to.kind().name(), place.rsplit('/').next().unwrap_or_default());
        self.name.clone().unwrap_or_else(of_address)
    }

    /// Opens the channel. Nothing is sent yet.
    pub fn open(&self) -> Result<Channel, InvalidChannel> {
        let name = self.name();
        let opened = self.check().and_then(|()| channels::open(self));
        let notifier = opened.map_err(|problem| InvalidChannel(format!("channel {name:?}: {problem}")))?;
        Ok(Channel { name, notifier, options: self.options.clone() })
    }

    /// Checks that all settings are used: one that is not shows a misunderstanding.
    fn check(&self) -> Result<(), String> {
        let name = self.name();
        if name.trim().is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return Err("invalid name: expected 1 to 64 bytes without control characters".into());
        }
        let of_webhooks = [
            ("template", self.template.is_some()),
            ("method", self.method.is_some()),
            ("headers", !self.headers.is_empty()),
            ("secret", self.secret.is_some()),
        ];
        if self.to.kind() != Kind::Webhook
            && let Some((key, _)) = of_webhooks.into_iter().find(|(_, is_set)| *is_set)
        {
            return Err(format!("{key} is only for webhooks: leave it out"));
        }
        if self.ca_file.is_some() && !self.to.uses_tls() {
            return Err("ca_file is of no use without TLS: leave it out, or write an address with TLS".into());
        }
        Ok(())
    }

    fn of_table(table: Map<String, Value>) -> Result<Self, serde_json::Error> {
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(de::Error::unknown_field(key, &KEYS));
        }
        Self::deserialize(Value::Object(table))
    }
}

impl Serialize for ChannelConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ChannelConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChannelVisitor)
    }
}

struct ChannelVisitor;

impl<'de> Visitor<'de> for ChannelVisitor {
    type Value = ChannelConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the address of a channel, or a table with `to`, its address")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ChannelConfig, E> {
        text.trim().parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ChannelConfig, A::Error> {
        let mut table = Map::new();
        while let Some((key, value)) = entries.next_entry()? {
            table.insert(key, value);
        }
        ChannelConfig::of_table(table).map_err(de::Error::custom)
    }
}

/// A channel that cannot be used. The message says what is expected, and contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidChannel(String);

/// Time zones in settings, by name.
mod time_zone {
    use jiff::tz::TimeZone;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(zone: &Option<TimeZone>, serializer: S) -> Result<S::Ok, S::Error> {
        match zone.as_ref().and_then(TimeZone::iana_name) {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
        let name = String::deserialize(deserializer)?;
        let invalid =
            |_| de::Error::custom(format_args!("unknown time zone {name:?}: expected one such as Europe/Berlin"));
        TimeZone::get(&name).map(Some).map_err(invalid)
    }
}
