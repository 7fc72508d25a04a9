//! Settings: flags, environment and a TOML file, in this order of precedence, under one set of names.
//!
//! The flags are declared once, with clap. What the environment and the file say become the flags' default values, so
//! that every value is read, checked and reported in one way wherever it comes from.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt, fs, iter,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};
use isems_transport_http::Target;
use isems_transport_mqtt::Broker;
use jiff::SignedDuration;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "isems-server",
    version,
    args_conflicts_with_subcommands = true,
    about = "Collects, keeps and serves the measurements of off-grid solar mesh nodes (ISEMS)",
    after_help = "\
Try it with simulated nodes:  isems-server --demo
Poll two nodes:               isems-server --router-ips 10.36.0.7,10.36.0.9
Follow a broker:              isems-server --mqtt-server broker.mesh
Then open http://127.0.0.1:5000/ in a browser.

Every setting can also stand in the environment (under the name in brackets) or in a
TOML file (under the flag's name with underscores, see isems.example.toml). A flag goes
before the environment, and that before the file."
)]
pub struct Arguments {
    /// What to do; serve if nothing else is said.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// The arguments of serve, where no command is named.
    #[command(flatten)]
    pub serve: ServeArguments,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Collect measurements and serve them over HTTP, until SIGINT or SIGTERM (the default)
    Serve(ServeArguments),
    /// Poll every configured node once, and print what came; exit code 1 if any node failed
    Poll(PollArguments),
    /// Print the OpenAPI document of the HTTP service
    Openapi,
}

/// The arguments of serve.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Poll simulated nodes with two days of history instead of real ones (20 if no number is given). The database is
    /// temporary unless one is named
    #[arg(long, value_name = "NODES", num_args = 0..=1, default_missing_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub demo: Option<u32>,
    /// What concerns storing and polling.
    #[command(flatten)]
    pub collect: PollArguments,
    /// What concerns serving.
    #[command(flatten)]
    pub service: ServiceArguments,
}

/// The settings of storing and polling.
#[derive(Debug, Args)]
pub struct PollArguments {
    /// TOML file with settings
    #[arg(long, env = "ISEMS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Nodes to poll.
    #[arg(
        help = "Nodes to poll, separated by commas: an address, host:port, or a URL such as http://node/csv.log",
        long,
        env = "ISEMS_ROUTER_IPS",
        value_name = "NODES",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub router_ips: Vec<Secret>,

    /// Database file: a path, or redb:PATH [default: isems.redb]
    #[arg(long, env = "DATABASE_URL", value_name = "PATH", hide_env_values = true, value_parser = database_path)]
    pub database_url: Option<PathBuf>,

    /// How much is logged
    #[arg(long, env = "ISEMS_LOG", value_name = "LEVEL", default_value = "info", hide_env_values = true)]
    pub log: LogLevel,

    /// How it is logged: for people, or as JSON lines
    #[arg(long, env = "ISEMS_LOG_FORMAT", value_name = "FORMAT", default_value = "human", hide_env_values = true)]
    pub log_format: LogFormat,
}

/// The settings of serving.
#[derive(Debug, Args)]
pub struct ServiceArguments {
    /// How often every node is polled
    #[arg(long, env = "ISEMS_POLL_INTERVAL", value_name = "DURATION", default_value = "15m", hide_env_values = true,
          value_parser = positive_duration)]
    pub poll_interval: Duration,

    /// MQTT broker to subscribe at: host, host:port, or mqtt(s)://user:password@host:port
    #[arg(long, env = "MQTT_SERVER", value_name = "BROKER", hide_env_values = true)]
    pub mqtt_server: Option<Secret>,

    /// MQTT topic filters, separated by commas; the last level is csvlog or data.json, the node the one before it
    #[arg(
        long,
        env = "ISEMS_MQTT_TOPICS",
        value_name = "FILTERS",
        value_delimiter = ',',
        hide_env_values = true,
        default_value = "/isems/+/csvlog,/isems/+/data.json,isems/+/+/+/data.json"
    )]
    pub mqtt_topics: Vec<String>,

    /// MQTT client id [default: made once and kept in the database]
    #[arg(long, env = "ISEMS_MQTT_CLIENT_ID", value_name = "ID", hide_env_values = true)]
    pub mqtt_client_id: Option<String>,

    /// PEM file with the certificate authority of an mqtts:// broker [default: those of the system]
    #[arg(long, env = "ISEMS_MQTT_CA_FILE", value_name = "FILE", hide_env_values = true)]
    pub mqtt_ca_file: Option<PathBuf>,

    /// Address to serve HTTP at
    #[arg(long, env = "ISEMS_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:5000", hide_env_values = true,
          value_parser = socket_address)]
    pub listen: SocketAddr,

    /// Nodes whose newest measurement is older than this many days are left out of /measurements/latest
    #[arg(long, env = "HIDE_INACTIVE_AFTER_DAYS", value_name = "DAYS", default_value = "30", hide_env_values = true)]
    pub hide_inactive_after_days: u32,

    /// Hold writes to the disk back for this long, so that an SD card sees fewer of them
    #[arg(long, env = "ISEMS_COMMIT_INTERVAL", value_name = "DURATION", default_value = "0s", hide_env_values = true,
          value_parser = short_duration)]
    pub commit_interval: Duration,

    /// Origins whose web pages may read the service from a browser, separated by commas; * is any
    #[arg(long, env = "ISEMS_CORS_ORIGINS", value_name = "ORIGINS", default_value = "*", value_delimiter = ',',
          hide_env_values = true, value_parser = origin)]
    pub cors_origins: Vec<String>,
}

