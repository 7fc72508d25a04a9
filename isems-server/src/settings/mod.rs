//! Settings: flags, environment and a TOML file, in this order of precedence.
//!
//! [`Settings`] consists of the config types of the parts that it configures, and the file is its serialized form. A
//! flag stands for one key of the file (`flag`). Flags and environment override the tables of the file (`document`),
//! and the result is deserialized. So each value is parsed in the same way, wherever it comes from, and each default is
//! in one place.

mod arguments;
mod chosen;
mod document;
mod file;
mod flag;
pub(crate) mod values;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use isems_alerts::AlertsConfig;
use isems_core::{Limits, RedbOptions};
use isems_homeassistant::HomeAssistantConfig;
use isems_transport_http::HttpConfig;
use isems_transport_mqtt::MqttConfig;
use sentry_core::types::Dsn;
use serde::{Deserialize, Deserializer, Serialize, de};

pub use self::{
    arguments::{Action, Arguments, ServeArguments, command},
    chosen::Chosen,
};
use crate::{BasePath, MapSettings, api::Access, serve::ConnectionLimits};

/// The settings of the program.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The path of the database file. Default: `isems.redb`.
    #[serde(deserialize_with = "values::database_path", skip_serializing_if = "Option::is_none")]
    pub database_url: Option<PathBuf>,
    /// The log level. Default: `info`.
    pub log: LogLevel,
    /// The log format. Default: `human`.
    pub log_format: LogFormat,
    /// The Sentry server that errors and panics are reported to. Default: none.
    #[serde(skip_serializing, deserialize_with = "sentry_dsn")]
    pub sentry_dsn: Option<SentryDsn>,
    /// The options of the database.
    pub database: RedbOptions,
    /// The nodes to poll. Without targets, nothing is polled.
    pub http: HttpConfig,
    /// The settings that all brokers have in common.
    pub mqtt: MqttConfig,
    /// The brokers to subscribe to. In the file they are the array `brokers` of the table `mqtt`: addresses, with their
    /// own settings after a `#`, or tables. Without such an array, `broker` of the table `mqtt` is the only one.
    #[serde(skip)]
    pub brokers: Vec<MqttConfig>,
    /// The bridge to Home Assistant. Without a broker, there is none.
    pub homeassistant: HomeAssistantConfig,
    /// The limits of each transport.
    pub limits: Limits,
    /// The rights of clients.
    pub access: Access,
    /// The HTTP service.
    pub server: ServerSettings,
    /// The channels through which people are told what happens to nodes.
    pub alerts: AlertsConfig,
}

impl Settings {
    /// Returns the path of the database.
    pub fn database_path(&self) -> &Path {
        self.database_url.as_deref().unwrap_or(Path::new("isems.redb"))
    }
}

/// The settings of the HTTP service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The address and port to serve on. Default: `127.0.0.1:5000`.
    #[serde(deserialize_with = "values::socket_address")]
    pub listen: SocketAddr,
    /// The age of its newest measurement, in days, at which a node becomes inactive. Default: 30.
    pub hide_inactive_after_days: u32,
    /// The origins whose web pages may read from the service. Default: `*`, which is any.
    #[serde(deserialize_with = "values::origins")]
    pub cors_origins: Vec<String>,
    /// The path prefix under which a proxy shows the service. Default: none.
    #[serde(skip_serializing_if = "BasePath::is_empty")]
    pub base_path: BasePath,
    /// The PEM file with the certificate chain, to serve HTTPS instead of HTTP. Default: none.
    pub tls_certificate: Option<PathBuf>,
    /// The PEM file with the private key of the certificate. Default: none.
    pub tls_key: Option<PathBuf>,
    /// The address at which people reach the service, for links: without a slash at the end. Default: unknown.
    #[serde(deserialize_with = "values::public_url")]
    pub public_url: Option<String>,
    /// The map.
    pub map: MapSettings,
    /// The limits on what clients can use.
    pub limits: ConnectionLimits,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 5000).into(),
            hide_inactive_after_days: 30,
            cors_origins: vec!["*".into()],
            base_path: BasePath::default(),
            tls_certificate: None,
            tls_key: None,
            public_url: None,
            map: MapSettings::default(),
            limits: ConnectionLimits::default(),
        }
    }
}

impl ServerSettings {
    /// Returns the certificate and key files, in this order.
    pub fn tls_files(&self) -> Result<Option<(&Path, &Path)>, InvalidSetting> {
        match (self.tls_certificate.as_deref(), self.tls_key.as_deref()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (Some(_), None) => Err(InvalidSetting(
                "server.tls_certificate (ISEMS_TLS_CERTIFICATE) needs its private key; set server.tls_key \
                 (ISEMS_TLS_KEY)"
                    .into(),
            )),
            (None, Some(_)) => Err(InvalidSetting(
                "server.tls_key (ISEMS_TLS_KEY) needs its certificate; set server.tls_certificate \
                 (ISEMS_TLS_CERTIFICATE)"
                    .into(),
            )),
        }
    }
}

/// The address of a Sentry server, with the key, which is never displayed.
#[derive(Clone)]
pub struct SentryDsn(pub Dsn);

impl fmt::Debug for SentryDsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Reads the address of a Sentry server. A blank one counts as unset.
fn sentry_dsn<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SentryDsn>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let text = Some(text.trim()).filter(|text| !text.is_empty());
    let invalid = |error| de::Error::custom(format_args!("{error}; expected https://KEY@HOST/PROJECT"));
    text.map(|text| text.parse().map(SentryDsn).map_err(invalid)).transpose()
}

/// A log level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Failures and warnings.
    Warn,
    /// Also changes of state.
    #[default]
    Info,
    /// Also polls and connections.
    Debug,
    /// Everything.
    Trace,
}

/// A log format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// A setting that cannot be used. The message names it, its value, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) String);
