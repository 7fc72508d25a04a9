//! Reports of maintenance on a file.

use std::{collections::BTreeMap, fmt, ops::Range};

use crate::{Measurement, NodeId};

/// The outcome of an import. Its measurements are stored + duplicates + conflicts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// The number of new measurements.
    pub stored: u64,
    /// The number of measurements that were already stored with the same values.
    pub duplicates: u64,
    /// The measurements whose key was already stored with other values, ordered by node and week.
    pub conflicts: Vec<Measurement>,
}

/// The result of sealing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The number of blocks written.
    pub blocks: u64,
    /// The number of measurements that moved into them.
    pub measurements: u64,
}

/// The size of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The nodes, ordered by the bytes of their ids.
    pub nodes: Vec<NodeStatistics>,
    /// The size of the file.
    pub file_bytes: u64,
    /// The number of its bytes that are in use.
    pub live_bytes: u64,
    /// The number of its bytes that are free for reuse. Compacting gives them back.
    pub free_bytes: u64,
    /// The number of bytes that each column takes in all blocks, by its name on the wire.
    pub columns: BTreeMap<&'static str, u64>,
}

/// The size of one node in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatistics {
    /// The node.
    pub id: NodeId,
    /// The number of measurements.
    pub measurements: u64,
    /// The number of these that are still rows of the recent tier.
    pub recent: u64,
    /// The number of bytes they take, without the overhead of the file.
    pub bytes: u64,
    /// The measured time of the oldest one, Unix seconds, UTC.
    pub first_timestamp: i64,
    /// The measured time of the newest one, Unix seconds, UTC.
    pub last_timestamp: i64,
}

/// The result of reading everything back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The number of nodes that were read.
    pub nodes: u64,
    /// The number of measurements that were read and found sound.
    pub measurements: u64,
    /// The number of blocks that were read and found sound.
    pub blocks: u64,
    /// The damage that was found; empty if all is sound.
    pub damages: Vec<Damage>,
}

/// The result of copying everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The size of the copy, in bytes.
    pub bytes: u64,
    /// Everything that is missing from the copy because it cannot be read, or that is damaged in the copy because it is
    /// in the original. If empty, the copy is complete and sound.
    pub damages: Vec<Damage>,
}

/// Something in a file that cannot be read or contradicts the rest.
///
/// Its text gives times as Unix seconds. To format them differently, use [`seconds`](Self::seconds).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The place, for people: a node or a part of the file.
    pub place: String,
    /// The measured times that are affected, Unix seconds, UTC, excluding the end; `None` if there is no particular
    /// one.
    pub seconds: Option<Range<i64>>,
    /// The problem.
    pub problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.place)?;
        match &self.seconds {
            Some(seconds) if seconds.end - seconds.start == 1 => write!(formatter, " at {}", seconds.start)?,
            Some(seconds) => write!(formatter, " from {} to {}", seconds.start, seconds.end)?,
            None => {}
        }
        write!(formatter, ": {}", self.problem)
    }
}

/// The result of compacting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The size of the file before, in bytes.
    pub before: u64,
    /// The size of the file after, in bytes.
    pub after: u64,
}
