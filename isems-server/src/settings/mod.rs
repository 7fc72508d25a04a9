//! Settings: flags, environment and a TOML file, in this order of precedence, under one set of names.
//!
//! The flags are declared once, with clap. Values from the environment and the file become the flags' defaults, so
//! every value is parsed, checked and reported in the same way wherever it comes from.

mod sources;
pub(crate) mod values;

use std::{
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use isems_core::Limits;
use isems_transport_http::{HttpConfig, Target};
use isems_transport_mqtt::MqttConfig;
use sentry_core::types::{Dsn, ParseDsnError};

use self::values::{
    database_path, origin, positive_duration, retention, retention_size, short_duration, socket_address,
};
use crate::{api::Access, import::ImportArguments, maintenance::Maintenance, tokens::Tokens};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "isems-server",
    version,
    args_conflicts_with_subcommands = true,
    about = "Collects, stores and serves the measurements of off-grid solar mesh nodes (ISEMS)",
    after_help = "\
Try it with simulated nodes:  isems-server --demo
Poll two nodes:               isems-server --router-ips 10.36.0.7,10.36.0.9
Subscribe to a broker:        isems-server --mqtt-server broker.mesh
Then open http://127.0.0.1:5000/ in a browser.

Every setting can also be an environment variable (the name in brackets) or a key in a
TOML file (the flag's name with underscores, see isems.example.toml). Flags override the
environment, which overrides the file."
)]
pub struct Arguments {
    /// The command; serve if none is given.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// The arguments of serve, for use without a command.
    #[command(flatten)]
    pub serve: ServeArguments,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Collect measurements and serve them over HTTP, until SIGINT or SIGTERM (the default)
    Serve(Box<ServeArguments>),
    /// Poll every configured node once and print the results; exits with 1 if any node failed
    Poll(PollArguments),
    /// Import logs, exports or the database of the Python collector
    Import(ImportArguments),
    /// Maintain a database.
    #[command(flatten)]
    Maintenance(Maintenance),
    /// Print the OpenAPI document of the HTTP service
    Openapi,
}

/// The arguments of serve.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Poll simulated nodes with two days of history instead of real ones; 20 nodes by default, with a temporary
    /// database unless one is given
    #[arg(long, value_name = "NODES", num_args = 0..=1, default_missing_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub demo: Option<u32>,
    /// The settings of storing and polling.
    #[command(flatten)]
    pub collect: PollArguments,
    /// The settings of serving.
    #[command(flatten)]
    pub service: ServiceArguments,
}

/// The settings of every command that uses the database.
#[derive(Debug, Args)]
pub struct DatabaseArguments {
    /// TOML file with settings
    #[arg(long, env = "ISEMS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Database file: a path, or redb:PATH [default: isems.redb]
    #[arg(long, env = "DATABASE_URL", value_name = "PATH", hide_env_values = true, value_parser = database_path)]
    pub database_url: Option<PathBuf>,

    /// Log level
    #[arg(long, env = "ISEMS_LOG", value_name = "LEVEL", default_value = "info", hide_env_values = true)]
    pub log: LogLevel,

    /// Log format
    #[arg(long, env = "ISEMS_LOG_FORMAT", value_name = "FORMAT", default_value = "human", hide_env_values = true)]
    pub log_format: LogFormat,

    /// The Sentry server that errors and panics are reported to.
    #[arg(
        help = "Sentry or GlitchTip server that errors and panics are reported to: https://KEY@HOST/PROJECT [default: none]",
        long,
        env = "SENTRY_DSN",
        value_name = "DSN",
        hide_env_values = true
    )]
    pub sentry_dsn: Option<Secret>,
}

/// The settings of polling.
#[derive(Debug, Args)]
pub struct PollArguments {
    /// Nodes to poll.
    #[arg(
        help = "Nodes to poll, separated by commas: an address, host:port, or a URL such as http://user:password@node/csv.log; \
                then, after #, settings for that node only: 10.36.0.7#timeout=5m&interval=1h&header=X-Key:secret",
        long,
        env = "ISEMS_ROUTER_IPS",
        value_name = "NODES",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub router_ips: Vec<Secret>,

