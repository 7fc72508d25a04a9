//! The configuration of the bridge.

use std::{fmt, path::PathBuf};

use isems_transport_mqtt::{Broker, InvalidMqttConfig, MqttConfig};
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};

use crate::{Language, topics::Topics};

/// The configuration of a [`HomeAssistant`](crate::HomeAssistant). Everything has a default, with which nothing is
/// published: only a [`broker`](Self::broker) turns it on.
///
/// In serialized form, `broker` is an address, `true` or `false`. Settings can follow the address, or `true`, after a
/// `#`: they have the names of the fields, are joined by `&`, percent-encoded where necessary, and override the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, try_from = "Fields")]
pub struct HomeAssistantConfig {
    /// The broker of Home Assistant. Default: none.
    #[serde(skip_serializing)]
    pub broker: Option<BrokerChoice>,
    /// The language of the names of devices and entities. Default: English.
    pub language: Language,
    /// Home Assistant's discovery prefix, without wildcards. Default: `homeassistant`.
    pub discovery_prefix: String,
    /// The name of the collector in topics and ids, 1 to 64 bytes. Collectors that share a broker need different ones.
    /// Default: `collector`.
    pub name: String,
    /// The client id. No other client of the broker may use it. Default: one that is made of the name.
    pub client_id: Option<String>,
    /// A PEM file with the certificates of the authorities to trust, for a broker with TLS. Default: the authorities
    /// that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to present to a broker that asks for one; it needs
    /// [`key_file`](Self::key_file). Default: none.
    pub certificate_file: Option<PathBuf>,
    /// A PEM file with the private key of [`certificate_file`](Self::certificate_file), without a passphrase.
    pub key_file: Option<PathBuf>,
    /// The time after which a ping is sent over a silent connection, in seconds, 1 to 65,535. A broker that does not
    /// answer for as long again is given up, and one that hears nothing of the collector for one and a half times as
    /// long takes it for lost. Default: 30.
    pub keep_alive_seconds: u16,
}

/// The broker to publish to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerChoice {
    /// The first one that the collector subscribes to, with its login and certificates.
    Collectors,
    /// The one at this address.
    At(Broker),
}

impl Default for HomeAssistantConfig {
    fn default() -> Self {
        Self {
            broker: None,
            language: Language::default(),
            discovery_prefix: "homeassistant".into(),
            name: DEFAULT_NAME.into(),
            client_id: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            keep_alive_seconds: MqttConfig::default().keep_alive_seconds,
        }
    }
}

/// The name of a collector that is the only one at its broker.
const DEFAULT_NAME: &str = "collector";

/// The maximum length of the name, in bytes. Escaping can make it three times as long.
const NAME_BYTES: usize = 64;

impl HomeAssistantConfig {
    /// Checks what does not need a look at the system, and returns the way to the broker, or `None` if there is none to
    /// publish to. `brokers` are those that the collector subscribes to.
    pub fn connection(&self, brokers: &[MqttConfig]) -> Result<Option<MqttConfig>, InvalidHomeAssistantConfig> {
        let base = match &self.broker {
            None => return Ok(None),
            Some(BrokerChoice::At(broker)) => MqttConfig { broker: broker.clone(), ..MqttConfig::default() },
            Some(BrokerChoice::Collectors) => brokers.first().ok_or(InvalidHomeAssistantConfig::NoBroker)?.clone(),
        };
        let prefix = &self.discovery_prefix;
        if prefix.split('/').any(str::is_empty) || prefix.chars().any(|c| "+#".contains(c) || c.is_control()) {
            return Err(InvalidHomeAssistantConfig::DiscoveryPrefix { prefix: prefix.clone() });
        }
        if self.name.is_empty() || self.name.len() > NAME_BYTES {
            return Err(InvalidHomeAssistantConfig::Name { name: self.name.clone() });
        }
        let client_id = self.client_id.clone().unwrap_or_else(|| self.topics().client_id());
        let connection = MqttConfig {
            client_id: Some(client_id),
            ca_file: self.ca_file.clone().or(base.ca_file),
            certificate_file: self.certificate_file.clone().or(base.certificate_file),
            key_file: self.key_file.clone().or(base.key_file),
            keep_alive_seconds: self.keep_alive_seconds,
            ..base
        };
        connection.check()?;
        Ok(Some(connection))
    }

    /// Returns the topics.
    pub(crate) fn topics(&self) -> Topics {
        Topics::new(&self.discovery_prefix, &self.name)
    }

    /// Returns the name if it is not the default.
    pub(crate) fn own_name(&self) -> Option<&str> {
        Some(&*self.name).filter(|name| *name != DEFAULT_NAME)
    }

