//! The repository in one redb file.
//!
//! [`tables`] lists the tables and their keys. A new measurement becomes a [`row`], written by the [`writer`] in a
//! group commit. Once its week is over, it moves into a [`block`] of [`mod@column`]s ([`seal`], started by [`upkeep`]),
//! which lies in the file in pieces ([`sealed`]). [`tiers`] reads both as one, with what [`summaries`] keeps, and
//! [`around`] reads past damage. [`import`] and [`delete`] change both tiers, [`check`] verifies them, and [`backup`]
//! copies them.
//!
//! One thread writes. Queries run on tokio's blocking pool, in short read transactions that all begin in
//! `RedbRepository::read`. [`database`] opens the file again after the disk has failed, if need be through an
//! [`overlay`] that writes nothing. redb trusts a file that was closed cleanly and can panic over a damaged one, so
//! everything that reads or writes a file runs where a panic is caught ([`failure`]).

mod around;
mod asker;
mod backup;
mod block;
mod bytes;
mod check;
mod column;
mod database;
mod delete;
mod failure;
mod import;
mod open_error;
mod options;
mod overlay;
mod report;
mod retention;
mod row;
mod seal;
mod sealed;
mod size;
mod statistics;
mod summaries;
mod tables;
mod tiers;
mod upkeep;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    ops::{Bound, Range},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use ::redb::{ReadTransaction, StorageError};
use async_trait::async_trait;
use tokio::{
    sync::{Semaphore, oneshot},
    task,
};
use tracing::error;

pub use self::open_error::OpenError;
pub use self::options::RedbOptions;
pub use self::report::{Checked, Compacted, Copied, Damage, Imported, NodeStatistics, Sealed, Statistics};
pub use self::retention::Retention;
use self::{
    asker::{Asker, Patience},
    database::OpenDatabase,
    failure::Failure,
    summaries::Summaries,
    tables::{BLOCKS, METADATA, NumberedNode, REJECTS, ROWS, metadata_key},
    tiers::{Hole, TierQuery, Tiers},
    upkeep::Upkeep,
    writer::{Job, NodeIndex, StoreJob, Writer},
};
use crate::{
    Batch, DurationHistogram, Measurement, MeasurementQuery, Node, NodeId, RejectPage, RejectQuery, Repository,
    RepositoryError, Series, SeriesQuery, Stored,
};

/// The number of queries that read at a time. More would only wait for the disk and the processor, each with its rows
/// in memory.
const READERS: usize = 4;

/// The number of times that a query is tried while the disk fails or the file is reopened.
const READ_ATTEMPTS: usize = 4;

/// A [`Repository`] in a redb file, or in memory.
///
/// A measurement takes about 150 bytes until three days after the end of its week (weeks begin on Monday, 00:00 UTC);
/// then it is sealed in the background, losslessly, and takes about three. Late measurements for a sealed week join it
/// within an hour, or once there are a few thousand of them. Opening takes the same time however much is stored. Only
/// one process can have a file open. Dropping the repository finishes the writes under way and closes the file. A
/// damaged block is left out of answers, and logged once.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use isems_core::{Inbox, Payload, RedbRepository, Repository};
///
/// let repository = Arc::new(RedbRepository::in_memory()?);
/// let inbox = Inbox::new("example", repository.clone());
/// let line = b"Hut;1;1530364575;v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300";
/// inbox.deliver(Payload::csvlog(line, "a constant")).await?;
/// assert_eq!(repository.nodes().await?[0].latest.battery_voltage, Some(14.073));
/// # Ok(())
/// # }
/// ```
pub struct RedbRepository {
    /// `Some` until dropped: the writer ends when the last sender of jobs is gone.
    upkeep: Option<Upkeep>,
    /// Dropping it ends the background work.
    stop_upkeep: Option<mpsc::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    database: Arc<OpenDatabase>,
    path: Arc<Path>,
    nodes: Arc<NodeIndex>,
    commits: Arc<Mutex<DurationHistogram>>,
    queue: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    summaries: Arc<Summaries>,
    /// The holes that have been logged.
    holes: Arc<Mutex<BTreeSet<Hole>>>,
}

/// Converts times to the seconds used in the file's keys.
fn seconds(from: i64, to: i64) -> Range<u64> {
    let second = |time: i64| time.clamp(0, 1 << 32) as u64;
    second(from)..second(to)
}

