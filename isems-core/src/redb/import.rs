//! Import: storing much history at once, straight into blocks.
//!
//! A batch is sorted by node and time and cut into weeks. Each week is merged with the rows and the block that are
//! there, and the result becomes the block of that week; its rows are removed. Blocks are encoded on all processors and
//! inserted once [`MEASUREMENTS_AT_ONCE`] measurements wait, so memory stays bounded. A week that cannot be read whole
//! takes rows instead, as [`store`](crate::Repository::store) would write them, so that nothing is merged over damage.
//!
//! The whole batch is one transaction of the [writer](super::writer), with the nodes' records and the reject log. A
//! crash leaves all of it or nothing. Duplicates and conflicts are settled as in a store: what is there stays.
//!
//! Weeks that are not over can be imported, too. Measurements that come for them later are rows beside a block, like
//! late ones.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use redb::{ReadableTable, Table};

use super::{
    block,
    failure::Failure,
    report::Imported,
    row, sealed,
    tables::{BLOCKS, MAX_NODE_NUMBER, NumberedNode, ROWS, row_key, week_end, week_of, week_start},
    writer::{ChangedNodes, SealedPages, Writer, append, count, store_measurements},
};
use crate::{Batch, Measurement, Outcome, RepositoryError};

/// The number of measurements at which merged weeks are written to the file. Otherwise a batch with a little of many
/// stored weeks would hold all of them in memory.
const MEASUREMENTS_AT_ONCE: usize = 50_000;

/// The future content of a node's week.
struct MergedWeek<'a> {
    number: u32,
    week: u16,
    measurements: Cow<'a, [Measurement]>,
    had_rows: bool,
}

impl Writer {
    /// Stores a batch into blocks, merging new, sealed and row measurements week by week.
    pub(super) fn import(&mut self, mut batch: Batch) -> Result<Result<Imported, RepositoryError>, Failure> {
        let mut measurements = std::mem::take(&mut batch.measurements);
        let transaction = self.transaction()?;
        let mut changed = self.changed_nodes();
        if let Some(node) = changed.without_number(&measurements) {
            return Ok(Err(RepositoryError::TooManyNodes { node, limit: MAX_NODE_NUMBER.into() }));
        }
        // The sort is stable: for the same second, the first in the batch comes first.
        measurements.sort_by(|a, b| (&a.node_id, a.timestamp).cmp(&(&b.node_id, b.timestamp)));
        let mut stored = Imported::default();
        {
            let mut rows = transaction.open_table(ROWS)?;
            let mut blocks = transaction.open_table(BLOCKS)?;
            let mut weeks = Vec::new();
            let mut waiting = 0;
            for new in measurements.chunk_by(|a, b| a.node_id == b.node_id && week(a) == week(b)) {
                if let Some(merged) = merge(&mut rows, &blocks, &mut changed, new, &mut stored)? {
                    waiting += merged.measurements.len();
                    weeks.push(merged);
                }
                if waiting >= MEASUREMENTS_AT_ONCE {
                    insert(&mut rows, &mut blocks, &weeks)?;
                    weeks.clear();
                    waiting = 0;
                }
            }
            insert(&mut rows, &mut blocks, &weeks)?;
            changed.write(&transaction)?;
            append(&transaction, &batch.rejects, &batch.metadata)?;
        }
        let durable = changed.into_changes();
        self.finish(transaction)?;
        self.accept(durable);
        Ok(Ok(stored))
    }
}

fn week(measurement: &Measurement) -> u16 {
    week_of(measurement.timestamp as u64)
}

