//! Group commit: one thread writes, and what is stored at the same time shares a transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::{
        Arc, PoisonError, RwLock,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use ::redb::{Database, Error, ReadableTable, ReadableTableMetadata, Table};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    row,
    tables::{METADATA, NODES, REJECTS, ROWS, metadata_key, row_key},
};
use crate::{Batch, Measurement, Node, NodeId, RepositoryError, Stored};

/// Every node by its id, as of the last commit.
pub(super) type NodeIndex = RwLock<BTreeMap<NodeId, Arc<Node>>>;

/// How many batches may wait for the writer or be in its hands.
pub(super) const QUEUE: usize = 1024;

/// A transaction takes no further batch once it has this many measurements.
const MEASUREMENTS_A_TRANSACTION: usize = 50_000;

/// The reject log is cut to this many entries.
const REJECTS_KEPT: u64 = 10_000;

/// What a caller is told.
type Outcome = Result<Stored, RepositoryError>;

/// A batch on its way to the disk.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Outcome>,
    /// A place in the queue, given back when the job is done.
    pub(super) permit: OwnedSemaphorePermit,
}

pub(super) struct Writer {
    pub(super) database: Arc<Database>,
    pub(super) nodes: Arc<NodeIndex>,
    pub(super) jobs: Receiver<Job>,
    pub(super) commit_interval: Duration,
    /// The number of the next new node.
    pub(super) next_number: u32,
}