impl RedbRepository {
    /// Opens a file with the default options, or creates it if there is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        RedbOptions::default().open(path)
    }

    /// Opens a repository that is gone once it is dropped.
    pub fn in_memory() -> Result<Self, OpenError> {
        RedbOptions::default().in_memory()
    }

    /// Stores a batch like [`store`](Repository::store), but straight into sealed blocks. Meant for long histories: it
    /// is fast if a batch has whole weeks (from Monday 00:00 UTC on) of few nodes, and holds up other writes meanwhile.
    /// Other weeks are merged with the stored ones. [Late rejects](Batch::late_rejects) are not called; the result has
    /// the conflicts instead.
    pub async fn import(&self, batch: Batch) -> Result<Imported, RepositoryError> {
        validate(&batch)?;
        self.on_writer(move |writer| writer.import(batch)).await?
    }

    /// Seals every week that ended at or before an instant (Unix seconds, UTC). This also happens automatically over
    /// time; call it if you cannot wait.
    pub async fn seal(&self, before: i64) -> Result<Sealed, RepositoryError> {
        let upkeep = self.upkeep()?.clone();
        self.blocking("write", move |_| upkeep.seal(before.max(0) as u64, 1, |_| true)).await
    }

    /// Removes everything beyond the [retention](RedbOptions::retention), and returns the number of measurements
    /// removed. This also happens automatically over time; call it if you cannot wait.
    pub async fn retain(&self) -> Result<u64, RepositoryError> {
        let upkeep = self.upkeep()?.clone();
        self.blocking("write", move |_| upkeep.retain()).await
    }

    /// Returns the amount of data held for every node. Cost: reading the whole file; dropping the future stops it.
    pub async fn statistics(&self) -> Result<Statistics, RepositoryError> {
        let path = self.path.clone();
        self.patiently("read", move |database, patience| statistics::statistics(database, &path, patience)).await
    }

    /// Reads everything back and verifies counts, order and checksums. Damage is reported and not an error; everything
    /// around it is still read. Cost: reading and decoding the whole file; dropping the future stops it.
    pub async fn check(&self) -> Result<Checked, RepositoryError> {
        self.patiently("read", |database, patience| check::check(&database.begin_read()?, patience)).await
    }

    /// Writes a copy of the current content to a new file, as small as possible, and reads it back like
    /// [`check`](Self::check). Storing goes on meanwhile. Damage is reported and not an error: the copy has everything
    /// that can be read around it, and damaged records as they are. It is an error if `path` exists. Dropping the
    /// future stops the work and removes the unfinished copy.
    pub async fn backup(&self, path: impl AsRef<Path>) -> Result<Copied, RepositoryError> {
        let path = path.as_ref().to_owned();
        self.patiently("copy", move |database, patience| backup::backup(database, &path, patience)).await
    }

    /// Returns the durations of the commits since opening, each including its flush to the disk. Failed commits are not
    /// counted.
    pub fn commits(&self) -> DurationHistogram {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number under which the file keeps each node: from 1 on in order of first arrival, at most 2^21 - 1.
    /// It stays the same while the node is kept. Useful to programs that have handed it out as an identifier. Cost: the
    /// number of nodes.
    pub fn node_numbers(&self) -> BTreeMap<NodeId, u32> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().map(|(id, node)| (id.clone(), node.number)).collect()
    }

    /// Returns the path of the file, or `:memory:` if there is none.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the repository is in memory, without a file.
    pub fn is_in_memory(&self) -> bool {
        self.database.is_in_memory()
    }

    /// Returns the size of the file in bytes, or `None` in memory or if it cannot be determined. Cost: asking the file
    /// system, which blocks.
    pub fn file_bytes(&self) -> Option<u64> {
        if self.is_in_memory() {
            return None;
        }
        fs::metadata(&self.path).ok().map(|metadata| metadata.len())
    }

    fn known(&self, id: &NodeId) -> Option<NumberedNode> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn upkeep(&self) -> Result<&Upkeep, RepositoryError> {
        self.upkeep.as_ref().ok_or_else(closed)
    }

    /// Runs long work on the blocking pool.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&OpenDatabase) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let database = self.database.clone();
        let result = task::spawn_blocking(move || database.watched(|| work(&database))).await.unwrap_or_else(|error| {
            Err(if error.is_panic() { Failure::Panic } else { Failure::Closed("the program is about to end") })
        });
        result.map_err(|failure| Arc::new(failure).error(action, &self.path))
    }

    /// Runs work on the whole file on the blocking pool. It stops early when the future is dropped.
    async fn patiently<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&OpenDatabase, &Patience) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let asker = Asker::default();
        let patience = asker.patience();
        let result = self.blocking(action, move |database| work(database, &patience)).await;
        drop(asker);
        result
    }

    /// The only place where queries move to the blocking pool.
    async fn read<T: Send + 'static>(
        &self,
        query: impl Fn(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let permit = self.readers.clone().acquire_owned().await.map_err(|_| closed())?;
        self.blocking("read", move |database| {
            let _permit = permit;
            let answer = || query(&database.begin_read()?);
            for _ in 0..READ_ATTEMPTS - 1 {
                match database.watched(answer) {
                    // Usually the writer's part of the disk has failed: stored data can still be read.
                    Err(failure) if failure.is_worth_another_try() => {}
                    answered => return answered,
                }
            }
            answer()
        })
        .await
    }

    /// Reads both tiers, and logs what could not be read.
    async fn read_tiers<T: Send + 'static>(
        &self,
        node: NumberedNode,
        query: impl Fn(&Tiers<'_, ReadRows, ReadRows>, &NumberedNode, &mut Vec<Hole>) -> Result<T, StorageError>
        + Send
        + 'static,
    ) -> Result<T, RepositoryError> {
        let (known, path) = (self.holes.clone(), self.path.clone());
        self.read(move |transaction| {
            let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
            let mut holes = Vec::new();
            let found = query(&Tiers { rows: &rows, blocks: &blocks }, &node, &mut holes)?;
            for hole in holes {
                if known.lock().unwrap_or_else(PoisonError::into_inner).insert(hole) {
                    error!(
                        path = %path.display(), node = %node.id, from = hole.from, to = hole.to, damage = hole.problem,
                        "left out damaged measurements"
                    );
                }
            }
            Ok(found)
        })
        .await
    }

    /// Has the writer store a batch or, with an empty one, prove that it could.
    async fn commit(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        let permit = self.queue.clone().acquire_owned().await.map_err(|_| closed())?;
        let (reply, outcome) = oneshot::channel();
        self.upkeep()?.jobs.send(Job::Store(StoreJob { batch, reply, permit })).map_err(|_| closed())?;
        outcome.await.map_err(|_| closed()).flatten()
    }

    /// Has the writer do something between two groups of stores, and waits for it.
    async fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let (reply, outcome) = oneshot::channel();
        let job = Job::Task(Box::new(move |writer| {
            // A caller that no longer waits has been dropped; what is done stays done.
            let _ = reply.send(writer.write(work));
        }));
        self.upkeep()?.jobs.send(job).map_err(|_| closed())?;
        let result = outcome.await.unwrap_or(Err(Failure::Panic));
        result.map_err(|failure| Arc::new(failure).error("write", &self.path))
    }
}