/// Writes blocks in place of everything stored for their weeks.
fn insert(
    rows: &mut Table<'_, u64, &'static [u8]>,
    blocks: &mut Table<'_, u64, &'static [u8]>,
    weeks: &[MergedWeek<'_>],
) -> Result<(), Failure> {
    for (week, block) in weeks.iter().zip(encode(weeks)?) {
        if week.had_rows {
            let base = row_key(week.number, 0);
            rows.retain_in(base + week_start(week.week)..base + week_end(week.week), |_, _| false)?;
        }
        sealed::insert(blocks, week.number, week.week, &block)?;
    }
    Ok(())
}

/// Merges new measurements of a node's week, in time order, with the stored ones. Returns `None` if the week stays as
/// it is.
fn merge<'a>(
    rows: &mut Table<'_, u64, &'static [u8]>,
    blocks: &Table<'_, u64, &'static [u8]>,
    changed: &mut ChangedNodes<'_>,
    new: &'a [Measurement],
    stored: &mut Imported,
) -> Result<Option<MergedWeek<'a>>, Failure> {
    let week = week(&new[0]);
    let Some(known) = known(rows, blocks, changed.node_of(&new[0]), week)? else {
        // A week that cannot be read completely gets rows beside the damaged data.
        let rows = store_measurements(rows, blocks, &mut SealedPages::default(), changed, new)?;
        stored.stored += rows.stored();
        stored.duplicates += rows.duplicates();
        let outcomes = new.iter().zip(rows.outcomes);
        let conflicts = outcomes.filter(|(_, outcome)| *outcome == Outcome::Conflict);
        stored.conflicts.extend(conflicts.map(|(measurement, _)| measurement.clone()));
        return Ok(None);
    };
    let node = changed.node_of(&new[0]);
    let had_rows = known.had_rows;
    let mut merged = known.measurements;
    if merged.is_empty() && new.is_sorted_by(|a, b| a.timestamp < b.timestamp) {
        stored.stored += new.len() as u64;
        for measurement in new {
            count(node, measurement);
        }
        return Ok(Some(MergedWeek { number: node.number, week, measurements: new.into(), had_rows }));
    }
    let mut is_changed = false;
    for measurement in new {
        match merged.get(&measurement.timestamp) {
            Some(known) if known.same_values(measurement) => stored.duplicates += 1,
            Some(_) => stored.conflicts.push(measurement.clone()),
            None => {
                stored.stored += 1;
                count(node, measurement);
                is_changed = true;
                merged.insert(measurement.timestamp, measurement.clone());
            }
        }
    }
    let measurements = merged.into_values().collect();
    Ok(is_changed.then_some(MergedWeek { number: node.number, week, measurements, had_rows }))
}

struct KnownWeek {
    measurements: BTreeMap<i64, Measurement>,
    had_rows: bool,
}

/// Returns the stored measurements of a node's week, or `None` if not all of them can be read.
fn known(
    rows: &Table<'_, u64, &'static [u8]>,
    blocks: &Table<'_, u64, &'static [u8]>,
    node: &NumberedNode,
    week: u16,
) -> Result<Option<KnownWeek>, Failure> {
    let mut measurements = BTreeMap::new();
    let sealed = sealed::header(blocks, node.number, week).and_then(|header| {
        header.map(|header| sealed::whole(blocks, &node.id, node.number, week, &header)).transpose()
    });
    match sealed {
        Ok(sealed) => measurements.extend(sealed.into_iter().flatten().map(|sealed| (sealed.timestamp, sealed))),
        Err(sealed::BlockError::Damaged(_)) => return Ok(None),
        Err(sealed::BlockError::Storage(error)) => return Err(error.into()),
    }
    let base = row_key(node.number, 0);
    let mut had_rows = false;
    let mut texts = row::Texts::default();
    for entry in rows.range(base + week_start(week)..base + week_end(week))? {
        let (key, row) = entry?;
        had_rows = true;
        let Ok(measurement) = row::decode(&node.id, node.number, key.value(), row.value(), &mut texts) else {
            return Ok(None);
        };
        measurements.entry(measurement.timestamp).or_insert(measurement);
    }
    Ok(Some(KnownWeek { measurements, had_rows }))
}

/// Encodes the blocks of weeks, in order, on all processors.
fn encode(weeks: &[MergedWeek<'_>]) -> Result<Vec<Vec<u8>>, Failure> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(weeks.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut blocks = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(week) = weeks.get(place) else { return Ok::<_, Failure>(blocks) };
            blocks.push((place, block::encode(week.number, week.week, &week.measurements)?));
        }
    };
    let mut blocks: Vec<(usize, Vec<u8>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut blocks = Vec::with_capacity(weeks.len());
        for worker in workers {
            blocks.extend(worker.join().map_err(|_| Failure::Panic)??);
        }
        Ok::<_, Failure>(blocks)
    })?;
    blocks.sort_by_key(|(place, _)| *place);
    Ok(blocks.into_iter().map(|(_, block)| block).collect())
}
