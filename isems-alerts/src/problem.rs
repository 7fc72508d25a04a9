//! Problems that people may be told of.

use std::collections::BTreeMap;

use isems_core::NodeId;
use isems_insight::{Finding, FindingCode, FindingSeverity, FindingValue};
use serde::{Deserialize, Serialize};

use crate::{Code, Subject, Trouble, severity};

/// A problem that people may be told of: a finding about a node, or a trouble of the collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The node, or the collector.
    pub subject: Subject,
    /// The matter.
    pub code: Code,
    /// The severity.
    #[serde(with = "severity")]
    pub severity: FindingSeverity,
    /// Since when it has been so, Unix seconds, UTC.
    pub since: i64,
    /// The figures and words behind it, by name.
    pub facts: BTreeMap<String, Fact>,
}

/// A figure or a word of a [`Problem`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// A finite number, in the unit that its name carries.
    Number(f64),
    /// A time, Unix seconds, UTC.
    Time(i64),
    /// A word.
    Text(String),
}

impl From<&FindingValue> for Fact {
    fn from(value: &FindingValue) -> Self {
        match value {
            FindingValue::Number(number) => Self::Number(*number),
            FindingValue::Time(time) => Self::Time(*time),
            FindingValue::Text(text) => Self::Text(text.clone()),
        }
    }
}

impl From<&Fact> for FindingValue {
    fn from(fact: &Fact) -> Self {
        match fact {
            Fact::Number(number) => Self::Number(*number),
            Fact::Time(time) => Self::Time(*time),
            Fact::Text(text) => Self::Text(text.clone()),
        }
    }
}

impl Problem {
    /// Creates the problem that a finding about a node is.
    pub fn of_node(node: &NodeId, finding: &Finding) -> Self {
        Self {
            subject: Subject::Node(node.clone()),
            code: Code::Finding(finding.code),
            severity: finding.severity,
            since: finding.since,
            facts: finding.values.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect(),
        }
    }

    /// Creates the problem that a trouble of the collector is: of which part, since when, and details in words.
    pub fn of_collector(part: &str, trouble: Trouble, since: i64, detail: Option<String>) -> Self {
        Self {
            subject: Subject::Collector(part.into()),
            code: Code::Trouble(trouble),
            severity: FindingSeverity::Urgent,
            since,
            facts: detail.map(|detail| ("detail".to_owned(), Fact::Text(detail))).into_iter().collect(),
        }
    }

    /// Returns a fact that is a time.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        match self.facts.get(name)? {
            Fact::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// Returns a fact that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.facts.get(name)? {
            Fact::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns a fact that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.facts.get(name)? {
            Fact::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether it is the same matter as another one, so that one goes on as the other. A silence whose cause
    /// becomes clear is still the same silence.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        self.subject == other.subject && (self.code == other.code || self.is_off() && other.is_off())
    }

    /// Returns whether nothing comes from the node any more.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self.code, Code::Finding(FindingCode::Silent | FindingCode::RanEmpty))
    }

    pub(crate) fn is_finding(&self, code: FindingCode) -> bool {
        self.code == Code::Finding(code)
    }
}