/// A text that may carry a password. It is shown to nobody.
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

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what got worse.
    Warn,
    /// And every change of state.
    Info,
    /// And every poll and connection.
    Debug,
    /// And everything else.
    Trace,
}

/// How it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Human,
    /// A JSON object a line.
    Json,
}

/// Settings that cannot be used. Its text says which, the value, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) String);

impl PollArguments {
    /// The database file, `isems.redb` where none is named.
    pub fn database(&self) -> &Path {
        self.database_url.as_deref().unwrap_or(Path::new("isems.redb"))
    }

    /// The nodes to poll.
    pub fn targets(&self) -> Result<Vec<Target>, InvalidSetting> {
        let texts = self.router_ips.iter().map(|Secret(text)| text.trim()).filter(|text| !text.is_empty());
        texts
            .map(|text| text.parse().map_err(|error| InvalidSetting(format!("router_ips (ISEMS_ROUTER_IPS): {error}"))))
            .collect()
    }
}

impl ServiceArguments {
    /// The broker to subscribe at.
    pub fn broker(&self) -> Result<Option<Broker>, InvalidSetting> {
        let text = self.mqtt_server.as_ref().map(|Secret(text)| text.trim()).filter(|text| !text.is_empty());
        text.map(|text| text.parse().map_err(|error| InvalidSetting(format!("mqtt_server (MQTT_SERVER): {error}"))))
            .transpose()
    }
}

impl Arguments {
    /// Reads flags, environment and file. What is wrong, and also help and version, is an error that clap can
    /// [print](clap::Error::exit).
    pub fn read(flags: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let flags: Vec<OsString> = flags.into_iter().collect();
        let command = Self::command();
        check_environment(&command)?;
        let file = config_flag(&flags).or_else(|| environment_value("ISEMS_CONFIG").map(PathBuf::from));
        let file = file.map(|path| File::read(&command, path)).transpose()?;
        let command = with_file(command, file.as_ref());
        let matches = command
            .clone()
            .try_get_matches_from(&flags)
            .map_err(|error| with_origin(error, &command, &flags, file.as_ref()))?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command.clone()))
    }
}

/// What can be set by environment and file: every argument with a name in the environment.
fn settings(command: &Command) -> impl Iterator<Item = &clap::Arg> {
    command.get_arguments().filter(|argument| argument.get_env().is_some())
}

fn environment_name(argument: &clap::Arg) -> &str {
    argument.get_env().and_then(OsStr::to_str).unwrap_or_default()
}

/// The value of an environment variable. A blank one is as good as none: container recipes often set such.
fn environment_value(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| value.to_str().is_none_or(|value| !value.trim().is_empty()))
}

/// A misspelt name must not pass for a default.
fn check_environment(command: &Command) -> Result<(), clap::Error> {
    let known: Vec<&str> = settings(command).map(environment_name).collect();
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("ISEMS_") && !known.contains(&&*name) {
            let message = format!("unknown environment variable {name}; known are {}", known.join(", "));
            return Err(command.clone().error(ErrorKind::UnknownArgument, message));
        }
    }
    Ok(())
}

