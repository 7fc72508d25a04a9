//! Sealing: rows of weeks that are over move into blocks.
//!
//! A step takes the rows of one week of one node, at most [`ROWS_A_STEP`] of them:
//!
//! 1. [`prepare`] reads the rows and the block that may already be there in one read transaction, and encodes the block
//!    that replaces both. It runs beside the writer and holds nobody up.
//! 2. [`Writer::seal`] removes the rows and inserts the block in one transaction.
//!
//! Between the two anything can be stored in the week or deleted from it. So the second part compares what it finds
//! with what the first has read: the checksum of the old block, and the count and a checksum of the rows. If either
//! differs, nothing is done, and the step begins anew. Rows that came meanwhile stay rows.
//!
//! The node's record does not change: the measurements are the same. A crash before the commit leaves the rows and the
//! old block, a crash after it the new block without the rows; the step is simply due again or done. A row that cannot
//! be read stays a row, and a block that cannot be read keeps its week's rows where they are, so sealing never loses
//! what could still be repaired.

use std::{collections::BTreeMap, sync::PoisonError};

use redb::{ReadableTable, StorageError};

use super::{
    block,
    database::OpenDatabase,
    failure::Failure,
    row, sealed,
    tables::{BLOCKS, NumberedNode, ROWS, out_of_order, row_key, second_of, week_end, week_of, week_start},
    writer::{NodeIndex, Writer},
};
use crate::Measurement;

/// The maximum number of rows moved at a time, so that a transaction stays short. A week of a node that reports once a
/// minute has 10,080.
const ROWS_A_STEP: usize = 20_000;

/// A node's week that has rows.
#[derive(Debug, Clone)]
pub(super) struct Week {
    pub(super) node: NumberedNode,
    pub(super) week: u16,
}

/// A prepared change of a week.
pub(super) struct Step {
    number: u32,
    week: u16,
    /// The checksum of the existing block.
    replaces: Option<u32>,
    block: Vec<u8>,
    /// The seconds of the rows that are in the new block, in order.
    seconds: Vec<u32>,
    /// A checksum over these rows.
    checksum: u32,
    /// Set if rows remain for a further step.
    pub(super) has_more: bool,
}

impl Step {
    pub(super) fn measurements(&self) -> u64 {
        self.seconds.len() as u64
    }
}

/// Returns the weeks of a node that ended at or before a second and still have rows. Those that already have a block
/// are only included if they have at least this many rows.
pub(super) fn due(
    database: &OpenDatabase,
    node: &NumberedNode,
    before: u64,
    late_rows: usize,
) -> Result<Vec<Week>, Failure> {
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(ROWS)?;
    let blocks = transaction.open_table(BLOCKS)?;
    let base = row_key(node.number, 0);
    let mut due = Vec::new();
    let mut start = 0;
    while let Some(row) = rows.range(base + start..base + (1 << 32))?.next() {
        let second = second_of(row?.0.value());
        if second < start {
            return Err(out_of_order().into());
        }
        let week = week_of(second);
        start = week_end(week);
        if start > before {
            break;
        }
        let has_block = sealed::first_week(&blocks, node.number, week, week)?.is_some();
        let is_due = |rows: redb::Range<'_, u64, &[u8]>| !has_block || rows.take(late_rows).count() == late_rows;
        if is_due(rows.range(base + week_start(week)..base + start)?) {
            due.push(Week { node: node.clone(), week });
        }
    }
    Ok(due)
}

/// Makes the block of a week, or returns `None` if nothing can be moved.
pub(super) fn prepare(database: &OpenDatabase, Week { node, week }: &Week) -> Result<Option<Step>, Failure> {
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(ROWS)?;
    let blocks = transaction.open_table(BLOCKS)?;
    let (number, week) = (node.number, *week);
    let mut merged: BTreeMap<i64, Measurement> = BTreeMap::new();
    let mut seconds = Vec::new();
    let mut checksum = crc32fast::Hasher::new();
    let mut has_more = false;
    let base = row_key(number, 0);
    let mut texts = row::Texts::default();
    for entry in rows.range(base + week_start(week)..base + week_end(week))? {
        if seconds.len() >= ROWS_A_STEP {
            has_more = true;
            break;
        }
        let (key, row) = entry?;
        let second = second_of(key.value());
        // An unreadable row stays where it is, and is reported by `check`.
        if let Ok(measurement) = row::decode(&node.id, number, key.value(), row.value(), &mut texts) {
            merged.insert(measurement.timestamp, measurement);
            seconds.push(second as u32);
            checksum.update(row.value());
        }
    }
    if seconds.is_empty() {
        return Ok(None);
    }
    let header = sealed::header(&blocks, number, week)?;
    if let Some(header) = &header {
        let sealed = sealed::whole(&blocks, &node.id, number, week, header)?;
        merged.extend(sealed.into_iter().map(|measurement| (measurement.timestamp, measurement)));
    }
    let merged: Vec<Measurement> = merged.into_values().collect();
    let replaces = header.map(|header| header.checksum);
    let (block, checksum) = (block::encode(number, week, &merged)?, checksum.finalize());
    Ok(Some(Step { number, week, replaces, block, seconds, checksum, has_more }))
}

impl Writer {
    /// Performs a step. Returns `false` if its basis has changed and nothing was done.
    pub(super) fn seal(&mut self, step: &Step) -> Result<bool, Failure> {
        let transaction = self.transaction()?;
        {
            let mut blocks = transaction.open_table(BLOCKS)?;
            let found = sealed::header(&blocks, step.number, step.week)?.map(|header| header.checksum);
            if found != step.replaces {
                return Ok(false);
            }
            let mut rows = transaction.open_table(ROWS)?;
            let base = row_key(step.number, 0);
            let mut removed = 0;
            let mut checksum = crc32fast::Hasher::new();
            rows.retain_in(base + week_start(step.week)..base + week_end(step.week), |key, row| {
                let is_sealed = step.seconds.binary_search(&((key - base) as u32)).is_ok();
                if is_sealed {
                    removed += 1;
                    checksum.update(row);
                }
                !is_sealed
            })?;
            // A row can have been deleted and stored again with other values.
            if removed != step.seconds.len() || checksum.finalize() != step.checksum {
                return Ok(false);
            }
            sealed::insert(&mut blocks, step.number, step.week, &step.block)?;
        }
        self.finish(transaction)?;
        Ok(true)
    }
}

/// Returns the oldest sealed week of any node, or `None` if there is none.
pub(super) fn oldest_week(
    blocks: &impl ReadableTable<u64, &'static [u8]>,
    nodes: &NodeIndex,
) -> Result<Option<u16>, StorageError> {
    let numbers: Vec<u32> =
        nodes.read().unwrap_or_else(PoisonError::into_inner).values().map(|node| node.number).collect();
    let mut oldest = None;
    for number in numbers {
        let week = sealed::first_week(blocks, number, 0, u16::MAX)?;
        oldest = oldest.into_iter().chain(week).min();
    }
    Ok(oldest)
}
