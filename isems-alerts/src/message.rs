//! Messages to people.

use isems_insight::FindingSeverity;
use serde::{Deserialize, Serialize};

use crate::{Code, Subject, severity};

/// A message to people, in the language of its channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The idempotency key: the same for each attempt to deliver the message, and never that of another one. Letters,
    /// digits and hyphens.
    pub id: String,
    /// The kind of message.
    pub kind: MessageKind,
    /// When it was written, Unix seconds, UTC.
    pub at: i64,
    /// The highest severity of what it tells; `info` if all of that is over.
    #[serde(with = "severity")]
    pub severity: FindingSeverity,
    /// The whole in a few words, without a line break.
    pub title: String,
    /// The text, in lines. It is complete without the title.
    pub text: String,
    /// The page to look at, if the address of the server is known.
    pub link: Option<String>,
    /// Everything that is told, for programs.
    pub items: Vec<Item>,
}

/// The kind of a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageKind {
    /// Something has changed.
    Alert,
    /// The regular report on everything.
    Digest,
    /// Somebody tries whether messages arrive.
    Test,
}

impl MessageKind {
    pub(crate) fn is_alert(self) -> bool {
        self == Self::Alert
    }

    pub(crate) fn is_digest(self) -> bool {
        self == Self::Digest
    }
}

/// One thing that a [`Message`] tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The node, or the collector.
    pub subject: Subject,
    /// The matter.
    pub code: Code,
    /// The change.
    pub change: Change,
    /// The severity.
    #[serde(with = "severity")]
    pub severity: FindingSeverity,
    /// Since when it has been so, Unix seconds, UTC.
    pub since: i64,
    /// Until when it was so, Unix seconds, UTC; `None` while it lasts.
    pub until: Option<i64>,
    /// It in words: whom, what, since when, how bad, and what to do.
    pub text: String,
    /// The page of the node, if the address of the server is known.
    pub link: Option<String>,
}

/// The change of an [`Item`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is told for the first time.
    Raised,
    /// It was told before, and is worse now.
    Worsened,
    /// It was told before, and still lasts.
    Repeated,
    /// It was told before, and is over.
    Cleared,
    /// It could not be told while it lasted, and is over.
    Passed,
}

impl Change {
    /// Returns whether it lasts.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Raised | Self::Worsened | Self::Repeated)
    }
}
