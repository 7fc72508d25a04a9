//! The configuration of the transport.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Target;

/// Which nodes are polled, and how. Durations are numbers of seconds when it is read or written.
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
    /// The [name](isems_core::Transport::name) of the transport, which is kept with what it knows of logs. `http` unless
    /// told.
    pub name: String,
    /// The logs to poll. One that is listed twice is polled once.
    pub targets: Vec<Target>,
    /// The time from the start of a poll to the start of the next one of the same target. 15 minutes unless told.
    #[serde(with = "seconds")]
    pub interval: Duration,
    /// How many targets are polled at a time, those not counted that have become slow. 16 unless told.
    pub concurrency: usize,
    /// How long it may take to find a node's address and to connect. 10 seconds unless told.
    #[serde(with = "seconds")]
    pub connect_timeout: Duration,
    /// How long one request may take, from the start to the last byte of its answer. 120 seconds unless told.
    #[serde(with = "seconds")]
    pub total_timeout: Duration,
    /// A PEM file with the certificates of the authorities to trust, for nodes with `https`. It is read when the transport is
    /// made. Those that the system trusts unless told.
    pub ca_file: Option<PathBuf>,
    /// How large an answer may be, in bytes, both as it travels and when it is decompressed. 8 MiB unless told.
    pub max_body_bytes: usize,
    /// How long a poll counts among those that are limited by `concurrency`. 5 seconds unless told.
    #[serde(with = "seconds")]
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
    pub(crate) const LONGEST: Duration = Duration::from_hours(366 * 24);

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let durations = [
            ("interval", self.interval),
            ("connect_timeout", self.connect_timeout),
            ("total_timeout", self.total_timeout),
            ("slow_after", self.slow_after),
        ];
        for (setting, value) in durations {
            if value.is_zero() || value > Self::LONGEST {
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

/// Why a transport cannot be made from a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A duration is zero, or longer than a year.
    #[error("invalid {setting} {value:?}: expected more than 0 seconds and at most 366 days")]
    Duration {
        /// The name of the field.
        setting: &'static str,
        /// What it is set to.
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
        /// Why.
        cause: String,
    },
}

/// Durations as numbers of seconds, fractions allowed.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        if duration.subsec_nanos() == 0 {
            serializer.serialize_u64(duration.as_secs())
        } else {
            serializer.serialize_f64(duration.as_secs_f64())
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| de::Error::custom(format_args!("invalid duration {seconds}: expected a number of seconds")))
    }
}
