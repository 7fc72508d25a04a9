//! Summaries: what whole blocks add to series, kept in memory.
//!
//! Charts of a long time are asked for again and again, and blocks seldom change. The contribution of a block to a
//! field at an interval is kept under a [`Key`] that holds the checksum of the block's header. The header has the
//! checksums of all columns in it, so a block that changes has another key, and what was kept of it is simply not met
//! any more: nothing needs to be invalidated, also not for readers of an older snapshot.
//!
//! At most [`BUCKETS_KEPT`] buckets are kept (about 8 MB); the oldest summaries make room. Nothing of this is in the
//! file.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::block::Header;
use crate::{Bucket, NumberField};

/// The number of buckets kept for all blocks together, 40 bytes each. A year of a field at an interval of one day takes
/// about 620.
const BUCKETS_KEPT: usize = 200_000;

/// A summary is kept if it has at most one bucket per this many rows of the block; others would save little.
const ROWS_A_BUCKET: usize = 8;

/// The contribution of a whole block to a series of a field: buckets by their number since the epoch, each once or
/// several times. It is bit for bit what reading the block yields.
pub(super) type Summary = Arc<[(i64, Bucket)]>;

/// A block, and the series that it contributes to. The checksum changes with the block, so that the summary of a
/// different version is never found, not even by a transaction that began earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    number: u32,
    week: u16,
    checksum: u32,
    length: usize,
    rows: usize,
    field: NumberField,
    interval: i64,
}

impl Key {
    /// Makes the key for the block of a node and a week with this header.
    pub(super) fn new(number: u32, week: u16, header: &Header, field: NumberField, interval: i64) -> Self {
        let Header { checksum, length, rows, .. } = *header;
        Self { number, week, checksum, length, rows, field, interval }
    }
}

/// The most recent summaries.
#[derive(Default)]
pub(super) struct Summaries(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    summaries: HashMap<Key, Summary>,
    /// The keys of all summaries, oldest first.
    order: VecDeque<Key>,
    /// The total number of their buckets.
    buckets: usize,
}

impl Summaries {
    pub(super) fn get(&self, key: &Key) -> Option<Summary> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.summaries.get(key).cloned()
    }

    /// Keeps the contribution of a block, and drops the oldest ones if there are too many.
    pub(super) fn keep(&self, key: Key, summary: &Summary) {
        // A summary without buckets takes some space, too.
        let buckets = |summary: &Summary| summary.len() + 4;
        if summary.len() * ROWS_A_BUCKET > key.rows {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.summaries.insert(key, summary.clone()).is_some() {
            return;
        }
        kept.buckets += buckets(summary);
        kept.order.push_back(key);
        while kept.buckets > BUCKETS_KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            let removed = kept.summaries.remove(&oldest);
            kept.buckets -= removed.as_ref().map_or(0, buckets);
        }
    }
}
