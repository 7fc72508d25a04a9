//! Group commit: one thread writes, and what is stored at the same time shares a transaction.
//!
//! All changes go through a queue of jobs to the thread that owns the [`Writer`]. A job is a batch to store, an empty
//! batch (a probe, which asks for proof that the disk can be written), or a task: anything else that changes the file,
//! such as sealing, deleting and importing, which runs alone between two groups.
//!
//! The writer takes a batch and all that wait behind it, up to [`MEASUREMENTS_A_TRANSACTION`] measurements; with a
//! commit interval it also waits for more. One transaction stores them all, each batch as if it came alone and in the
//! order of the queue. A batch that cannot be stored leaves no trace in it. Callers are told after the commit.
//!
//! Invariants:
//!
//! * The index of nodes in memory is that of the last commit. A transaction changes copies ([`ChangedNodes`]), which
//!   the index takes over when they are durable.
//! * The number of the next new node is above every number in the file. It is taken from the file whenever that is
//!   opened.
//! * Every commit saves redb's allocator state (quick repair), so the file opens at once after a crash.
//!
//! A crash before the commit leaves nothing of the group; no caller was told. A crash after it, before the callers are
//! told, leaves all of the group: what they deliver again are duplicates. When the commit itself fails, it is unknown
//! whether it is on disk; the file is opened anew before anything else is read or written.
//!
//! After a failure, a probe writes as much as could not be written, under the key `room` of `metadata`, and the next
//! transaction removes it. A crash in between leaves it there; the first transaction after opening removes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use ::redb::{Error, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    block::Pages,
    database::{OpenDatabase, Writing},
    failure::Failure,
    row,
    sealed::{self, BlockError},
    tables::{BLOCKS, MAX_NODE_NUMBER, METADATA, NODES, NumberedNode, REJECTS, ROWS, metadata_key, row_key, week_of},
};
use crate::{Batch, DurationHistogram, FieldSet, Measurement, Node, NodeId, Outcome, Reject, RepositoryError, Stored};

/// Every node by its id, as of the last commit.
pub(super) type NodeIndex = RwLock<BTreeMap<NodeId, NumberedNode>>;

/// The number of batches that may be waiting for the writer or in progress.
pub(super) const QUEUE: usize = 1024;

/// The number of measurements at which a transaction accepts no further batch.
const MEASUREMENTS_A_TRANSACTION: usize = 50_000;

/// The number of entries to which the reject log is cut.
const REJECTS_KEPT: u64 = 10_000;

/// The key used to prove that there is space, and the number of bytes per entry: the size of a row including its share
/// of everything else.
const PROOF_KEY: &str = "room";
const PROOF_BYTES: usize = 190;

/// The answer to a caller.
type Reply = Result<Stored, RepositoryError>;

/// A job for the writer.
pub(super) enum Job {
    Store(StoreJob),
    /// Any other work, which runs alone by means of [`Writer::write`], and reports to its caller itself.
    Task(Box<dyn FnOnce(&mut Writer) + Send>),
}

/// A batch on its way to the disk. An empty one is a probe: it asks for proof that something can be written.
pub(super) struct StoreJob {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Reply>,
    /// A slot in the queue, released when the job is done.
    pub(super) permit: OwnedSemaphorePermit,
}

pub(super) struct Writer {
    pub(super) database: Arc<OpenDatabase>,
    pub(super) path: Arc<Path>,
    pub(super) nodes: Arc<NodeIndex>,
    pub(super) jobs: Receiver<Job>,
    pub(super) commit_interval: Duration,
    /// The durations of commits.
    pub(super) commits: Arc<Mutex<DurationHistogram>>,
    /// The time of the last commit.
    pub(super) last_commit: Option<Instant>,
    /// The number of the next new node.
    pub(super) next_number: u32,
    /// The number of times that the file had been opened when that number was determined.
    pub(super) generation: u64,
    /// Set if the file may contain the value that only proves that there is space.
    pub(super) has_proof: bool,
}