/// A table of rows or of pieces in a read transaction.
type ReadRows = ::redb::ReadOnlyTable<u64, &'static [u8]>;

fn closed() -> RepositoryError {
    RepositoryError::Unavailable { action: "write", retry: false, source: "the writer has ended".into() }
}

fn validate(batch: &Batch) -> Result<(), RepositoryError> {
    batch.measurements.iter().try_for_each(|measurement| {
        measurement.validate().map_err(|fault| RepositoryError::Invalid {
            node: measurement.node_id.clone(),
            timestamp: measurement.timestamp,
            fault,
        })
    })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Repository for RedbRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        if batch.is_empty() {
            return Ok(Stored::default());
        }
        validate(&batch)?;
        self.commit(batch).await
    }

    async fn probe(&self) -> Result<(), RepositoryError> {
        self.commit(Batch::default()).await.map(drop)
    }

    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(nodes.range::<NodeId, _>((start, Bound::Unbounded)).take(limit).map(|(_, node)| node.node.clone()).collect())
    }

    async fn node_count(&self) -> Result<u64, RepositoryError> {
        Ok(self.nodes.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.nodes_after(None, usize::MAX).await
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        Ok(self.known(id).map(|known| known.node))
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        let Some(node) = self.known(&query.node) else { return Ok(Vec::new()) };
        let MeasurementQuery { from, to, order, limit, fields, .. } = *query;
        let wanted = TierQuery { range: seconds(from, to), order, limit, fields };
        self.read_tiers(node, move |tiers, node, holes| tiers.measurements(node, wanted.clone(), holes)).await
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Series, RepositoryError> {
        let Some(node) = self.known(&query.node) else { return Ok(Series::empty(query, 0, -1)) };
        let (query, summaries) = (query.clone(), self.summaries.clone());
        self.read_tiers(node, move |tiers, node, holes| tiers.series(node, &query, &summaries, holes)).await
    }

    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError> {
        let node = node.clone();
        self.on_writer(move |writer| writer.delete(&node, seconds(from, to))).await
    }

    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError> {
        let query = query.clone();
        self.read(move |transaction| {
            let rejects = transaction.open_table(REJECTS)?;
            let older = rejects.range(..query.before.unwrap_or(u64::MAX))?.rev();
            let readable = older.filter_map(|entry| match entry {
                // An unreadable reject is left out, and reported by `check`.
                Ok((number, entry)) => {
                    serde_json::from_slice(entry.value()).ok().map(|entry| Ok((number.value(), entry)))
                }
                Err(error) => Some(Err(Failure::from(error))),
            });
            RejectPage::of(&query, readable)
        })
        .await
    }

    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        let key = metadata_key(key);
        self.read(move |transaction| {
            let metadata = transaction.open_table(METADATA)?;
            Ok(metadata.get(key.as_str())?.map(|value| value.value().into()))
        })
        .await
    }
}

impl Drop for RedbRepository {
    fn drop(&mut self) {
        self.stop_upkeep = None;
        self.upkeep = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has left its transaction uncommitted; there is nothing left to finish.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for RedbRepository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner).len();
        formatter.debug_struct("RedbRepository").field("nodes", &nodes).finish_non_exhaustive()
    }
}
