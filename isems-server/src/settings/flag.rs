//! The flags of settings. Each flag, like its environment variable, is another way to set one key of the settings file.

use std::sync::LazyLock;

use clap::{Arg, ArgAction, ArgMatches, parser::ValueSource};
use toml::{
    Spanned, Value,
    de::{DeArray, DeValue},
};

use super::Settings;

/// A flag of a setting.
#[derive(Debug)]
pub(super) struct Flag {
    /// The name, without leading dashes.
    pub(super) name: &'static str,
    /// The name of the environment variable.
    pub(super) environment: &'static str,
    /// The keys that lead to the value in the file, joined by dots; empty for the path of the file itself.
    pub(super) path: &'static str,
    form: Form,
    /// The name of the value in the help.
    value: &'static str,
    help: &'static str,
}

/// The form of a value in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// Texts, separated by commas.
    List,
    Number,
    /// `true` or `false`; the flag alone means `true`.
    Switch,
}

/// The value of a setting given by a flag or environment variable.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) flag: &'static Flag,
    pub(super) texts: Vec<String>,
    is_from_environment: bool,
}

use Form::{List, Number, Switch, Text};

const fn flag(
    name: &'static str,
    environment: &'static str,
    path: &'static str,
    form: Form,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag { name, environment, path, form, value, help }
}

/// The flags of every command that uses the database.
static DATABASE: [Flag; 5] = [
    flag("config", "ISEMS_CONFIG", "", Text, "FILE", "TOML file with settings"),
    flag(
        "database-url",
        "DATABASE_URL",
        "database_url",
        Text,
        "PATH",
        "Database file: a path, or redb:PATH [default: isems.redb]",
    ),
    flag("log", "ISEMS_LOG", "log", Text, "LEVEL", "Log level: error, warn, info, debug or trace"),
    flag("log-format", "ISEMS_LOG_FORMAT", "log_format", Text, "FORMAT", "Log format: human or json"),
    flag(
        "sentry-dsn",
        "SENTRY_DSN",
        "sentry_dsn",
        Text,
        "DSN",
        "Sentry or GlitchTip server that errors and panics are reported to: https://KEY@HOST/PROJECT [default: none]",
    ),
];

/// The flags of polling.
static POLL: [Flag; 8] = [
    flag(
        "router-ips",
        "ISEMS_ROUTER_IPS",
        "http.targets",
        List,
        "NODES",
        "Nodes to poll, separated by commas: an address, host:port, or a URL such as \
         http://user:password@node/csv.log; then, after #, settings for that node only: \
         10.36.0.7#timeout=5m&interval=1h&header=X-Key:secret",
    ),
    flag(
        "poll-timeout",
        "ISEMS_POLL_TIMEOUT",
        "http.total_timeout",
        Text,
        "DURATION",
        "Timeout of one request to a node",
    ),
    flag(
        "poll-connect-timeout",
        "ISEMS_POLL_CONNECT_TIMEOUT",
        "http.connect_timeout",
        Text,
        "DURATION",
        "Timeout of resolving a node's name and connecting",
    ),
    flag(
        "poll-ca-file",
        "ISEMS_POLL_CA_FILE",
        "http.ca_file",
        Text,
        "FILE",
        "PEM file with the certificate authority of https:// nodes [default: those of the system]",
    ),
    flag(
        "poll-concurrency",
        "ISEMS_POLL_CONCURRENCY",
        "http.concurrency",
        Number,
        "NUMBER",
        "Number of nodes polled at the same time; slow ones give up their place",
    ),
    flag("max-nodes", "ISEMS_MAX_NODES", "limits.nodes", Number, "COUNT", "Maximum number of nodes; 0 means no limit"),
    flag(
        "new-nodes-per-hour",
        "ISEMS_NEW_NODES_PER_HOUR",
        "limits.new_nodes_per_hour",
        Number,
        "COUNT",
        "Maximum number of new nodes per hour (1000 at once); 0 means no limit",
    ),
    flag(
        "lines-per-minute-and-node",
        "ISEMS_LINES_PER_MINUTE_AND_NODE",
        "limits.lines_per_minute_and_node",
        Number,
        "COUNT",
        "Maximum number of new lines per minute and node (50000 at once); 0 means no limit",
    ),
];

