//! The subject of an alert.

use std::fmt;

use isems_core::NodeId;
use serde::{Deserialize, Serialize};

/// The subject of an alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The collector itself, or a part of it: the name of a transport, or empty.
    Collector(String),
    /// A node.
    Node(NodeId),
}

impl Subject {
    /// Returns the node, if it is one.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Collector(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => formatter.write_str(node.as_str()),
            Self::Collector(part) => formatter.write_str(part),
        }
    }
}
