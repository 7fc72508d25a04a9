//! The trait of what keeps measurements.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;

use crate::{BoxError, Fault, Measurement, Node, NodeId, Reject};

/// Keeps measurements, and answers questions about them.
///
/// The key of a measurement is its node and its second. Order of arrival never matters. All methods may be called at any
/// time from many tasks. [`isems_core::testing`](crate::testing) has a conformance suite for implementations.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Stores a batch, all of it or nothing, and returns when it is durable.
    ///
    /// A measurement whose key is new is stored. One whose key is stored with the
    /// [same values](Measurement::same_values) is a duplicate and changes nothing. One whose key is stored with other
    /// values is a conflict: the first one stays. The same holds within a batch, in its order. Rejects are appended to the
    /// reject log, of which at least the newest 10,000 are kept. Cost: one write to the disk, shared by all batches that
    /// are stored at the same time. Storing an empty batch proves that the repository can be written.
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError>;

    /// Every node with its newest measurement, ordered by the bytes of its id. Cost: the number of nodes.
    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError>;

    /// One node with its newest measurement. Cost: one look-up.
    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError>;

    /// Measurements of a node. An unknown node has none. Cost: the number of measurements in the answer.
    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError>;

    /// The newest rejects, newest first, at most `limit`. Cost: the number of rejects in the answer.
    async fn rejects(&self, limit: usize) -> Result<Vec<Reject>, RepositoryError>;

    /// A value that was stored under a key of [`Batch::metadata`]. Cost: one look-up.
    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError>;
}

/// What is stored together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Measurements, of any nodes, in any order. They are [valid](Measurement::validate).
    pub measurements: Vec<Measurement>,
    /// Entries for the reject log.
    pub rejects: Vec<Reject>,
    /// Values to keep under a key; a value that was there is replaced.
    pub metadata: Vec<(String, Vec<u8>)>,
}

/// What became of a batch's measurements: their number is stored + duplicates + conflicts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// How many are new.
    pub stored: u64,
    /// How many were already stored with the same values.
    pub duplicates: u64,
    /// Those that were already stored with other values.
    pub conflicts: Vec<Measurement>,
}

/// Which measurements of a node are wanted.
///
/// ```
/// use isems_core::{MeasurementQuery, NodeId};
/// let node: NodeId = "Elektra-Dach".parse()?;
/// let newest_day = MeasurementQuery { limit: 1440, ..MeasurementQuery::newest_first(node) };
/// # Ok::<(), isems_core::InvalidNodeId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurementQuery {
    /// The node.
    pub node: NodeId,
    /// Not before this measured time, Unix seconds, UTC.
    pub from: i64,
    /// Before this measured time, Unix seconds, UTC.
    pub to: i64,
    /// In which order of measured time.
    pub order: Order,
    /// At most this many.
    pub limit: usize,
}

impl MeasurementQuery {
    /// Everything of a node, oldest first.
    pub fn oldest_first(node: NodeId) -> Self {
        Self { node, from: i64::MIN, to: i64::MAX, order: Order::OldestFirst, limit: usize::MAX }
    }

    /// Everything of a node, newest first.
    pub fn newest_first(node: NodeId) -> Self {
        Self { order: Order::NewestFirst, ..Self::oldest_first(node) }
    }
}

/// An order of measured time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Ascending.
    OldestFirst,
    /// Descending.
    NewestFirst,
}

/// Why a repository could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The folder of the file does not exist.
    #[error("cannot open database {path:?}: folder {folder:?} does not exist; create it or choose another path")]
    FolderMissing {
        /// The file.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// Another process has the file open.
    #[error("cannot open database {path:?}: another process has it open; stop that process or choose another path")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is none of this program.
    #[error("cannot open database {path:?}: it is not a database of isems; choose another path, or move the file away")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this program.
    #[error(
        "cannot open database {path:?}: its format {found} is newer than {supported}; use a newer version of isems"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// The file cannot be opened for another reason.
    #[error("cannot open database {path:?}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BoxError,
    },
    /// There are as many nodes as can be numbered.
    #[error("cannot store node {node:?}: there are already {} nodes", Node::MAX_NUMBER)]
    TooManyNodes {
        /// The node that is too many.
        node: NodeId,
    },
    /// A measurement is not valid.
    #[error("cannot store the measurement of node {node:?} at {timestamp}: {fault}")]
    Invalid {
        /// The node.
        node: NodeId,
        /// The measured time.
        timestamp: i64,
        /// What is wrong.
        fault: Fault,
    },
    /// Reading or writing failed.
    #[error("cannot {action} the database")]
    Storage {
        /// `read` or `write`.
        action: &'static str,
        /// Why.
        source: BoxError,
    },
}

#[cfg(test)]
#[expect(dead_code, reason = "it keeps the trait object-safe by compiling")]
fn is_object_safe(_: &dyn Repository) {}