/// The flags of serving.
static SERVICE: [Flag; 24] = [
    flag(
        "poll-interval",
        "ISEMS_POLL_INTERVAL",
        "http.interval",
        Text,
        "DURATION",
        "Interval between two polls of a node",
    ),
    flag(
        "mqtt-server",
        "MQTT_SERVER",
        "mqtt.brokers",
        List,
        "BROKERS",
        "MQTT brokers to subscribe to, separated by commas: host, host:port, or \
         mqtt(s)://user:password@host:port; then, after #, settings for that broker only: \
         mqtts://host#name=uplink&client_id=roof&topics=/isems/+/csvlog",
    ),
    flag(
        "mqtt-topics",
        "ISEMS_MQTT_TOPICS",
        "mqtt.topics",
        List,
        "FILTERS",
        "MQTT topic filters, separated by commas; their last level is csvlog or data.json, preceded by the node",
    ),
    flag(
        "mqtt-client-id",
        "ISEMS_MQTT_CLIENT_ID",
        "mqtt.client_id",
        Text,
        "ID",
        "MQTT client id [default: generated once and kept in the database]",
    ),
    flag(
        "mqtt-ca-file",
        "ISEMS_MQTT_CA_FILE",
        "mqtt.ca_file",
        Text,
        "FILE",
        "PEM file with the certificate authority of an mqtts:// broker [default: those of the system]",
    ),
    flag(
        "mqtt-certificate-file",
        "ISEMS_MQTT_CERTIFICATE_FILE",
        "mqtt.certificate_file",
        Text,
        "FILE",
        "PEM file with the client certificate for mqtts:// brokers that require one",
    ),
    flag(
        "mqtt-key-file",
        "ISEMS_MQTT_KEY_FILE",
        "mqtt.key_file",
        Text,
        "FILE",
        "PEM file with the private key of that certificate",
    ),
    flag(
        "homeassistant",
        "ISEMS_HOMEASSISTANT",
        "homeassistant.broker",
        Text,
        "BROKER",
        "MQTT broker through which Home Assistant shows the nodes: mqtt(s)://user:password@host:port, or true for the \
         first of --mqtt-server; then, after #, settings: mqtt://host#language=de&discovery_prefix=homeassistant \
         [default: none]",
    ),
    flag("listen", "ISEMS_LISTEN", "server.listen", Text, "ADDRESS", "Address and port of the HTTP service"),
    flag(
        "hide-inactive-after-days",
        "HIDE_INACTIVE_AFTER_DAYS",
        "server.hide_inactive_after_days",
        Number,
        "DAYS",
        "Leave nodes out of /measurements/latest whose newest measurement is older than this many days",
    ),
    flag(
        "commit-interval",
        "ISEMS_COMMIT_INTERVAL",
        "database.commit_interval",
        Text,
        "DURATION",
        "Delay writes to the disk by up to this long, to spare an SD card",
    ),
    flag(
        "retention",
        "ISEMS_RETENTION",
        "database.retention.age",
        Text,
        "DURATION",
        "Remove measurements older than this, a week at a time: 90d, 18 months, 5y [default: never]",
    ),
    flag(
        "retention-size",
        "ISEMS_RETENTION_SIZE",
        "database.retention.bytes",
        Text,
        "SIZE",
        "Remove the oldest weeks while the database is larger than this: 4GB, 500MiB [default: never]",
    ),
    flag(
        "cors-origins",
        "ISEMS_CORS_ORIGINS",
        "server.cors_origins",
        List,
        "ORIGINS",
        "Origins whose web pages may read from the service, separated by commas; * allows any",
    ),
    flag(
        "base-path",
        "ISEMS_BASE_PATH",
        "server.base_path",
        Text,
        "PATH",
        "Path prefix under which a reverse proxy shows the service, such as /mesh; the proxy may remove it or not",
    ),
    flag(
        "map-tiles",
        "ISEMS_MAP_TILES",
        "server.map.tiles",
        Text,
        "TILES",
        "Ground below the map: a .pmtiles or .mbtiles file, or an address such as https://host/{z}/{x}/{y}.png",
    ),
    flag(
        "map-attribution",
        "ISEMS_MAP_ATTRIBUTION",
        "server.map.attribution",
        Text,
        "TEXT",
        "Words in which the makers of the tiles want to be named [default: those in the file, or the host]",
    ),
    flag(
        "api-tokens",
        "ISEMS_API_TOKENS",
        "access.tokens",
        List,
        "TOKENS",
        "Tokens that allow everything: NAME:TOKEN, separated by commas; a token has at least 16 characters",
    ),
    flag(
        "push-tokens",
        "ISEMS_PUSH_TOKENS",
        "access.push_tokens",
        List,
        "TOKENS",
        "Tokens that only allow sending measurements: NODE:TOKEN for one node, *:TOKEN for all, separated by commas",
    ),
    flag(
        "protect-reading",
        "ISEMS_PROTECT_READING",
        "access.protect_reading",
        Switch,
        "true|false",
        "Require a token for reading, too; health and documentation stay open",
    ),
    flag(
        "max-connections",
        "ISEMS_MAX_CONNECTIONS",
        "server.limits.connections",
        Number,
        "NUMBER",
        "Maximum number of HTTP connections; further clients wait",
    ),
    flag(
        "tls-certificate",
        "ISEMS_TLS_CERTIFICATE",
        "server.tls_certificate",
        Text,
        "FILE",
        "PEM file with the certificate chain; serves HTTPS instead of HTTP",
    ),
    flag(
        "tls-key",
        "ISEMS_TLS_KEY",
        "server.tls_key",
        Text,
        "FILE",
        "PEM file with the private key of the certificate; both files are reloaded when they change",
    ),
    flag(
        "public-url",
        "ISEMS_PUBLIC_URL",
        "server.public_url",
        Text,
        "URL",
        "Address at which people reach the service, for links in alerts: https://isems.example.org",
    ),
];

