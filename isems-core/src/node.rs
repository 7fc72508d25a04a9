//! Nodes: their names, and what is known of each.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Measurement;

/// The name of a node, as its owner typed it: spaces, dots and umlauts happen.
///
/// One to [`NodeId::MAX_BYTES`] bytes of UTF-8, not only white space, without control characters, without U+FEFF (which
/// nobody can see) and without `;` (which separates the fields of a csvlog line). Case matters, nothing is trimmed.
/// Ordered by the bytes of its UTF-8. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 128;

    /// Checks a name and makes a node id of it.
    pub fn new(name: &str) -> Result<Self, InvalidNodeId> {
        let problem = if name.is_empty() {
            "it is empty"
        } else if name.len() > Self::MAX_BYTES {
            "it is longer than 128 bytes"
        } else if name.chars().all(char::is_whitespace) {
            "it is only white space"
        } else if name.contains(';') {
            "it contains `;`"
        } else if name.contains('\u{feff}') {
            "it contains a byte order mark"
        } else if name.chars().any(char::is_control) {
            "it contains a control character"
        } else {
            return Ok(Self(name.into()));
        };
        Err(InvalidNodeId { name: name.chars().take(Self::MAX_BYTES).collect(), problem })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no [`NodeId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid node id {name:?}: {problem}")]
pub struct InvalidNodeId {
    name: String,
    problem: &'static str,
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeId({:?})", &*self.0)
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<String> for NodeId {
    type Error = InvalidNodeId;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0.as_ref().into()
    }
}

/// What a repository knows of a node. It exists from the node's first stored measurement on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The node's name.
    pub id: NodeId,
    /// How many measurements of the node are kept.
    pub measurements: u64,
    /// Measured time of the oldest measurement that is kept, Unix seconds, UTC.
    pub first_timestamp: i64,
    /// When the first of what was ever stored of the node arrived, Unix seconds, UTC. It stays when that is deleted. Of
    /// nodes in files that did not keep it yet it is the first timestamp.
    pub first_received_at: i64,
    /// When something of the node was last stored, Unix seconds, UTC.
    pub last_received_at: i64,
    /// The newest measurement by measured time.
    pub latest: Measurement,
}
