//! The configuration of the transport.

use std::path::PathBuf;

use isems_tls::TlsError;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::{Broker, InvalidBroker, topic::check_filter};

/// The configuration of an [`MqttTransport`](crate::MqttTransport). Everything has a default.
///
/// ```
/// use isems_transport_mqtt::MqttConfig;
/// let config = MqttConfig { broker: "mqtt://mesh.example".parse()?, ..MqttConfig::default() };
/// # Ok::<(), isems_transport_mqtt::InvalidBroker>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    /// The [name](isems_core::Transport::name) of the transport, under which it keeps its client id. Default: `mqtt`.
    pub name: String,
    /// The broker. Default: `mqtt://localhost:1883`.
    pub broker: Broker,
    /// The client id, under which the broker keeps the session: 1 to 65,535 bytes without control characters. No other
    /// client of the broker may use it. Default: one that is generated once and kept in the repository.
    pub client_id: Option<String>,
    /// Topic filters, with `+` and `#` as in MQTT. The last level of a topic is its format and the one before it the
    /// node, see [`Topic`](crate::Topic). Default: `/isems/+/csvlog`, `/isems/+/data.json` and `isems/+/+/+/data.json`.
    pub topics: Vec<String>,
    /// A PEM file with the certificates of the authorities to trust, for a broker with TLS. It is read when the
    /// transport is created. Default: the authorities that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to present to a broker that asks for one, followed by those of intermediate
    /// authorities, if any. It is read when the transport is created, and needs [`key_file`](Self::key_file). Default:
    /// none.
    pub certificate_file: Option<PathBuf>,
    /// A PEM file with the private key of [`certificate_file`](Self::certificate_file), without a passphrase.
    pub key_file: Option<PathBuf>,
    /// The largest message that is read, in bytes of payload, 1 to [`MqttConfig::PACKET_BYTES_LIMIT`]. A larger one is
    /// rejected as `too_large`. Default: 1 MiB.
    pub max_packet_bytes: usize,
    /// The maximum number of messages being stored at a time, 1 to 65,535. At the limit, none is read until one of them
    /// is stored. Default: 256.
    pub max_in_flight: usize,
    /// The time after which a ping is sent over a silent connection, in seconds, 1 to 65,535. A broker that does not
    /// answer for as long again is given up. Default: 30.
    pub keep_alive_seconds: u16,
    /// The time without messages after which the broker counts as quiet, in seconds, at least 1. It is longer if there
    /// have been longer pauses before, see [`Expectation`](isems_core::Expectation). Default: 900.
    pub quiet_after_seconds: u32,
}

impl MqttConfig {
    /// The upper limit of [`max_packet_bytes`](Self::max_packet_bytes): 255 MiB, a little less than MQTT allows.
    pub const PACKET_BYTES_LIMIT: usize = 255 << 20;

