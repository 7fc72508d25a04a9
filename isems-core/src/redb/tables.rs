//! The tables of the file, and the layout of their keys.
//!
//! The file is a redb database with five tables. Values are little-endian; keys are redb's own integers.
//!
//! | table | key | value |
//! |---|---|---|
//! | `metadata` | text | `format`: `u32`; `caller/KEY`: a caller's value; `room`: see [`writer`](super::writer) |
//! | `nodes` | node number `u32` | the node's record, see [`row`](super::row) |
//! | `rows` | node number and second, 32 bits each | a measurement, see [`row`](super::row) |
//! | `blocks` | node number 32, week 16, number of the piece 16 bits | a piece, see [`sealed`](super::sealed) |
//! | `rejects` | running number `u64` | an entry of the reject log as JSON; the newest 10,000 |
//!
//! Keys begin with the node number, so what a node measured lies together in order of time, and a range of keys is a
//! range of time. Node numbers count from 1 to [`MAX_NODE_NUMBER`].
//!
//! Invariants, which hold after every commit:
//!
//! * A measurement is in a row or in a block, never in both.
//! * A row or a block belongs to a node that has a record, and the record agrees with them: the count, the oldest time
//!   and the newest measurement. Damage can break this; `check` tells.
//! * A number that a row or a block still has is not given to a new node.
//!
//! Every change is one transaction of redb, so a crash leaves the file as the last commit made it.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use redb::{StorageError, TableDefinition};

use crate::Node;

/// The format of the file, kept under [`FORMAT_KEY`]. A file with a newer format is not opened. Format 1 has no table
/// of blocks, and up to format 2 nodes have no first arrival.
pub(super) const FORMAT: u32 = 3;

/// The key of the format in [`METADATA`]. Callers' keys carry a prefix, so they never collide with it.
pub(super) const FORMAT_KEY: &str = "format";

/// Values that callers keep under a key, and the format.
pub(super) const METADATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("metadata");

/// Nodes by number, each with its newest measurement.
pub(super) const NODES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("nodes");

/// The recent tier: one row per measurement, keyed by [`row_key`]. Accepts writes in any order.
pub(super) const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");

/// The sealed tier: blocks in pieces, keyed by [`piece_key`]. A measurement is in a row or in a block, never in both.
pub(super) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");

/// The reject log, by running number.
pub(super) const REJECTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rejects");

/// The length of a week in seconds.
pub(super) const WEEK_SECONDS: u64 = 604_800;

/// The number of seconds from the Monday before the epoch to the epoch.
const MONDAY_SECONDS: u64 = 259_200;

/// The highest node number. Keys have room for more; 2^21 nodes are beyond any mesh, and their records fit in memory.
pub(super) const MAX_NODE_NUMBER: u32 = (1 << 21) - 1;

/// A node with the number that its keys start with, counted from 1 in order of first arrival. The number stays while
/// the node is kept, and is not given out again while a record, row or block has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberedNode {
    pub(super) number: u32,
    pub(super) node: Arc<Node>,
}

impl Deref for NumberedNode {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl DerefMut for NumberedNode {
    fn deref_mut(&mut self) -> &mut Node {
        Arc::make_mut(&mut self.node)
    }
}

/// Returns the key of a row: node number and second, so that a node's rows are stored together in time order.
pub(super) fn row_key(number: u32, timestamp: u32) -> u64 {
    u64::from(number) << 32 | u64::from(timestamp)
}

/// Returns the key of a piece of a block: node number, week, number of the piece.
pub(super) fn piece_key(number: u32, week: u16, piece: u16) -> u64 {
    u64::from(number) << 32 | u64::from(week) << 16 | u64::from(piece)
}

/// Returns the week of a key of [`BLOCKS`].
pub(super) fn week_of_piece(key: u64) -> u16 {
    (key >> 16) as u16
}

/// Returns the week of a second. Weeks begin on Mondays at 00:00 UTC and are counted from the one of the epoch.
pub(super) fn week_of(second: u64) -> u16 {
    ((second + MONDAY_SECONDS) / WEEK_SECONDS) as u16
}

/// Returns the start of a week, Unix seconds. The week of the epoch starts at the epoch.
pub(super) fn week_start(week: u16) -> u64 {
    (u64::from(week) * WEEK_SECONDS).saturating_sub(MONDAY_SECONDS)
}

/// Returns the end of a week, Unix seconds. The last week ends at the highest second that a key can have.
pub(super) fn week_end(week: u16) -> u64 {
    ((u64::from(week) + 1) * WEEK_SECONDS - MONDAY_SECONDS).min(1 << 32)
}

/// Returns the node number of a key of [`ROWS`] or [`BLOCKS`].
pub(super) fn number_of(key: u64) -> u32 {
    (key >> 32) as u32
}

/// Returns the second of a key of [`ROWS`].
pub(super) fn second_of(key: u64) -> u64 {
    key & u64::from(u32::MAX)
}

/// Returns the error for a table that yields keys outside the requested range. Continuing from one to the next would
/// never end.
pub(super) fn out_of_order() -> StorageError {
    StorageError::Corrupted("the keys of a table are not in order".into())
}

/// Returns the key under which a caller's metadata is kept.
pub(super) fn metadata_key(key: &str) -> String {
    format!("caller/{key}")
}
