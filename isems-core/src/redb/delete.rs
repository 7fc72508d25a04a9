//! Deleting: of rows one by one, of blocks whole, and of the blocks at both ends the rest is kept.

use std::{
    ops::Range,
    sync::{Arc, PoisonError},
};

use redb::ReadableTable;

use super::{
    block,
    failure::Failure,
    row, sealed,
    tables::{BLOCKS, NODES, ROWS, row_key, week_of, week_start},
    tiers::{Tiers, Wanted},
    writer::Writer,
};
use crate::{Node, NodeId, Order};

/// Seconds that a measurement can have.
const EVER: Range<u64> = 0..1 << 32;

impl Writer {
    /// Removes a node's measurements from one second on and before another one, and returns how many that were.
    pub(super) fn delete(&mut self, id: &NodeId, range: Range<u64>) -> Result<u64, Failure> {
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let Some(node) = known.filter(|_| range.start < range.end) else { return Ok(0) };
        let transaction = self.transaction()?;
        let mut removed = 0;
        let rest = {
            let mut rows = transaction.open_table(ROWS)?;
            let mut blocks = transaction.open_table(BLOCKS)?;
            let base = row_key(node.number, 0);
            rows.retain_in(base + range.start..base + range.end, |_, _| {
                removed += 1;
                false
            })?;
            removed += delete_sealed(&mut blocks, &node, &range)?;
            if removed == 0 && range != EVER {
                return Ok(0);
            }
            let rest = remaining(&Tiers { rows: &rows, blocks: &blocks }, &node, removed)?;
            let mut nodes = transaction.open_table(NODES)?;
            match &rest {
                Some(node) => nodes.insert(node.number, row::encode_node(node).as_slice())?,
                None => nodes.remove(node.number)?,
            };
            rest
        };
        transaction.commit()?;
        let mut index = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        match rest {
            Some(node) => index.insert(id.clone(), Arc::new(node)),
            None => index.remove(id),
        };
        Ok(removed)
    }
}

/// Removes from the blocks of a node, and returns how many measurements that were. Those of a block that cannot be read and is
/// removed whole are not counted.
fn delete_sealed(
    blocks: &mut redb::Table<'_, u64, &'static [u8]>,
    node: &Node,
    range: &Range<u64>,
) -> Result<u64, Failure> {
    let mut removed = 0;
    let mut next = week_of(range.start);
    let last = week_of(range.end - 1);
    while let Some(week) = sealed::first_week(blocks, node.number, next, last)? {
        next = week + 1;
        let is_whole = range.start <= week_start(week) && week_start(week + 1) <= range.end;
        if is_whole {
            removed += sealed::header(blocks, node.number, week).ok().flatten().map_or(0, |header| header.rows as u64);
            sealed::remove(blocks, node.number, week, week)?;
            continue;
        }
        let Some(header) = sealed::header(blocks, node.number, week)? else { continue };
        if header.pages(range.start, range.end).is_empty() {
            continue;
        }
        let mut kept = sealed::whole(blocks, &node.id, node.number, week, &header)?;
        let before = kept.len();
        kept.retain(|measurement| !range.contains(&(measurement.timestamp as u64)));
        removed += (before - kept.len()) as u64;
        if kept.is_empty() {
            sealed::remove(blocks, node.number, week, week)?;
        } else if kept.len() < before {
            sealed::insert(blocks, node.number, week, &block::encode(&kept)?)?;
        }
    }
    Ok(removed)
}

/// The node without what was removed. `None`: nothing is left.
fn remaining<R, B>(tiers: &Tiers<'_, R, B>, node: &Node, removed: u64) -> Result<Option<Node>, Failure>
where
    R: ReadableTable<u64, &'static [u8]>,
    B: ReadableTable<u64, &'static [u8]>,
{
    let end = |order| -> Result<_, Failure> {
        let found = tiers.measurements(node, Wanted { range: EVER, order, limit: 1 }, &mut Vec::new())?;
        Ok(found.into_iter().next())
    };
    let (Some(oldest), Some(latest)) = (end(Order::OldestFirst)?, end(Order::NewestFirst)?) else { return Ok(None) };
    Ok(Some(Node {
        measurements: node.measurements.saturating_sub(removed),
        first_timestamp: oldest.timestamp,
        latest,
        ..node.clone()
    }))
}
