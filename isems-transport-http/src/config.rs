//! The configuration of the transport.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::Target;

/// The targets to poll, and the settings for polling them. Durations are serialized as text such as `15m`, and
/// deserialized from that or from a number of seconds.
///
/// ```
/// # use std::{path::PathBuf, time::Duration};
/// # use isems_transport_http::HttpConfig;
/// let config: HttpConfig = serde_json::from_str(r#"{ "targets": ["10.0.0.7"], "interval": 600 }"#)?;
/// assert_eq!(config.interval, Duration::from_mins(10));
/// assert_eq!(config.targets[0].to_string(), "http://10.0.0.7/ISEMS/ffopenmppt.log");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The [name](isems_core::Transport::name) of the transport, under which its knowledge of the logs is kept.
    /// Default: `http`.
    pub name: String,
    /// The logs to poll. One that is listed twice is polled once.
    pub targets: Vec<Target>,
    /// The time from the start of one poll of a target to the start of its next. Default: 15 minutes.
    #[serde(with = "time")]
    pub interval: Duration,
    /// The number of targets polled at a time, not counting those that have become slow. Default: 16.
    #[serde(deserialize_with = "positive")]
    pub concurrency: usize,
    /// The time limit for looking up a node's address and connecting. Default: 10 seconds.
    #[serde(with = "time")]
    pub connect_timeout: Duration,
    /// The time limit for one request, from its start to the last byte of its answer. Default: 120 seconds.
    #[serde(with = "time")]
    pub total_timeout: Duration,
    /// A PEM file with the certificates of the authorities to trust for nodes with `https`, which is read when the
    /// transport is made. Default: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The maximum size of an answer in bytes, both on the wire and decompressed. Default: 8 MiB.
    #[serde(deserialize_with = "positive")]
    pub max_body_bytes: usize,
    /// The time after which a poll is slow and no longer counts towards `concurrency`. Default: 5 seconds.
    #[serde(with = "time")]
    pub slow_after: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            name: "http".into(),
            targets: Vec::new(),
            interval: Duration::from_mins(15),
            concurrency: 16,
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_mins(2),
            ca_file: None,
            max_body_bytes: 8 << 20,
            slow_after: Duration::from_secs(5),
        }
    }
}

impl HttpConfig {
    const LONGEST: Duration = Duration::from_hours(366 * 24);

    /// Returns a duration as it is if a poll can have it, and what was expected otherwise.
    pub(crate) fn checked(duration: Duration) -> Result<Duration, String> {
        if duration.is_zero() || duration > Self::LONGEST {
            return Err(format!("invalid duration {duration:?}: expected more than 0 seconds and at most 366 days"));
        }
        Ok(duration)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let durations = [
            ("interval", self.interval),
            ("connect_timeout", self.connect_timeout),
            ("total_timeout", self.total_timeout),
            ("slow_after", self.slow_after),
        ];
        for (setting, value) in durations {
            if Self::checked(value).is_err() {
                return Err(ConfigError::Duration { setting, value });
            }
        }
        for (setting, value) in [("concurrency", self.concurrency), ("max_body_bytes", self.max_body_bytes)] {
            if value == 0 {
                return Err(ConfigError::Zero { setting });
            }
        }
        Ok(())
    }
}

/// The reason why a transport cannot be made from a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A duration is zero, or longer than a year.
    #[error("invalid {setting} {value:?}: expected more than 0 seconds and at most 366 days")]
    Duration {
        /// The name of the field.
        setting: &'static str,
        /// The invalid value.
        value: Duration,
    },
    /// A number is zero.
    #[error("invalid {setting} 0: expected 1 or more")]
    Zero {
        /// The name of the field.
        setting: &'static str,
    },
    /// The HTTP client cannot be set up on this system.
    #[error("cannot set up the HTTP client: {cause}")]
    Client {
        /// The cause.
        cause: String,
    },
}

/// Durations that a poll can have.
mod time {
    use std::time::Duration;

    pub(super) use isems_core::duration::serialize;
    use serde::{Deserializer, de};

    use super::HttpConfig;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        HttpConfig::checked(isems_core::duration::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    if number == 0 { Err(de::Error::custom("invalid number 0: expected 1 or more")) } else { Ok(number) }
}