    /// Timeout of one request to a node
    #[arg(long, env = "ISEMS_POLL_TIMEOUT", value_name = "DURATION", hide_env_values = true, hide_default_value = false,
          default_value = default_of(|config| config.total_timeout), value_parser = positive_duration)]
    pub poll_timeout: Duration,

    /// Timeout of resolving a node's name and connecting
    #[arg(long, env = "ISEMS_POLL_CONNECT_TIMEOUT", value_name = "DURATION", hide_env_values = true,
          default_value = default_of(|config| config.connect_timeout), value_parser = positive_duration)]
    pub poll_connect_timeout: Duration,

    /// PEM file with the certificate authority of https:// nodes [default: those of the system]
    #[arg(long, env = "ISEMS_POLL_CA_FILE", value_name = "FILE", hide_env_values = true)]
    pub poll_ca_file: Option<PathBuf>,

    /// Number of nodes polled at the same time; slow ones give up their place
    #[arg(long, env = "ISEMS_POLL_CONCURRENCY", value_name = "NUMBER", hide_env_values = true,
          default_value = HttpConfig::default().concurrency.to_string(), value_parser = clap::value_parser!(u16).range(1..))]
    pub poll_concurrency: u16,

    /// The database.
    #[command(flatten)]
    pub database: DatabaseArguments,

    /// The limits.
    #[command(flatten)]
    pub limits: LimitArguments,
}

/// The limits of each transport; 0 means no limit.
#[derive(Debug, Args)]
pub struct LimitArguments {
    /// Maximum number of nodes; 0 means no limit
    #[arg(long, env = "ISEMS_MAX_NODES", value_name = "COUNT", default_value = Limits::default().nodes.to_string(), hide_env_values = true)]
    pub max_nodes: u32,

    /// Maximum number of new nodes per hour (1000 at once); 0 means no limit
    #[arg(long, env = "ISEMS_NEW_NODES_PER_HOUR", value_name = "COUNT", default_value = Limits::default().new_nodes_per_hour.to_string(), hide_env_values = true)]
    pub new_nodes_per_hour: u32,

    /// Maximum number of new lines per minute and node (50000 at once); 0 means no limit
    #[arg(
        long,
        env = "ISEMS_LINES_PER_MINUTE_AND_NODE",
        value_name = "COUNT",
        default_value = Limits::default().lines_per_minute_and_node.to_string(),
        hide_env_values = true
    )]
    pub lines_per_minute_and_node: u32,
}

/// The settings of serving.
#[derive(Debug, Args)]
pub struct ServiceArguments {
    /// Interval between two polls of a node
    #[arg(long, env = "ISEMS_POLL_INTERVAL", value_name = "DURATION", default_value = default_of(|config| config.interval), hide_env_values = true,
          value_parser = positive_duration)]
    pub poll_interval: Duration,

    /// The MQTT brokers to subscribe to.
    #[arg(
        help = "MQTT brokers to subscribe to, separated by commas: host, host:port, or mqtt(s)://user:password@host:port; then, after \
                #, settings for that broker only: mqtts://host#name=uplink&client_id=roof&topics=/isems/+/csvlog",
        long,
        env = "MQTT_SERVER",
        value_name = "BROKERS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub mqtt_server: Vec<Secret>,

    /// MQTT topic filters, separated by commas; their last level is csvlog or data.json, preceded by the node
    #[arg(
        long,
        env = "ISEMS_MQTT_TOPICS",
        value_name = "FILTERS",
        value_delimiter = ',',
        hide_env_values = true,
        default_value = MqttConfig::default().topics.join(",")
    )]
    pub mqtt_topics: Vec<String>,

    /// MQTT client id [default: generated once and kept in the database]
    #[arg(long, env = "ISEMS_MQTT_CLIENT_ID", value_name = "ID", hide_env_values = true)]
    pub mqtt_client_id: Option<String>,

    /// PEM file with the certificate authority of an mqtts:// broker [default: those of the system]
    #[arg(long, env = "ISEMS_MQTT_CA_FILE", value_name = "FILE", hide_env_values = true)]
    pub mqtt_ca_file: Option<PathBuf>,

    /// PEM file with the client certificate for mqtts:// brokers that require one
    #[arg(long, env = "ISEMS_MQTT_CERTIFICATE_FILE", value_name = "FILE", hide_env_values = true)]
    pub mqtt_certificate_file: Option<PathBuf>,

    /// PEM file with the private key of that certificate
    #[arg(long, env = "ISEMS_MQTT_KEY_FILE", value_name = "FILE", hide_env_values = true)]
    pub mqtt_key_file: Option<PathBuf>,

    /// Address and port of the HTTP service
    #[arg(long, env = "ISEMS_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:5000", hide_env_values = true,
          value_parser = socket_address)]
    pub listen: SocketAddr,

    /// Leave nodes out of /measurements/latest whose newest measurement is older than this many days
    #[arg(long, env = "HIDE_INACTIVE_AFTER_DAYS", value_name = "DAYS", default_value = "30", hide_env_values = true)]
    pub hide_inactive_after_days: u32,

    /// Delay writes to the disk by up to this long, to spare an SD card
    #[arg(long, env = "ISEMS_COMMIT_INTERVAL", value_name = "DURATION", default_value = "0s", hide_env_values = true,
          value_parser = short_duration)]
    pub commit_interval: Duration,

    /// Remove measurements older than this, a week at a time: 90d, 18 months, 5y [default: never]
    #[arg(long, env = "ISEMS_RETENTION", value_name = "DURATION", hide_env_values = true, value_parser = retention)]
    pub retention: Option<Duration>,

    /// Remove the oldest weeks while the database is larger than this: 4GB, 500MiB [default: never]
    #[arg(long, env = "ISEMS_RETENTION_SIZE", value_name = "SIZE", hide_env_values = true, value_parser = retention_size)]
    pub retention_size: Option<u64>,

    /// Origins whose web pages may read from the service, separated by commas; * allows any
    #[arg(long, env = "ISEMS_CORS_ORIGINS", value_name = "ORIGINS", default_value = "*", value_delimiter = ',',
          hide_env_values = true, value_parser = origin)]
    pub cors_origins: Vec<String>,

    /// The tokens that allow everything.
    #[arg(
        help = "Tokens that allow everything: NAME:TOKEN, separated by commas; a token has at least 16 characters",
        long,
        env = "ISEMS_API_TOKENS",
        value_name = "TOKENS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub api_tokens: Vec<Secret>,

    /// The tokens that allow sending measurements and nothing else.
    #[arg(
        help = "Tokens that only allow sending measurements: NODE:TOKEN for one node, *:TOKEN for all, separated by commas",
        long,
        env = "ISEMS_PUSH_TOKENS",
        value_name = "TOKENS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub push_tokens: Vec<Secret>,

    /// Require a token for reading, too; health and documentation stay open
    #[arg(long, env = "ISEMS_PROTECT_READING", value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_env_values = true, hide_default_value = true,
          action = clap::ArgAction::Set)]
    pub protect_reading: bool,

    /// Maximum number of HTTP connections; further clients wait
    #[arg(long, env = "ISEMS_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "512", hide_env_values = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,

    /// PEM file with the certificate chain; serves HTTPS instead of HTTP
    #[arg(long, env = "ISEMS_TLS_CERTIFICATE", value_name = "FILE", hide_env_values = true)]
    pub tls_certificate: Option<PathBuf>,

    /// PEM file with the private key of the certificate; both files are reloaded when they change
    #[arg(long, env = "ISEMS_TLS_KEY", value_name = "FILE", hide_env_values = true)]
    pub tls_key: Option<PathBuf>,
}