impl Writer {
    /// Writes until every sender of jobs is gone and everything they sent is written.
    pub(super) fn run(mut self) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| self.jobs.recv().ok()) {
            match job {
                Job::Store(job) if self.is_proven(&job) => reply(vec![job], iter::once(Ok(Stored::default()))),
                Job::Store(first) => next = self.store(first),
                Job::Task(task) => task(&mut self),
            }
        }
    }

    /// Runs work that writes: redb can panic on a damaged file, and the disk can fail. Afterwards, the file is as
    /// before, or the commit is on disk after all.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        self.write_entries(0, work)
    }

    fn write_entries<T>(
        &mut self,
        entries: usize,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let database = self.database.clone();
        database.watched_writing(entries, || work(self))
    }

    /// Stores a group, and returns the job that came after it.
    fn store(&mut self, first: StoreJob) -> Option<Job> {
        let (group, next) = self.collect(first);
        let batches: Vec<&Batch> = group.iter().map(|job| &job.batch).collect();
        let entries = batches.iter().map(|batch| batch.measurements.len() + batch.rejects.len()).sum();
        match self.write_entries(entries, |writer| writer.commit(&batches, entries)) {
            Ok(outcomes) => reply(group, outcomes.into_iter()),
            Err(failure) => {
                self.last_commit = None;
                let failure = Arc::new(failure);
                reply(group, iter::repeat_with(|| Err(Failure::error(&failure, "write", &self.path))));
            }
        }
        next
    }

    /// Returns whether this is a probe that the last commit already answers.
    fn is_proven(&self, job: &StoreJob) -> bool {
        job.batch.is_empty() && self.last_commit.is_some_and(|at| at.elapsed() < self.commit_interval)
    }

    /// Returns all waiting batches, up to the size of a transaction, and with an interval also those that arrive until
    /// it is over; and the job that ended the group because it does not store.
    fn collect(&self, first: StoreJob) -> (Vec<StoreJob>, Option<Job>) {
        // A probe asks whether the disk can be written to now.
        let interval = if first.batch.is_empty() { Duration::ZERO } else { self.commit_interval };
        let deadline = Instant::now().checked_add(interval);
        let mut measurements = first.batch.measurements.len();
        let mut group = vec![first];
        while measurements < MEASUREMENTS_A_TRANSACTION && group.len() < QUEUE {
            let wait = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            match self.jobs.recv_timeout(wait) {
                Ok(Job::Store(job)) if self.is_proven(&job) => reply(vec![job], iter::once(Ok(Stored::default()))),
                Ok(Job::Store(job)) => {
                    let is_urgent = job.batch.is_empty();
                    measurements += job.batch.measurements.len();
                    group.push(job);
                    if is_urgent {
                        break;
                    }
                }
                Ok(task) => return (group, Some(task)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        (group, None)
    }

    /// Begins a transaction after which the file opens instantly, even after a crash and however large it is, at the
    /// cost of a second flush.
    pub(super) fn transaction(&mut self) -> Result<Writing, Failure> {
        let mut transaction = self.database.begin_write()?;
        if transaction.generation != self.generation {
            self.next_number = transaction.next_number;
            self.generation = transaction.generation;
        }
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// Commits a transaction and returns once it is durable.
    pub(super) fn finish(&mut self, transaction: Writing) -> Result<(), Failure> {
        self.finish_entries(transaction, 0)
    }

    fn finish_entries(&mut self, transaction: Writing, entries: usize) -> Result<(), Failure> {
        let started = Instant::now();
        transaction.commit()?;
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).add(started.elapsed());
        self.last_commit = Some(Instant::now());
        self.database.notice_success(entries);
        Ok(())
    }

    /// Proves that the disk works after it has failed. A small write proves little, so something as large as what could
    /// not be stored is written, and removed by the next transaction. Returns the number of entries of that size.
    fn prove_room(&self, transaction: &Writing) -> Result<usize, Error> {
        let owed = self.database.owed();
        if owed > 0 {
            let proof = vec![0; owed.min(MEASUREMENTS_A_TRANSACTION) * PROOF_BYTES];
            transaction.open_table(METADATA)?.insert(PROOF_KEY, proof.as_slice())?;
        }
        Ok(owed)
    }

    /// Stores all batches in one transaction, except those that cannot be stored. The index of nodes follows only once
    /// it is durable.
    fn commit(&mut self, batches: &[&Batch], entries: usize) -> Result<Vec<Reply>, Failure> {
        let transaction = self.transaction()?;
        if self.has_proof {
            transaction.open_table(METADATA)?.remove(PROOF_KEY)?;
        }
        let proof = if entries == 0 { self.prove_room(&transaction)? } else { 0 };
        let mut changed = self.changed_nodes();
        let outcomes = {
            let mut rows = transaction.open_table(ROWS)?;
            let blocks = transaction.open_table(BLOCKS)?;
            let mut sealed = SealedPages::default();
            let outcomes = batches
                .iter()
                .map(|batch| match changed.without_number(&batch.measurements) {
                    Some(node) => Ok(Err(RepositoryError::TooManyNodes { node, limit: MAX_NODE_NUMBER.into() })),
                    None => {
                        store_measurements(&mut rows, &blocks, &mut sealed, &mut changed, &batch.measurements).map(Ok)
                    }
                })
                .collect::<Result<Vec<_>, Error>>()?;
            changed.write(&transaction)?;
            for (batch, outcome) in batches.iter().zip(&outcomes) {
                if let Ok(stored) = outcome {
                    append(&transaction, &batch.all_rejects(stored), &batch.metadata)?;
                }
            }
            outcomes
        };
        let durable = changed.into_changes();
        self.finish_entries(transaction, entries.max(proof))?;
        self.has_proof = proof > 0;
        self.accept(durable);
        Ok(outcomes)
    }

    pub(super) fn changed_nodes(&self) -> ChangedNodes<'_> {
        ChangedNodes { index: &self.nodes, next_number: self.next_number, nodes: BTreeMap::new() }
    }

    /// Adopts changes that are durable.
    pub(super) fn accept(&mut self, Changes { next_number, nodes }: Changes) {
        self.next_number = next_number;
        let mut index = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        index.extend(nodes);
    }
}

fn reply(group: Vec<StoreJob>, outcomes: impl Iterator<Item = Reply>) {
    for (job, outcome) in group.into_iter().zip(outcomes) {
        // A caller that no longer waits has been dropped; what it stored stays stored.
        let _ = job.reply.send(outcome);
        drop(job.permit);
    }
}

/// The nodes changed by the transaction under way, layered over the index.
pub(super) struct ChangedNodes<'a> {
    index: &'a NodeIndex,
    next_number: u32,
    nodes: BTreeMap<NodeId, NumberedNode>,
}

