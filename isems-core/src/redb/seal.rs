//! Sealing: rows of weeks that are over move into blocks.
//!
//! The work is done beside the writer, on a snapshot; the writer only puts the block in and takes the rows out, in one
//! transaction. Rows are never changed, so what was read of them still holds then; what was stored or deleted meanwhile is
//! noticed, and the week is done again.

use std::{collections::BTreeMap, sync::PoisonError};

use redb::{Database, ReadableDatabase, ReadableTable, StorageError};

use super::{
    block,
    bytes::DamagedRecord,
    failure::Failure,
    report::Sealed,
    row, sealed,
    tables::{BLOCKS, ROWS, row_key, week_of, week_start},
    writer::{NodeIndex, Writer},
};
use crate::{Measurement, Node};

/// How many rows move at most at a time, so that a transaction stays short. A week of a node that reports once a minute has
/// 10,080.
const ROWS_A_STEP: usize = 20_000;

/// A node's week that has rows.
#[derive(Debug, Clone)]
pub(super) struct Week {
    pub(super) node: Node,
    pub(super) week: u16,
}

/// What is to be done to a week.
pub(super) struct Step {
    number: u32,
    week: u16,
    /// The checksum of the block that is there.
    replaces: Option<u32>,
    block: Vec<u8>,
    /// The seconds of the rows that are in the block, in order.
    seconds: Vec<u32>,
    /// Whether rows are left for a further step.
    pub(super) has_more: bool,
}

impl Step {
    pub(super) fn measurements(&self) -> u64 {
        self.seconds.len() as u64
    }
}

/// The weeks that ended at a second or before it and still have rows.
pub(super) fn due(database: &Database, nodes: &NodeIndex, before: u64) -> Result<Vec<Week>, Failure> {
    let nodes: Vec<_> = nodes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(ROWS)?;
    let mut due = Vec::new();
    for node in nodes {
        let base = row_key(node.number, 0);
        let mut start = 0;
        while let Some(row) = rows.range(base + start..base + (1 << 32))?.next() {
            let week = week_of(row?.0.value() - base);
            start = week_start(week + 1);
            if start > before {
                break;
            }
            due.push(Week { node: (*node).clone(), week });
        }
    }
    Ok(due)
}

/// Makes the block of a week. `None`: there is nothing that can be moved.
pub(super) fn prepare(database: &Database, Week { node, week }: &Week) -> Result<Option<Step>, Failure> {
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(ROWS)?;
    let blocks = transaction.open_table(BLOCKS)?;
    let (number, week) = (node.number, *week);
    let header = sealed::header(&blocks, number, week)?;
    let sealed = header.as_ref().map(|header| sealed::whole(&blocks, &node.id, number, week, header)).transpose()?;
    let mut merged: BTreeMap<i64, Measurement> = BTreeMap::new();
    merged.extend(sealed.into_iter().flatten().map(|measurement| (measurement.timestamp, measurement)));
    let mut seconds = Vec::new();
    let mut has_more = false;
    let base = row_key(number, 0);
    for entry in rows.range(base + week_start(week)..base + week_start(week + 1))? {
        if seconds.len() >= ROWS_A_STEP {
            has_more = true;
            break;
        }
        let (key, row) = entry?;
        let second = key.value() - base;
        // A row that cannot be read stays where it is, for `check` to tell.
        if let Ok(measurement) = row::decode(&node.id, second as i64, row.value()) {
            merged.entry(measurement.timestamp).or_insert(measurement);
            seconds.push(second as u32);
        }
    }
    if seconds.is_empty() {
        return Ok(None);
    }
    let merged: Vec<Measurement> = merged.into_values().collect();
    let replaces = header.map(|header| header.checksum);
    Ok(Some(Step { number, week, replaces, block: block::encode(&merged)?, seconds, has_more }))
}

impl Writer {
    /// Does a step. `false`: what it was made from has changed, and nothing was done.
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
            rows.retain_in(base + week_start(step.week)..base + week_start(step.week + 1), |key, _| {
                let is_sealed = step.seconds.binary_search(&((key - base) as u32)).is_ok();
                removed += usize::from(is_sealed);
                !is_sealed
            })?;
            if removed != step.seconds.len() {
                return Ok(false);
            }
            sealed::insert(&mut blocks, step.number, step.week, &step.block)?;
        }
        transaction.commit()?;
        Ok(true)
    }
}

/// Adds what a step has done.
pub(super) fn count(sealed: &mut Sealed, step: &Step) {
    sealed.blocks += 1;
    sealed.measurements += step.measurements();
}

/// The reason of a block that can neither be read nor written anew.
pub(super) fn is_damage(failure: &Failure) -> Option<&DamagedRecord> {
    match failure {
        Failure::Damaged(damaged) => Some(damaged),
        _ => None,
    }
}

/// The oldest second that is sealed of any node, `None` if nothing is.
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
