//! Letters: messages on their way.

use serde::{Deserialize, Serialize};

use crate::Message;

/// The pause after the first attempt that failed, seconds. It doubles with each further one.
const FIRST_PAUSE: i64 = 10;

/// The longest pause between two attempts, seconds.
const LONGEST_PAUSE: i64 = 3600;

/// The number of attempts after which a message is given up: with these pauses, they take a day, whatever the clock
/// says.
const ATTEMPTS: u32 = 33;

/// A message on its way to a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// The channel.
    pub channel: String,
    /// The message.
    pub message: Message,
    /// The number of attempts that failed.
    pub attempts: u32,
    /// The earliest time of the next attempt, Unix seconds, UTC.
    pub next_at: i64,
    /// The problem of the last attempt.
    pub problem: Option<String>,
}

impl Letter {
    pub(crate) fn new(channel: &str, message: Message) -> Self {
        let next_at = message.at;
        Self { channel: channel.into(), message, attempts: 0, next_at, problem: None }
    }

    /// Returns whether it should be delivered now. A clock that was set back makes nothing wait.
    pub(crate) fn is_due(&self, at: i64) -> bool {
        self.next_at <= at || self.next_at - at > LONGEST_PAUSE
    }

    /// Takes note of an attempt that failed. Returns whether to give up.
    pub(crate) fn fail(&mut self, at: i64, problem: &str, pause: Option<i64>) -> bool {
        let growing = FIRST_PAUSE << self.attempts.min(9);
        self.attempts += 1;
        self.next_at = at + growing.max(pause.unwrap_or(0)).min(LONGEST_PAUSE);
        self.problem = Some(problem.into());
        self.attempts >= ATTEMPTS
    }
}