/// The flags of alerts.
static ALERTS: [Flag; 3] = [
    flag(
        "notify",
        "ISEMS_NOTIFY",
        "alerts.channels",
        List,
        "CHANNELS",
        "Channels through which people are told what happens, separated by commas: ntfys://TOKEN@HOST/TOPIC, \
         smtp://USER:PASSWORD@HOST/?from=A@B&to=C@D, webhook+https://HOST/PATH, mqtts://USER:PASSWORD@HOST/PREFIX or \
         exec:/PATH; then, after #, settings for that channel only: ...#severity=attention&quiet=22:00-07:00",
    ),
    flag(
        "alert-hold",
        "ISEMS_ALERT_HOLD",
        "alerts.hold",
        Text,
        "DURATION",
        "Time that something has to last before people are told",
    ),
    flag(
        "alert-time-zone",
        "ISEMS_ALERT_TIME_ZONE",
        "alerts.time_zone",
        Text,
        "NAME",
        "Time zone of quiet hours and digests, such as Europe/Berlin [default: that of the system]",
    ),
];

/// The default settings, as they would be written in a file.
static DEFAULTS: LazyLock<Value> =
    LazyLock::new(|| Value::try_from(Settings::default()).expect("settings are made of what TOML has"));

impl Flag {
    /// Returns the flags of a command.
    pub(super) fn of(command: &str) -> impl Iterator<Item = &'static Self> {
        let (poll, database, service, alerts): (&[Self], &[Self], &[Self], &[Self]) = match command {
            "serve" | "doctor" => (&POLL, &DATABASE, &SERVICE, &ALERTS),
            "poll" => (&POLL, &DATABASE, &[], &[]),
            "alerts" => (&[], &DATABASE, &[], &ALERTS),
            "openapi" => (&[], &[], &[], &[]),
            _ => (&[], &DATABASE, &[], &[]),
        };
        poll.iter().chain(database).chain(service).chain(alerts)
    }

    /// Returns whether the value is the path of the settings file rather than a setting in it.
    pub(super) fn is_file(&self) -> bool {
        self.path.is_empty()
    }

    /// Returns the name of the key that the flag would have if the file had no tables.
    pub(super) fn flat_key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Returns the default value as text, if there is any.
    fn default_text(&self) -> Option<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), Into::into);
        match self.path.split('.').try_fold(&*DEFAULTS, |table, key| table.get(key))? {
            Value::Array(values) if values.is_empty() => None,
            Value::Array(values) => Some(values.iter().map(text).collect::<Vec<_>>().join(",")),
            value => Some(text(value)),
        }
    }

    /// Returns the argument for the command line. Its values are only checked once they override the file.
    pub(super) fn argument(&self) -> Arg {
        let argument = Arg::new(self.name).long(self.name).env(self.environment).hide_env_values(true);
        let argument = argument.value_name(self.value).help(self.help);
        let argument = match self.form {
            List => argument.value_delimiter(',').action(ArgAction::Append),
            Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
            Text | Number => argument,
        };
        match self.default_text() {
            Some(text) => argument.default_value(text).hide_default_value(self.form == Switch),
            None => argument,
        }
    }

    /// Returns the value from the flag or the environment. A blank variable counts as unset, because container recipes
    /// often set such.
    pub(super) fn given(&'static self, matches: &ArgMatches) -> Option<Given> {
        let source = matches.value_source(self.name).filter(|source| *source != ValueSource::DefaultValue)?;
        let texts: Vec<String> = matches.get_many(self.name)?.cloned().collect();
        let is_from_environment = source == ValueSource::EnvVariable;
        if is_from_environment && texts.iter().all(|text| text.trim().is_empty()) {
            return None;
        }
        Some(Given { flag: self, texts, is_from_environment })
    }
}

impl Given {
    /// Returns the value as it would be written in the file.
    pub(super) fn value(&self) -> DeValue<'_> {
        let text = |text: &str| DeValue::String(text.to_owned().into());
        let all = || text(&self.texts.concat());
        match self.flag.form {
            Text => all(),
            List => {
                let texts = self.texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
                DeValue::Array(texts.map(|item| Spanned::new(0..0, text(item))).collect::<DeArray<'_>>())
            }
            // Anything that is not a number, or neither true nor false, stays text, which the setting then refuses.
            Number | Switch => match self.texts.first().map(|text| DeValue::parse(text.trim())) {
                Some(Ok(value)) if value.get_ref().is_integer() || value.get_ref().is_bool() => value.into_inner(),
                _ => all(),
            },
        }
    }

    /// Returns the name of the flag or variable that gives the value.
    pub(super) fn origin(&self) -> String {
        if self.is_from_environment { self.flag.environment.into() } else { format!("--{}", self.flag.name) }
    }
}
