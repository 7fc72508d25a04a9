//! Mutes: nobody is told of a node, or of a finding about it, for a time.

use serde::{Deserialize, Serialize};

use crate::{Code, Patterns, Subject};

/// A mute. What is over before the mute is over is never told; what lasts longer is told then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mute {
    /// The number by which it can be ended.
    pub id: u64,
    /// The nodes, as a name with `*` and `?`; the collector's own troubles are muted by `*`.
    pub node: String,
    /// The finding or trouble, as a name with `*` and `?`. `None` mutes all.
    pub finding: Option<String>,
    /// The time at which it began, Unix seconds, UTC.
    pub since: i64,
    /// The time at which it ends, Unix seconds, UTC.
    pub until: i64,
    /// The reason that somebody gave.
    pub reason: Option<String>,
}

impl Mute {
    /// Returns whether a thing is muted at a moment, Unix seconds, UTC.
    pub(crate) fn covers(&self, subject: &Subject, code: Code, at: i64) -> bool {
        let is_its_node = match subject {
            Subject::Node(node) => Patterns::new([&self.node]).matches(node.as_str()),
            Subject::Collector(_) => self.node == "*",
        };
        let is_its_finding = self.finding.as_ref().is_none_or(|finding| Patterns::new([finding]).matches(code.name()));
        at < self.until && is_its_node && is_its_finding
    }
}
