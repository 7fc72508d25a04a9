//! Nodes: their names and their records.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Measurement;

/// The name of a node as its owner typed it; expect spaces, dots and umlauts.
///
/// It has one to [`NodeId::MAX_BYTES`] bytes of UTF-8. It is not all white space, and contains no control characters,
/// no U+FEFF (which is invisible) and no `;` (which separates the fields of a csvlog line). It is case-sensitive and
/// never trimmed, and ordered by its UTF-8 bytes. Clones share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The maximum length of a name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 128;

    /// Makes a node id of a valid name.
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

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The reason why a text is not a valid [`NodeId`].
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

/// A repository's record of a node, which exists from the node's first stored measurement on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The node's name.
    pub id: NodeId,
    /// The number of the node's measurements that are kept.
    pub measurements: u64,
    /// The measured time of the oldest measurement that is kept, Unix seconds, UTC.
    pub first_timestamp: i64,
    /// The time at which the node's first measurement arrived, Unix seconds, UTC. It stays when that measurement is
    /// deleted. For nodes from files that did not record it yet, it is the first timestamp.
    pub first_received_at: i64,
    /// The time at which something of the node was last stored, Unix seconds, UTC.
    pub last_received_at: i64,
    /// The newest measurement by measured time.
    pub latest: Measurement,
}