/// The changed nodes of a transaction, for use once it is durable.
pub(super) struct Changes {
    next_number: u32,
    nodes: BTreeMap<NodeId, NumberedNode>,
}

impl ChangedNodes<'_> {
    pub(super) fn into_changes(self) -> Changes {
        Changes { next_number: self.next_number, nodes: self.nodes }
    }

    pub(super) fn write(&self, transaction: &WriteTransaction) -> Result<(), Error> {
        let mut nodes = transaction.open_table(NODES)?;
        for node in self.nodes.values() {
            nodes.insert(node.number, row::encode_node(node).as_slice())?;
        }
        Ok(())
    }

    /// Returns the first node for which no number is left if all of these were stored.
    pub(super) fn without_number(&self, measurements: &[Measurement]) -> Option<NodeId> {
        let numbers_left = (MAX_NODE_NUMBER + 1).saturating_sub(self.next_number) as usize;
        if measurements.len() <= numbers_left {
            return None;
        }
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let mut new = BTreeSet::new();
        let is_new = |id: &&NodeId| !self.nodes.contains_key(*id) && !index.contains_key(*id);
        let mut ids = measurements.iter().map(|measurement| &measurement.node_id).filter(is_new);
        ids.find(|id| new.insert(*id) && new.len() > numbers_left).cloned()
    }

    /// Returns the node of a measurement. A new node gets a number, and does not count any measurements yet.
    pub(super) fn node_of(&mut self, measurement: &Measurement) -> &mut NumberedNode {
        let Self { index, next_number, nodes } = self;
        if !nodes.contains_key(&measurement.node_id) {
            let known = index.read().unwrap_or_else(PoisonError::into_inner).get(&measurement.node_id).cloned();
            let node = known.unwrap_or_else(|| {
                let number = *next_number;
                *next_number += 1;
                let node = Node {
                    id: measurement.node_id.clone(),
                    measurements: 0,
                    first_timestamp: measurement.timestamp,
                    first_received_at: measurement.received_at,
                    last_received_at: measurement.received_at,
                    latest: measurement.clone(),
                };
                NumberedNode { number, node: Arc::new(node) }
            });
            nodes.insert(measurement.node_id.clone(), node);
        }
        nodes.get_mut(&measurement.node_id).expect("it was inserted above if it was missing")
    }
}

/// Adds a stored measurement to its node's record.
pub(super) fn count(node: &mut Node, measurement: &Measurement) {
    node.measurements += 1;
    node.first_timestamp = node.first_timestamp.min(measurement.timestamp);
    node.first_received_at = node.first_received_at.min(measurement.received_at);
    node.last_received_at = node.last_received_at.max(measurement.received_at);
    if measurement.timestamp >= node.latest.timestamp {
        node.latest = measurement.clone();
    }
}