impl Writer {
    /// Writes until every sender of jobs is gone and all that they sent is written.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let group = self.collect(first);
            let batches: Vec<&Batch> = group.iter().map(|job| &job.batch).collect();
            match self.commit(&batches) {
                Ok(outcomes) => reply(group, outcomes.into_iter()),
                Err(error) => {
                    let error = Arc::new(error);
                    reply(group, iter::repeat_with(|| Err(write_error(error.clone()))));
                }
            }
        }
    }

    /// All that waits, up to the size of a transaction; with an interval also what comes until it is over.
    fn collect(&self, first: Job) -> Vec<Job> {
        let deadline = Instant::now() + self.commit_interval;
        let mut measurements = first.batch.measurements.len();
        let mut group = vec![first];
        while measurements < MEASUREMENTS_A_TRANSACTION && group.len() < QUEUE {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.jobs.recv_timeout(wait) {
                Ok(job) => {
                    measurements += job.batch.measurements.len();
                    group.push(job);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        group
    }

    /// One transaction for all batches, without those that cannot be stored. The index of nodes follows only when it is
    /// durable.
    fn commit(&mut self, batches: &[&Batch]) -> Result<Vec<Outcome>, Error> {
        let mut transaction = self.database.begin_write()?;
        // After a crash the file opens at once, however large it is, for a second flush a commit.
        transaction.set_quick_repair(true);
        let mut changed = ChangedNodes { index: &self.nodes, next_number: self.next_number, nodes: BTreeMap::new() };
        let outcomes = {
            let mut rows = transaction.open_table(ROWS)?;
            let outcomes = batches
                .iter()
                .map(|batch| match changed.without_number(&batch.measurements) {
                    Some(node) => Ok(Err(RepositoryError::TooManyNodes { node })),
                    None => store_measurements(&mut rows, &mut changed, &batch.measurements).map(Ok),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let mut nodes = transaction.open_table(NODES)?;
            for node in changed.nodes.values() {
                nodes.insert(node.number, row::encode_node(node).as_slice())?;
            }
            let mut rejects = transaction.open_table(REJECTS)?;
            let mut metadata = transaction.open_table(METADATA)?;
            let stored = batches.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
            for (batch, _) in stored {
                append_rejects(&mut rejects, batch)?;
                for (key, value) in &batch.metadata {
                    metadata.insert(metadata_key(key).as_str(), value.as_slice())?;
                }
            }
            outcomes
        };
        transaction.commit()?;
        self.next_number = changed.next_number;
        let mut index = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        index.extend(changed.nodes.into_iter().map(|(id, node)| (id, Arc::new(node))));
        Ok(outcomes)
    }
}

fn reply(group: Vec<Job>, outcomes: impl Iterator<Item = Outcome>) {
    for (job, outcome) in group.into_iter().zip(outcomes) {
        // A caller that no longer waits has been dropped; what it stored stays stored.
        let _ = job.reply.send(outcome);
        drop(job.permit);
    }
}

fn write_error(error: Arc<Error>) -> RepositoryError {
    RepositoryError::Storage { action: "write", source: Box::new(error) }
}

fn damaged(error: &row::DamagedRecord) -> Error {
    Error::Corrupted(error.to_string())
}

/// The nodes that the transaction under way changes, over those of the index.
struct ChangedNodes<'a> {
    index: &'a NodeIndex,
    next_number: u32,
    nodes: BTreeMap<NodeId, Node>,
}

impl ChangedNodes<'_> {
    /// The first node for which there is no number left, if all of these were stored.
    fn without_number(&self, measurements: &[Measurement]) -> Option<NodeId> {
        let numbers_left = (Node::MAX_NUMBER + 1).saturating_sub(self.next_number) as usize;
        if measurements.len() <= numbers_left {
            return None;
        }
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let mut new = BTreeSet::new();
        let is_new = |id: &&NodeId| !self.nodes.contains_key(*id) && !index.contains_key(*id);
        let mut ids = measurements.iter().map(|measurement| &measurement.node_id).filter(is_new);
        ids.find(|id| new.insert(*id) && new.len() > numbers_left).cloned()
    }

    /// The node of a measurement. One that is new gets a number, and counts no measurement yet.
    fn node_of(&mut self, measurement: &Measurement) -> &mut Node {
        let Self { index, next_number, nodes } = self;
        if !nodes.contains_key(&measurement.node_id) {
            let known = index.read().unwrap_or_else(PoisonError::into_inner).get(&measurement.node_id).cloned();
            let node = known.map_or_else(
                || {
                    let number = *next_number;
                    *next_number += 1;
                    Node {
                        id: measurement.node_id.clone(),
                        number,
                        measurements: 0,
                        first_timestamp: measurement.timestamp,
                        last_received_at: measurement.received_at,
                        latest: measurement.clone(),
                    }
                },
                |node| (*node).clone(),
            );
            nodes.insert(measurement.node_id.clone(), node);
        }
        nodes.get_mut(&measurement.node_id).expect("it was inserted above if it was missing")
    }
}

fn store_measurements(
    rows: &mut Table<'_, u64, &'static [u8]>,
    changed: &mut ChangedNodes<'_>,
    measurements: &[Measurement],
) -> Result<Stored, Error> {
    let mut outcome = Stored::default();
    let mut encoded = Vec::with_capacity(160);
    for measurement in measurements {
        let node = changed.node_of(measurement);
        let key = row_key(node.number, measurement.timestamp as u32);
        // Nothing is stored after a node's newest measurement, so most rows need no look-up.
        if node.measurements > 0 && measurement.timestamp <= node.latest.timestamp {
            let known = rows.get(key)?;
            if let Some(known) = known {
                let known = row::decode(&measurement.node_id, measurement.timestamp, known.value())
                    .map_err(|error| damaged(&error))?;
                if known.same_values(measurement) {
                    outcome.duplicates += 1;
                } else {
                    outcome.conflicts.push(measurement.clone());
                }
                continue;
            }
        }
        encoded.clear();
        row::encode(measurement, &mut encoded);
        rows.insert(key, encoded.as_slice())?;
        outcome.stored += 1;
        node.measurements += 1;
        node.first_timestamp = node.first_timestamp.min(measurement.timestamp);
        node.last_received_at = node.last_received_at.max(measurement.received_at);
        if measurement.timestamp >= node.latest.timestamp {
            node.latest = measurement.clone();
        }
    }
    Ok(outcome)
}

fn append_rejects(rejects: &mut Table<'_, u64, &'static [u8]>, batch: &Batch) -> Result<(), Error> {
    let mut number = rejects.last()?.map_or(0, |(number, _)| number.value());
    let too_many = batch.rejects.len().saturating_sub(REJECTS_KEPT as usize);
    for reject in &batch.rejects[too_many..] {
        number += 1;
        let entry = serde_json::to_vec(reject).map_err(|error| Error::Io(error.into()))?;
        rejects.insert(number, entry.as_slice())?;
    }
    while rejects.len()? > REJECTS_KEPT {
        rejects.pop_first()?;
    }
    Ok(())
}