/// The value of `--config`, before the command line as a whole can be read.
fn config_flag(flags: &[OsString]) -> Option<PathBuf> {
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if flag == "--config" {
            return flags.next().map(PathBuf::from);
        }
        if let Some(path) = flag.to_str().and_then(|flag| flag.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    None
}

/// A settings file: its values as text, by the id of their flag.
struct File {
    path: PathBuf,
    values: Vec<(String, Vec<String>)>,
}

impl File {
    fn read(command: &Command, path: PathBuf) -> Result<Self, clap::Error> {
        let fail = |message: String| command.clone().error(ErrorKind::ValueValidation, message);
        let shown = path.display();
        let text = fs::read_to_string(&path).map_err(|error| fail(format!("cannot read {shown}: {error}")))?;
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| fail(format!("{shown} is no TOML: {}", error.message())))?;
        let known: Vec<&str> =
            settings(command).map(|setting| setting.get_id().as_str()).filter(|id| *id != "config").collect();
        let mut values = Vec::new();
        for (key, value) in table {
            if !known.contains(&key.as_str()) {
                return Err(fail(format!("unknown key {key} in {shown}; known are {}", known.join(", "))));
            }
            let texts = match value {
                toml::Value::Array(items) => items.into_iter().map(text_of).collect(),
                value => text_of(value).map(|text| vec![text]),
            };
            let expected =
                || format!("invalid value of {key} in {shown}: expected a text, a number or a list of texts");
            let texts = texts.ok_or_else(|| fail(expected()))?;
            values.push((key, texts));
        }
        Ok(Self { path, values })
    }

    fn value(&self, id: &str) -> Option<&[String]> {
        self.values.iter().find(|(key, _)| key == id).map(|(_, values)| values.as_slice())
    }
}

fn text_of(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Makes what the file says the default values of the flags, here and in the subcommands.
fn with_file(command: Command, file: Option<&File>) -> Command {
    let command = command.mut_args(|argument| {
        let is_set = argument.get_env().and_then(env::var_os).is_some();
        let is_blank = is_set && environment_value(environment_name(&argument)).is_none();
        let value = file.and_then(|file| file.value(argument.get_id().as_str())).map(<[_]>::to_vec);
        let argument = if is_blank { argument.env(Resettable::Reset) } else { argument };
        match value {
            Some(values) => argument.default_values(values).hide_default_value(true),
            None => argument,
        }
    });
    command.mut_subcommands(|subcommand| with_file(subcommand, file))
}

/// An error names the flag. When the value came from elsewhere, it says from where.
fn with_origin(mut error: clap::Error, command: &Command, flags: &[OsString], file: Option<&File>) -> clap::Error {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else { return error };
    let long = name.split([' ', '=']).next().unwrap_or_default().to_owned();
    let given = |flag: &OsString| flag.to_str().is_some_and(|flag| flag.split('=').next() == Some(&*long));
    let commands = iter::once(command).chain(command.get_subcommands());
    let argument = commands
        .flat_map(Command::get_arguments)
        .find(|argument| argument.get_long() == Some(long.trim_start_matches('-')));
    let Some(argument) = argument.filter(|_| !flags.iter().any(given)) else { return error };
    let environment = environment_name(argument);
    let origin = if environment_value(environment).is_some() {
        format!("the value stands in the environment variable {environment}")
    } else if let Some(file) = file.filter(|file| file.value(argument.get_id().as_str()).is_some()) {
        format!("the value stands under {} in {}", argument.get_id(), file.path.display())
    } else {
        return error;
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![origin.into()]));
    error
}

fn database_path(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("redb:").unwrap_or(text);
    if text.starts_with("sqlite:") {
        return Err("this is the database of the Python collector, which isems-server cannot open; name a new file, \
                    such as isems.redb, and leave the old one where it is"
            .into());
    }
    match path.split_once("://") {
        _ if path.is_empty() => Err("expected a path, such as isems.redb".into()),
        Some((scheme, _)) => {
            Err(format!("databases of the kind {scheme}: are not known; expected a path or redb:PATH"))
        }
        None => Ok(path.into()),
    }
}

/// A duration such as `15m`, `90s` or `1h 30m`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 90s, 15m or 1h".to_owned();
    if let Ok(seconds) = text.trim().parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    duration.try_into().map_err(|_| expected())
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < Duration::from_secs(1) { Err("expected at least 1s".into()) } else { Ok(duration) }
}

fn short_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration > Duration::from_mins(1) { Err("expected at most 1m".into()) } else { Ok(duration) }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an address and a port, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000";
    text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| expected.into())
}

fn origin(text: &str) -> Result<String, String> {
    let is_origin = text
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
    let ascii = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text == "*" || is_origin && ascii {
        Ok(text.into())
    } else {
        Err("expected * or an origin such as https://map.example.org".into())
    }
}
