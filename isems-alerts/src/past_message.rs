//! The history of messages.

use serde::{Deserialize, Serialize};

use crate::{Letter, MessageKind};

/// A message that was delivered or given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastMessage {
    /// The channel.
    pub channel: String,
    /// The idempotency key.
    pub id: String,
    /// The kind of message.
    pub kind: MessageKind,
    /// The time at which it was written, Unix seconds, UTC.
    pub at: i64,
    /// The time at which it was delivered or given up, Unix seconds, UTC.
    pub done_at: i64,
    /// The whole in a few words.
    pub title: String,
    /// The text.
    pub text: String,
    /// The answer of the other side, or the problem why it did not arrive.
    pub answer: Result<String, String>,
}

impl PastMessage {
    pub(crate) fn of(letter: Letter, done_at: i64, answer: Result<String, String>) -> Self {
        let Letter { channel, message, .. } = letter;
        let (id, kind, at, title, text) = (message.id, message.kind, message.at, message.title, message.text);
        Self { channel, id, kind, at, done_at, title, text, answer }
    }
}
