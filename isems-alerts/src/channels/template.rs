//! Texts with placeholders for the parts of a message.

use isems_insight::FindingSeverity;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Message, MessageKind};

/// A text with placeholders such as `{{title}}`.
#[derive(Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
    escape: Escape,
}

/// The way in which values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// As they are.
    None,
    /// As the inside of a JSON string.
    Json,
    /// Percent-encoded.
    Url,
}

#[derive(Clone)]
enum Part {
    Text(String),
    Placeholder(Value),
}

/// Returns the value of a placeholder.
type Value = fn(&Message) -> String;

/// The placeholders by name.
const PLACEHOLDERS: [(&str, Value); 8] = [
    ("id", |message| message.id.clone()),
    ("kind", |message| kind(message.kind).into()),
    ("at", |message| message.at.to_string()),
    ("severity", |message| message.severity.name().into()),
    ("priority", |message| priority(message.severity).to_string()),
    ("title", |message| message.title.clone()),
    ("text", |message| message.text.clone()),
    ("link", |message| message.link.clone().unwrap_or_default()),
];

impl Template {
    pub(super) fn new(text: &str, escape: Escape) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("a {{ is not closed by }}")?;
            let placeholder = PLACEHOLDERS.into_iter().find(|(known, _)| *known == name.trim());
            let (_, value) = placeholder.ok_or_else(|| {
                let known = PLACEHOLDERS.map(|(name, _)| format!("{{{{{name}}}}}")).join(", ");
                format!("the placeholder number {} is unknown: known are {known}", parts.len() / 2 + 1)
            })?;
            parts.extend([Part::Text(before.into()), Part::Placeholder(value)]);
            rest = after;
        }
        parts.push(Part::Text(rest.into()));
        Ok(Self { parts, escape })
    }

    /// Returns the text for a message.
    pub(super) fn fill(&self, message: &Message) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(value) => self.escape.apply(&value(message)),
        };
        self.parts.iter().map(text).collect()
    }
}

impl Escape {
    fn apply(self, value: &str) -> String {
        match self {
            Self::None => value.into(),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted[1..quoted.len() - 1].into()
            }
            Self::Url => utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        }
    }
}

/// Returns the name of a kind, as it is serialized.
pub(super) fn kind(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Alert => "alert",
        MessageKind::Digest => "digest",
        MessageKind::Test => "test",
    }
}

/// Returns the priority from 0 to 10, as Gotify counts.
fn priority(severity: FindingSeverity) -> u8 {
    match severity {
        FindingSeverity::Info => 2,
        FindingSeverity::Attention => 5,
        FindingSeverity::Urgent => 8,
    }
}
