//! Deleting: rows go one by one, blocks whole, and of the blocks at both ends of the range the rest is kept.
//!
//! One transaction removes the rows in the range and the blocks of weeks within it, encodes the two blocks at its ends
//! anew without what is removed, and corrects the node's record: the count, the oldest time and the newest measurement
//! of what is left. A node of which nothing is left loses its record. The index in memory follows when that is durable.
//! A crash leaves everything or nothing of a deletion.
//!
//! A damaged block is removed if its week lies within the range, and otherwise left as it is. Where a damaged block was
//! removed, its count is unknown, and what is left is counted instead.

use std::{
    ops::Range,
    sync::{Arc, PoisonError},
};

use redb::ReadableTable;
use tracing::warn;

use super::{
    block,
    failure::Failure,
    row,
    sealed::{self, BlockError},
    tables::{BLOCKS, NODES, NumberedNode, ROWS, row_key, week_end, week_of, week_start},
    tiers::{TierQuery, Tiers},
    writer::Writer,
};
use crate::{FieldSet, Node, NodeId, Order};

/// The range of seconds in which measurements can lie.
const EVER: Range<u64> = 0..1 << 32;

/// The measurements that were removed.
#[derive(Default)]
struct Removed {
    measurements: u64,
    /// Set if a removed block does not say how many measurements it had.
    is_more: bool,
}

impl Writer {
    /// Removes a node's measurements from one second until before another, and returns their number. A damaged block is
    /// removed if it is entirely within the range, and otherwise left as it is.
    pub(super) fn delete(&mut self, id: &NodeId, range: Range<u64>) -> Result<u64, Failure> {
        let transaction = self.transaction()?;
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let Some(node) = known.filter(|_| range.start < range.end) else { return Ok(0) };
        let mut removed = Removed::default();
        let rest = {
            let mut rows = transaction.open_table(ROWS)?;
            let mut blocks = transaction.open_table(BLOCKS)?;
            let base = row_key(node.number, 0);
            rows.retain_in(base + range.start..base + range.end, |_, _| {
                removed.measurements += 1;
                false
            })?;
            self.delete_sealed(&mut blocks, &node, &range, &mut removed)?;
            if removed.measurements == 0 && !removed.is_more && range != EVER {
                return Ok(0);
            }
            let known = Some(removed.measurements).filter(|_| !removed.is_more);
            let rest = remaining(&Tiers { rows: &rows, blocks: &blocks }, &node, known)?;
            let mut nodes = transaction.open_table(NODES)?;
            match &rest {
                Some(node) => nodes.insert(node.number, row::encode_node(node).as_slice())?,
                None => nodes.remove(node.number)?,
            };
            rest
        };
        self.finish(transaction)?;
        let mut index = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        match rest {
            Some(node) => index.insert(id.clone(), node),
            None => index.remove(id),
        };
        Ok(removed.measurements)
    }

    fn delete_sealed(
        &self,
        blocks: &mut redb::Table<'_, u64, &'static [u8]>,
        node: &NumberedNode,
        range: &Range<u64>,
        removed: &mut Removed,
    ) -> Result<(), Failure> {
        let mut next = week_of(range.start);
        let last = week_of(range.end - 1);
        while let Some(week) = sealed::first_week(blocks, node.number, next, last)? {
            next = week + 1;
            let is_whole = range.start <= week_start(week) && week_end(week) <= range.end;
            let deleted = if is_whole {
                delete_block(blocks, node.number, week, removed)
            } else {
                delete_from_block(blocks, node, week, range, removed)
            };
            if let Err(damage) = deleted {
                if !damage.is_damage() {
                    return Err(damage);
                }
                warn!(
                    path = %self.path.display(), node = %node.id, week_from = week_start(week), %damage,
                    "cannot delete from a damaged block; delete the whole week to get rid of it"
                );
            }
        }
        Ok(())
    }
}

/// Removes a block, even if it is damaged.
fn delete_block(
    blocks: &mut redb::Table<'_, u64, &'static [u8]>,
    number: u32,
    week: u16,
    removed: &mut Removed,
) -> Result<(), Failure> {
    match sealed::header(blocks, number, week) {
        Ok(header) => removed.measurements += header.map_or(0, |header| header.rows as u64),
        Err(BlockError::Damaged(_)) => removed.is_more = true,
        Err(BlockError::Storage(error)) => return Err(error.into()),
    }
    Ok(sealed::remove(blocks, number, week)?)
}

/// Removes a part of a block.
fn delete_from_block(
    blocks: &mut redb::Table<'_, u64, &'static [u8]>,
    node: &NumberedNode,
    week: u16,
    range: &Range<u64>,
    removed: &mut Removed,
) -> Result<(), Failure> {
    let Some(header) = sealed::header(blocks, node.number, week)? else { return Ok(()) };
    if header.pages(range.start, range.end).is_empty() {
        return Ok(());
    }
    let mut kept = sealed::whole(blocks, &node.id, node.number, week, &header)?;
    let before = kept.len();
    kept.retain(|measurement| !range.contains(&(measurement.timestamp as u64)));
    if kept.is_empty() {
        sealed::remove(blocks, node.number, week)?;
    } else if kept.len() < before {
        sealed::insert(blocks, node.number, week, &block::encode(node.number, week, &kept)?)?;
    }
    removed.measurements += (before - kept.len()) as u64;
    Ok(())
}

/// Returns the node without the removed measurements, or `None` if nothing readable is left. If their number is
/// unknown, the remaining ones are counted.
pub(super) fn remaining<R, B>(
    tiers: &Tiers<'_, R, B>,
    node: &NumberedNode,
    removed: Option<u64>,
) -> Result<Option<NumberedNode>, Failure>
where
    R: ReadableTable<u64, &'static [u8]>,
    B: ReadableTable<u64, &'static [u8]>,
{
    let end = |order| -> Result<_, Failure> {
        let found = tiers.measurements(
            node,
            TierQuery { range: EVER, order, limit: 1, fields: FieldSet::ALL },
            &mut Vec::new(),
        )?;
        Ok(found.into_iter().next())
    };
    let (Some(oldest), Some(latest)) = (end(Order::OldestFirst)?, end(Order::NewestFirst)?) else { return Ok(None) };
    let measurements = match removed {
        Some(removed) => node.measurements.saturating_sub(removed),
        None => tiers.count(node)?,
    };
    let known = (*node.node).clone();
    let rest = Node { measurements, first_timestamp: oldest.timestamp, latest, ..known };
    Ok(Some(NumberedNode { number: node.number, node: Arc::new(rest) }))
}
