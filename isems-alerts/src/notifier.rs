//! The trait of every way to reach people.

use std::time::Duration;

use async_trait::async_trait;

use crate::Message;

/// A way to reach people: ntfy, e-mail, a webhook.
///
/// # Contract
///
/// * `Ok` means that the other side has taken the message over, and a word of what it answered, for people. It is not
///   delivered again.
/// * An error means that it may not have. The same message, with the same [id](Message::id), is delivered again later,
///   with growing pauses, for a day. So whoever receives it twice can tell.
/// * It is called for one message of its channel at a time, in order. What it does not answer within a minute has
///   failed: its future is dropped.
/// * It keeps nothing between two messages that it could not do without, and decides nothing: grouping, waiting and
///   repeating are the caller's.
/// * Neither answers nor errors show secrets, such as tokens and passwords in addresses.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers a message.
    async fn notify(&self, message: &Message) -> Result<String, NotifyError>;
}

/// A message that may not have arrived.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct NotifyError {
    /// The problem, and what to do about it, in one line without secrets.
    pub problem: String,
    /// The pause that the other side asked for before the next attempt.
    pub retry_after: Option<Duration>,
}

impl NotifyError {
    /// Creates an error for which the usual pause fits.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), retry_after: None }
    }
}
