//! Channels: who is told what, when, and in which language.

use std::{fmt, sync::Arc, time::Duration};

use isems_dashboard::Language;
use isems_insight::FindingSeverity;
use serde::{Deserialize, Serialize};

use crate::{Code, DigestTime, Notifier, Patterns, QuietHours, Subject, language, severity};

/// A channel to people.
#[derive(Clone)]
pub struct Channel {
    /// Its name, which no other channel has. What it was told is remembered under this name.
    pub name: String,
    /// The way to reach the people.
    pub notifier: Arc<dyn Notifier>,
    /// The choice of what they are told, and when.
    pub options: ChannelOptions,
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, options, .. } = self;
        formatter.debug_struct("Channel").field("name", name).field("options", options).finish_non_exhaustive()
    }
}

/// The choice of what the people behind a channel are told, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelOptions {
    /// The least severity that is told: `info`, `attention` or `urgent`. Default: `urgent`.
    #[serde(with = "severity")]
    pub severity: FindingSeverity,
    /// The nodes, as names with `*` and `?`. The collector's own troubles are told whatever they are. Default: all.
    pub nodes: Patterns,
    /// The findings and troubles, as names with `*` and `?`. Default: all.
    pub findings: Patterns,
    /// The language: `en` or `de`. Default: `en`.
    #[serde(with = "language")]
    pub language: Language,
    /// The time of day in which only what is urgent is told: `22:00-07:00`. The rest waits for its end. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// The time after which something that still lasts is told again. Default: never.
    #[serde(with = "crate::optional_duration", skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Duration>,
    /// When everything is reported regularly, even if all is well: `18:00`, or `mon 08:00`. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestTime>,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            severity: FindingSeverity::Urgent,
            nodes: Patterns::default(),
            findings: Patterns::default(),
            language: Language::English,
            quiet: None,
            repeat: None,
            digest: None,
        }
    }
}

impl ChannelOptions {
    /// Returns whether the people are told of a thing at all, whatever its severity.
    pub fn wants(&self, subject: &Subject, code: Code) -> bool {
        subject.node().is_none_or(|node| self.nodes.matches(node.as_str())) && self.findings.matches(code.name())
    }
}