/// Formats the default of a polling duration.
fn default_of(duration: impl Fn(&HttpConfig) -> Duration) -> String {
    let seconds = duration(&HttpConfig::default()).as_secs();
    if seconds.is_multiple_of(60) { format!("{}m", seconds / 60) } else { format!("{seconds}s") }
}

/// A text that may contain a password and is never displayed.
#[derive(Clone)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Returns the texts of secrets, skipping empty ones.
fn texts<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> impl Iterator<Item = &'a str> {
    secrets.into_iter().map(|Secret(text)| text.trim()).filter(|text| !text.is_empty())
}

/// A log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Failures and warnings.
    Warn,
    /// Also changes of state.
    Info,
    /// Also polls and connections.
    Debug,
    /// Everything.
    Trace,
}

/// A log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Human,
    /// One JSON object per line.
    Json,
}

/// A setting that cannot be used. The message names it, its value, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) String);

impl DatabaseArguments {
    /// Returns the path of the database, `isems.redb` by default.
    pub fn path(&self) -> &Path {
        self.database_url.as_deref().unwrap_or(Path::new("isems.redb"))
    }

    /// Returns the Sentry server that errors and panics are reported to, if any.
    pub fn sentry_dsn(&self) -> Result<Option<Dsn>, InvalidSetting> {
        let text = texts(&self.sentry_dsn).next();
        let invalid = |error: ParseDsnError| {
            InvalidSetting(format!("sentry_dsn (SENTRY_DSN): {error}; expected https://KEY@HOST/PROJECT"))
        };
        text.map(|text| text.parse().map_err(invalid)).transpose()
    }
}

impl LimitArguments {
    /// Returns the limits.
    pub fn limits(&self) -> Limits {
        Limits {
            nodes: self.max_nodes,
            new_nodes_per_hour: self.new_nodes_per_hour,
            lines_per_minute_and_node: self.lines_per_minute_and_node,
            ..Limits::default()
        }
    }
}