    /// Sets the broker by its address or `true` or `false`, and other fields by the settings that follow it.
    fn at(mut self, text: &str) -> Result<Self, InvalidHomeAssistantConfig> {
        let (address, settings) = text.split_once('#').unwrap_or((text, ""));
        if settings.contains('@') && !address.contains('@') {
            return Err(InvalidMqttConfig::HashInLogin.into());
        }
        let (mut of_connection, mut own) = (Vec::new(), Vec::new());
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            match name {
                "language" | "discovery_prefix" | "name" => own.push((name, value)),
                "client_id" | "ca_file" | "certificate_file" | "key_file" | "keep_alive_seconds" => {
                    of_connection.push(setting);
                }
                _ => return Err(InvalidHomeAssistantConfig::Setting { name: name.into() }),
            }
        }
        let address = address.trim();
        let named = if matches!(address, "" | "true" | "false") { "localhost" } else { address };
        let given = MqttConfig { keep_alive_seconds: self.keep_alive_seconds, ..MqttConfig::default() };
        let given = given.at(&format!("{named}#{}", of_connection.join("&")))?;
        self.broker = match address {
            "" | "false" => None,
            "true" => Some(BrokerChoice::Collectors),
            _ => Some(BrokerChoice::At(given.broker)),
        };
        self.client_id = given.client_id.or(self.client_id);
        self.ca_file = given.ca_file.or(self.ca_file);
        self.certificate_file = given.certificate_file.or(self.certificate_file);
        self.key_file = given.key_file.or(self.key_file);
        self.keep_alive_seconds = given.keep_alive_seconds;
        for (name, value) in own {
            let invalid = || InvalidHomeAssistantConfig::Setting { name: name.into() };
            let value = percent_decode_str(value).decode_utf8().map_err(|_| invalid())?.into_owned();
            match name {
                "language" => {
                    let language = Language::ALL.into_iter().find(|language| language.tag() == value);
                    self.language = language.ok_or(InvalidHomeAssistantConfig::Language { tag: value })?;
                }
                "discovery_prefix" => self.discovery_prefix = value,
                _ => self.name = value,
            }
        }
        Ok(self)
    }
}

/// The serialized form, in which settings can follow the address of the broker.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    #[serde(deserialize_with = "address")]
    broker: String,
    language: Language,
    discovery_prefix: Option<String>,
    name: Option<String>,
    client_id: Option<String>,
    ca_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    keep_alive_seconds: Option<u16>,
}

impl TryFrom<Fields> for HomeAssistantConfig {
    type Error = InvalidHomeAssistantConfig;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let defaults = Self::default();
        let config = Self {
            broker: None,
            language: fields.language,
            discovery_prefix: fields.discovery_prefix.unwrap_or(defaults.discovery_prefix),
            name: fields.name.unwrap_or(defaults.name),
            client_id: fields.client_id,
            ca_file: fields.ca_file,
            certificate_file: fields.certificate_file,
            key_file: fields.key_file,
            keep_alive_seconds: fields.keep_alive_seconds.unwrap_or(defaults.keep_alive_seconds),
        };
        config.at(&fields.broker)
    }
}

/// Reads an address, or `true` or `false`, as text.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Address;

    impl Visitor<'_> for Address {
        type Value = String;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("the address of a broker, or true for the collector's own")
        }

        fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<String, E> {
            Ok(is_on.to_string())
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.into())
        }
    }

    deserializer.deserialize_any(Address)
}

/// The error for a [`HomeAssistantConfig`] that cannot be used. It does not reveal credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHomeAssistantConfig {
    /// The collector's broker is wanted, but it has none.
    #[error(
        "the broker of Home Assistant is to be the collector's own, which has none: set MQTT_SERVER, or name a broker, \
         such as mqtt://user:password@homeassistant.local"
    )]
    NoBroker,
    /// A setting after an address is unknown, or its value is no text.
    #[error(
        "invalid setting {name:?} of the broker of Home Assistant; known are language, discovery_prefix, name, client_id, \
         ca_file, certificate_file, key_file and keep_alive_seconds"
    )]
    Setting {
        /// The name of the setting.
        name: String,
    },
    /// The language is unknown.
    #[error("unknown language {tag:?}: expected en or de")]
    Language {
        /// The tag in the settings.
        tag: String,
    },
    /// The discovery prefix is no topic.
    #[error("invalid discovery_prefix {prefix:?}: expected a topic without wildcards, such as homeassistant")]
    DiscoveryPrefix {
        /// The prefix.
        prefix: String,
    },
    /// The name has no or too many characters.
    #[error("invalid name {name:?} of the collector in Home Assistant: expected 1 to 64 bytes")]
    Name {
        /// The name.
        name: String,
    },
    /// The broker, or the way to it, cannot be used.
    #[error(transparent)]
    Connection(#[from] InvalidMqttConfig),
}
