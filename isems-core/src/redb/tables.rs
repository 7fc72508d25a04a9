//! The tables of the file.

use redb::TableDefinition;

/// The format of the file, kept under [`FORMAT_KEY`]. A file of a newer one is not opened.
pub(super) const FORMAT: u32 = 1;

/// The key of the format in [`METADATA`]. Keys given by callers carry a prefix, so that they never meet it.
pub(super) const FORMAT_KEY: &str = "format";

/// What callers keep under a key, and the format.
pub(super) const METADATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("metadata");

/// Nodes by number, each with its newest measurement.
pub(super) const NODES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("nodes");

/// The recent tier: a row a measurement, by [`row_key`]. Takes writes in any order.
pub(super) const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");

/// The reject log, by running number.
pub(super) const REJECTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rejects");

/// The key of a row: node number and second, so that a node's rows lie together in order of time.
pub(super) fn row_key(number: u32, timestamp: u32) -> u64 {
    u64::from(number) << 32 | u64::from(timestamp)
}

/// The key under which a caller's metadata is kept.
pub(super) fn metadata_key(key: &str) -> String {
    format!("caller/{key}")
}
