//! What the upkeep of a file reports.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use crate::{Measurement, NodeId};

/// What is removed by itself, oldest first. Nothing unless it is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Weeks that ended longer ago than this are removed. The newest measurement of any node counts as now, or the
    /// computer's clock where that is earlier: neither a computer without a clock nor a node in the future removes
    /// anything.
    pub age: Option<Duration>,
    /// While more bytes than this are [live](Statistics::live_bytes), the oldest sealed week of all nodes is removed,
    /// with all that is older. The newest week stays, however much it is.
    pub bytes: Option<u64>,
}

/// What became of the measurements of an import: their number is stored + duplicates + conflicts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// How many are new.
    pub stored: u64,
    /// How many were already stored with the same values.
    pub duplicates: u64,
    /// Those that were already stored with other values, ordered by node and week.
    pub conflicts: Vec<Measurement>,
}

/// What sealing has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    /// How many blocks were written.
    pub blocks: u64,
    /// How many measurements moved into them.
    pub measurements: u64,
}

/// How much a repository holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Each node, ordered by the bytes of its id.
    pub nodes: Vec<NodeStatistics>,
    /// The size of the file.
    pub file_bytes: u64,
    /// How much of it is in use.
    pub live_bytes: u64,
    /// How much of it is free for what comes next. Compacting gives it back.
    pub free_bytes: u64,
    /// The bytes that each column takes in all blocks, by its name on the wire.
    pub columns: BTreeMap<&'static str, u64>,
}

/// How much a repository holds of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatistics {
    /// The node.
    pub id: NodeId,
    /// How many measurements are kept.
    pub measurements: u64,
    /// How many of them are still rows of the recent tier.
    pub recent: u64,
    /// The bytes that they take, without the overhead of the file.
    pub bytes: u64,
    /// Measured time of the oldest, Unix seconds, UTC.
    pub first_timestamp: i64,
    /// Measured time of the newest, Unix seconds, UTC.
    pub last_timestamp: i64,
}

/// What reading everything back has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many nodes were looked at.
    pub nodes: u64,
    /// How many measurements were read and found sound.
    pub measurements: u64,
    /// How many blocks were read and found sound.
    pub blocks: u64,
    /// What is damaged. Empty: all is sound.
    pub damages: Vec<Damage>,
}

/// What copying everything has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The size of the copy, in bytes.
    pub bytes: u64,
    /// What the copy lacks because it cannot be read, and what is damaged in the copy because it is in the original.
    /// Empty: the copy has everything, and all is sound.
    pub damages: Vec<Damage>,
}

/// Something in a file that cannot be read, or that contradicts the rest.
///
/// Its text has times as Unix seconds; who can write them as people do has them in [`seconds`](Self::seconds).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where, for people: a node, or a part of the file.
    pub place: String,
    /// Which measured times it concerns, Unix seconds, UTC, the end excluded. `None`: none in particular.
    pub seconds: Option<Range<i64>>,
    /// What is wrong.
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

/// What compacting has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// The size of the file before, in bytes.
    pub before: u64,
    /// The size of the file after, in bytes.
    pub after: u64,
}