impl PollArguments {
    /// Returns the configuration of polling.
    pub fn http(&self) -> Result<HttpConfig, InvalidSetting> {
        Ok(HttpConfig {
            targets: self.targets()?,
            total_timeout: self.poll_timeout,
            connect_timeout: self.poll_connect_timeout,
            ca_file: self.poll_ca_file.clone(),
            concurrency: self.poll_concurrency.into(),
            ..HttpConfig::default()
        })
    }

    /// Returns the nodes to poll.
    pub fn targets(&self) -> Result<Vec<Target>, InvalidSetting> {
        let texts = texts(&self.router_ips);
        texts
            .map(|text| text.parse().map_err(|error| InvalidSetting(format!("router_ips (ISEMS_ROUTER_IPS): {error}"))))
            .collect()
    }
}

impl ServiceArguments {
    /// Returns the configurations for subscribing, one per broker. Unless they have names of their own, the first one
    /// is named `mqtt` and the others `mqtt-2`, `mqtt-3` and so on.
    pub fn mqtt(&self) -> Result<Vec<MqttConfig>, InvalidSetting> {
        let mut brokers = Vec::new();
        for (number, text) in (1..).zip(texts(&self.mqtt_server)) {
            let common = MqttConfig::default();
            let common = MqttConfig {
                name: if number == 1 { common.name } else { format!("{}-{number}", common.name) },
                client_id: self.mqtt_client_id.clone(),
                topics: self.mqtt_topics.clone(),
                ca_file: self.mqtt_ca_file.clone(),
                certificate_file: self.mqtt_certificate_file.clone(),
                key_file: self.mqtt_key_file.clone(),
                ..common
            };
            let broker =
                common.at(text).map_err(|error| InvalidSetting(format!("mqtt_server (MQTT_SERVER): {error}")))?;
            if brokers.iter().any(|other: &MqttConfig| other.name == broker.name) {
                return Err(InvalidSetting(format!(
                    "mqtt_server (MQTT_SERVER): two brokers are named {:?}; rename one of them: \
                     mqtt://host#name=another",
                    broker.name
                )));
            }
            brokers.push(broker);
        }
        Ok(brokers)
    }

    /// Returns the access rules of the HTTP service.
    pub fn access(&self) -> Result<Access, InvalidSetting> {
        let pairs = texts(&self.api_tokens);
        let tokens =
            Tokens::parse(pairs).map_err(|error| InvalidSetting(format!("api_tokens (ISEMS_API_TOKENS): {error}")))?;
        if self.protect_reading && tokens.is_empty() {
            return Err(InvalidSetting(
                "protect_reading (ISEMS_PROTECT_READING) needs a token, otherwise nobody could read; set api_tokens \
                 (ISEMS_API_TOKENS)"
                    .into(),
            ));
        }
        let pairs = texts(&self.push_tokens);
        let push_tokens = Tokens::parse_of_nodes(pairs)
            .map_err(|error| InvalidSetting(format!("push_tokens (ISEMS_PUSH_TOKENS): {error}")))?;
        Ok(Access { tokens, push_tokens, protect_reading: self.protect_reading, unrestricted: false })
    }

    /// Returns the certificate and key files, in this order.
    pub fn tls_files(&self) -> Result<Option<(&Path, &Path)>, InvalidSetting> {
        match (self.tls_certificate.as_deref(), self.tls_key.as_deref()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (Some(_), None) => Err(InvalidSetting(
                "tls_certificate (ISEMS_TLS_CERTIFICATE) needs its private key; set tls_key (ISEMS_TLS_KEY)".into(),
            )),
            (None, Some(_)) => Err(InvalidSetting(
                "tls_key (ISEMS_TLS_KEY) needs its certificate; set tls_certificate (ISEMS_TLS_CERTIFICATE)".into(),
            )),
        }
    }
}

impl Arguments {
    /// Returns the settings of the database, for commands that need one.
    pub fn database(&self) -> Option<&DatabaseArguments> {
        match &self.action {
            None => Some(&self.serve.collect.database),
            Some(Action::Serve(arguments)) => Some(&arguments.collect.database),
            Some(Action::Poll(arguments)) => Some(&arguments.database),
            Some(Action::Import(arguments)) => Some(&arguments.database),
            Some(Action::Maintenance(action)) => Some(action.database()),
            Some(Action::Openapi) => None,
        }
    }

    /// Reads flags, environment and file. Help, the version and anything invalid are returned as an error that clap can
    /// [print](clap::Error::exit).
    pub fn read(flags: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let flags: Vec<OsString> = flags.into_iter().collect();
        let (mut command, matches) = sources::matches(Self::command(), &flags)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}