    /// Subscribes to a broker with settings of its own. `address` is that of the [`Broker`], followed by a `#` and some
    /// of these settings by name, joined by `&` and percent-encoded where necessary. `topics` can occur several times;
    /// these filters replace the ones configured before.
    ///
    /// ```
    /// use isems_transport_mqtt::MqttConfig;
    /// let address = "mqtts://mesh.example#name=uplink&client_id=roof&topics=/isems/+/csvlog";
    /// let config = MqttConfig::default().at(address)?;
    /// assert_eq!((&*config.name, config.client_id.as_deref(), config.topics.len()), ("uplink", Some("roof"), 1));
    /// # Ok::<(), isems_transport_mqtt::InvalidMqttConfig>(())
    /// ```
    pub fn at(mut self, address: &str) -> Result<Self, InvalidMqttConfig> {
        let (broker, settings) = address.split_once('#').unwrap_or((address, ""));
        if settings.contains('@') && !broker.contains('@') {
            return Err(InvalidMqttConfig::HashInLogin);
        }
        self.broker = broker.parse()?;
        let mut topics = Vec::new();
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let invalid = || InvalidMqttConfig::Setting { name: name.into(), broker: self.broker.clone() };
            let value = percent_decode_str(value).decode_utf8().map_err(|_| invalid())?.into_owned();
            match name {
                "name" => self.name = value,
                "client_id" => self.client_id = Some(value),
                "topics" => topics.push(value),
                "ca_file" => self.ca_file = Some(value.into()),
                "certificate_file" => self.certificate_file = Some(value.into()),
                "key_file" => self.key_file = Some(value.into()),
                "max_packet_bytes" => self.max_packet_bytes = value.parse().map_err(|_| invalid())?,
                "max_in_flight" => self.max_in_flight = value.parse().map_err(|_| invalid())?,
                "keep_alive_seconds" => self.keep_alive_seconds = value.parse().map_err(|_| invalid())?,
                "quiet_after_seconds" => self.quiet_after_seconds = value.parse().map_err(|_| invalid())?,
                _ => return Err(invalid()),
            }
        }
        if !topics.is_empty() {
            self.topics = topics;
        }
        Ok(self)
    }

    /// Checks what does not need a look at the system. [`MqttTransport::new`](crate::MqttTransport::new) does it, too.
    pub fn check(&self) -> Result<(), InvalidMqttConfig> {
        if self.topics.is_empty() {
            return Err(InvalidMqttConfig::NoTopics);
        }
        for filter in &self.topics {
            check_filter(filter)
                .map_err(|problem| InvalidMqttConfig::TopicFilter { filter: filter.clone(), problem })?;
        }
        if let Some(id) = &self.client_id
            && (id.is_empty() || id.len() > usize::from(u16::MAX) || id.chars().any(char::is_control))
        {
            return Err(InvalidMqttConfig::ClientId { client_id: id.clone() });
        }
        self.check_files()?;
        let in_range = |name, value, limit| match value {
            0 => Err(InvalidMqttConfig::OutOfRange { name, value, limit }),
            value if value > limit => Err(InvalidMqttConfig::OutOfRange { name, value, limit }),
            _ => Ok(()),
        };
        in_range("max_packet_bytes", self.max_packet_bytes, Self::PACKET_BYTES_LIMIT)?;
        in_range("max_in_flight", self.max_in_flight, u16::MAX.into())?;
        in_range("keep_alive_seconds", self.keep_alive_seconds.into(), u16::MAX.into())?;
        in_range("quiet_after_seconds", self.quiet_after_seconds as usize, u32::MAX as usize)
    }

    /// Checks that the files for TLS are used: one that is not shows a misunderstanding.
    fn check_files(&self) -> Result<(), InvalidMqttConfig> {
        let files =
            [("ca_file", &self.ca_file), ("certificate_file", &self.certificate_file), ("key_file", &self.key_file)];
        for (name, path) in files {
            if let Some(path) = path
                && !self.broker.is_encrypted()
            {
                return Err(InvalidMqttConfig::FileUnused { name, path: path.clone(), broker: self.broker.clone() });
            }
        }
        match (&self.certificate_file, &self.key_file) {
            (Some(path), None) => {
                Err(InvalidMqttConfig::FileAlone { name: "certificate_file", path: path.clone(), missing: "key_file" })
            }
            (None, Some(path)) => {
                Err(InvalidMqttConfig::FileAlone { name: "key_file", path: path.clone(), missing: "certificate_file" })
            }
            _ => Ok(()),
        }
    }
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            name: "mqtt".into(),
            broker: Broker::default(),
            client_id: None,
            topics: ["/isems/+/csvlog", "/isems/+/data.json", "isems/+/+/+/data.json"].map(Into::into).into(),
            ca_file: None,
            certificate_file: None,
            key_file: None,
            max_packet_bytes: 1 << 20,
            max_in_flight: 256,
            keep_alive_seconds: 30,
            quiet_after_seconds: 900,
        }
    }
}

/// The error for an [`MqttConfig`] that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMqttConfig {
    /// The address of a broker cannot be used.
    #[error(transparent)]
    Broker(#[from] InvalidBroker),
    /// A user or password contains a `#`, where the settings begin.
    #[error("a user or password of a broker has a `#`: write it as %23")]
    HashInLogin,
    /// A setting of one broker is unknown, or its value is invalid.
    #[error(
        "invalid setting {name:?} of broker {broker}; known are name, client_id, topics, ca_file, certificate_file, key_file, and \
         the numbers max_packet_bytes, max_in_flight, keep_alive_seconds and quiet_after_seconds"
    )]
    Setting {
        /// The name of the setting.
        name: String,
        /// The broker.
        broker: Broker,
    },
    /// There is nothing to subscribe to.
    #[error("topics is empty: name at least one topic filter, such as /isems/+/csvlog")]
    NoTopics,
    /// A topic filter cannot be used.
    #[error("invalid topic filter {filter:?}: {problem}")]
    TopicFilter {
        /// The filter.
        filter: String,
        /// The problem.
        problem: &'static str,
    },
    /// The client id cannot be used.
    #[error("invalid client_id {client_id:?}: expected 1 to 65535 bytes without control characters")]
    ClientId {
        /// The client id.
        client_id: String,
    },
    /// A number is out of its range.
    #[error("invalid {name} {value}: expected 1 to {limit}")]
    OutOfRange {
        /// The name of the field.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The maximum.
        limit: usize,
    },
    /// There is a file for TLS, but the connection does not use TLS.
    #[error("{name} {path:?} is of no use for broker {broker}: write mqtts:// or leave {name} out")]
    FileUnused {
        /// The name of the field.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The broker.
        broker: Broker,
    },
    /// There is a certificate without its key, or a key without its certificate.
    #[error("{name} {path:?} is of no use alone: set {missing} too")]
    FileAlone {
        /// The name of the field.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The name of the field that must be set too.
        missing: &'static str,
    },
    /// TLS cannot be set up with the given files.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