pub(super) fn store_measurements(
    rows: &mut Table<'_, u64, &'static [u8]>,
    blocks: &Table<'_, u64, &'static [u8]>,
    sealed: &mut SealedPages,
    changed: &mut ChangedNodes<'_>,
    measurements: &[Measurement],
) -> Result<Stored, Error> {
    let mut outcomes = Vec::with_capacity(measurements.len());
    let mut encoded = Vec::with_capacity(160);
    for measurement in measurements {
        let node = changed.node_of(measurement);
        let second = measurement.timestamp as u32;
        let key = row_key(node.number, second);
        // Nothing is stored after a node's newest measurement, so most rows need no lookup.
        if node.measurements > 0 && measurement.timestamp <= node.latest.timestamp {
            let row = rows.get(key)?;
            let known = match row {
                // Unreadable stored data is left as it is.
                Some(row) => {
                    let texts = &mut row::Texts::default();
                    Some(row::decode(&measurement.node_id, node.number, key, row.value(), texts).ok())
                }
                None => sealed.find(blocks, node, second)?.map(Some),
            };
            if let Some(known) = known {
                let is_duplicate = known.is_some_and(|known| known.same_values(measurement));
                outcomes.push(if is_duplicate { Outcome::Duplicate } else { Outcome::Conflict });
                continue;
            }
        }
        encoded.clear();
        row::encode(key, measurement, &mut encoded);
        rows.insert(key, encoded.as_slice())?;
        outcomes.push(Outcome::Stored);
        count(node, measurement);
    }
    Ok(Stored { outcomes })
}

/// Pages of blocks in which late measurements of a transaction have been looked up.
#[derive(Default)]
pub(super) struct SealedPages(BTreeMap<(u32, u16, usize), Vec<Measurement>>);

impl SealedPages {
    /// Finds a node's sealed measurement at a second. A damaged block yields nothing.
    fn find(
        &mut self,
        blocks: &Table<'_, u64, &'static [u8]>,
        node: &NumberedNode,
        second: u32,
    ) -> Result<Option<Measurement>, Error> {
        const KEPT: usize = 8;
        let week = week_of(second.into());
        let found = (|| {
            let Some(header) = sealed::header(blocks, node.number, week)? else { return Ok(None) };
            let Some(page) = header.pages(second.into(), u64::from(second) + 1).next() else { return Ok(None) };
            let key = (node.number, week, page);
            if !self.0.contains_key(&key) {
                let columns = sealed::columns(blocks, node.number, week, &header, |_| true)?;
                let measurements = Pages::new(&columns, &node.id, FieldSet::ALL)?.page(page, 0, u64::MAX)?;
                if self.0.len() >= KEPT {
                    self.0.clear();
                }
                self.0.insert(key, measurements);
            }
            let measurements = &self.0[&key];
            let place = measurements.binary_search_by_key(&i64::from(second), |measurement| measurement.timestamp);
            Ok(place.ok().map(|place| measurements[place].clone()))
        })();
        match found {
            Ok(found) => Ok(found),
            Err(BlockError::Damaged(_)) => Ok(None),
            Err(BlockError::Storage(error)) => Err(error.into()),
        }
    }
}

/// Appends everything in a batch besides its measurements.
pub(super) fn append(
    transaction: &WriteTransaction,
    rejects: &[Reject],
    metadata: &[(String, Vec<u8>)],
) -> Result<(), Error> {
    // Most batches have neither, so the tables need not be opened.
    if !rejects.is_empty() {
        append_rejects(&mut transaction.open_table(REJECTS)?, rejects)?;
    }
    if !metadata.is_empty() {
        let mut table = transaction.open_table(METADATA)?;
        for (key, value) in metadata {
            table.insert(metadata_key(key).as_str(), value.as_slice())?;
        }
    }
    Ok(())
}

fn append_rejects(table: &mut Table<'_, u64, &'static [u8]>, rejects: &[Reject]) -> Result<(), Error> {
    let mut number = table.last()?.map_or(0, |(number, _)| number.value());
    let too_many = rejects.len().saturating_sub(REJECTS_KEPT as usize);
    for reject in &rejects[too_many..] {
        number += 1;
        let entry = serde_json::to_vec(reject).map_err(|error| Error::Io(error.into()))?;
        table.insert(number, entry.as_slice())?;
    }
    while table.len()? > REJECTS_KEPT {
        table.pop_first()?;
    }
    Ok(())
}
