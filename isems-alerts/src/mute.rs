//! Mutes: nobody is told of a node, or of a finding about it, for a time.

use serde::{Deserialize, Serialize};

use crate::{Code, Patterns, Subject};

/// Parses a duration with one unit, and returns it in seconds.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let unit = match unit.trim() {
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

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

/// A mute that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {name} {text:?}: expected {expected}")]
pub struct InvalidMute {
    name: &'static str,
    text: String,
    expected: &'static str,
}

impl Mute {
    /// Creates a mute from what somebody enters: patterns of a node and of a finding, the time that it lasts (`90m`,
    /// `12h`, `7d`, `2w`), a reason, and the moment, Unix seconds, UTC.
    pub fn new(
        node: &str,
        finding: Option<String>,
        time: &str,
        reason: Option<String>,
        now: i64,
    ) -> Result<Self, InvalidMute> {
        let invalid = |name, text: &str, expected| InvalidMute { name, text: text.into(), expected };
        let node = node.trim();
        if node.is_empty() {
            return Err(invalid("node", node, "the name of a node, or a pattern such as Hafen* or *"));
        }
        let finding = finding.filter(|finding| !finding.trim().is_empty());
        if let Some(pattern) = &finding {
            let pattern = Patterns::new([pattern]);
            if !Code::all().any(|code| pattern.matches(code.name())) {
                let text = finding.as_deref().unwrap_or_default();
                return Err(invalid(
                    "finding",
                    text,
                    "the code of a finding, such as silent, or a pattern such as battery*",
                ));
            }
        }
        let seconds = seconds(time).filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or_else(|| invalid("time", time, "a duration such as 90m, 12h, 7d or 2w"))?;
        let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        Ok(Self { id: 0, node: node.into(), finding, since: now, until: now.saturating_add(seconds), reason })
    }

    /// Returns whether a thing is muted at a moment, Unix seconds, UTC.
    pub fn covers(&self, subject: &Subject, code: Code, at: i64) -> bool {
        let is_its_node = match subject {
            Subject::Node(node) => Patterns::new([&self.node]).matches(node.as_str()),
            Subject::Collector(_) => self.node == "*",
        };
        let is_its_finding = self.finding.as_ref().is_none_or(|finding| Patterns::new([finding]).matches(code.name()));
        at < self.until && is_its_node && is_its_finding
    }
}
