//! The repository in one redb file.
//!
//! `tables` is the layout of the file. What is new is a `row` (written by `writer`, the group commit); once its week is over it
//! moves into a `block` of `column`s (`seal`, started by `upkeep`), which lies in the file in pieces (`sealed`). `tiers` reads both
//! as one. Reading happens in short read transactions on tokio's blocking pool, all through `RedbRepository::read`.

mod backup;
mod block;
mod bytes;
mod check;
mod column;
mod delete;
mod failure;
mod import;
mod report;
mod row;
mod seal;
mod sealed;
mod statistics;
mod tables;
mod tiers;
mod upkeep;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    io::Read,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use ::redb::{
    Builder, Database, DatabaseError, Error, ReadTransaction, ReadableDatabase, ReadableTable, StorageError,
    backends::InMemoryBackend,
};
use async_trait::async_trait;
use tokio::{
    sync::{Semaphore, oneshot},
    task,
};
use tracing::error;

pub use self::report::{Checked, Compacted, Damage, NodeStatistics, Retention, Sealed, Statistics};
use self::{
    failure::Failure,
    tables::{BLOCKS, FORMAT, FORMAT_KEY, METADATA, NODES, REJECTS, ROWS, metadata_key},
    tiers::{Hole, Tiers, Wanted},
    upkeep::Upkeep,
    writer::{Job, NodeIndex, QUEUE, StoreJob, Writer},
};
use crate::{
    Batch, Measurement, MeasurementQuery, Node, NodeId, Reject, RejectPage, RejectQuery, Repository, RepositoryError,
    Series, SeriesQuery, Stored,
};

/// How many queries read at a time. More would wait for the disk and the processor all the same, each with its rows in
/// memory.
const READERS: usize = 4;

/// A [`Repository`] in a redb file, or in memory.
///
/// A measurement takes about 150 bytes until three days after its week (from Monday 00:00 UTC on) is over; then it is sealed in
/// the background, and takes about three. Nothing is lost or changed by that. Opening takes the same time however much is stored.
/// Only one process can have a file open. Dropping it finishes the writes under way and closes the file. A block that is
/// damaged is left out of what is read, and said so in the log once.
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
    /// `Some` until it is dropped: the writer ends when the last sender of jobs is gone.
    upkeep: Option<Upkeep>,
    /// Dropping it ends the background work.
    stop_upkeep: Option<mpsc::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    database: Arc<Database>,
    path: Arc<Path>,
    nodes: Arc<NodeIndex>,
    queue: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    /// What could not be read and has been told.
    holes: Arc<Mutex<BTreeSet<Hole>>>,
}

/// How a [`RedbRepository`] is opened.
#[derive(Debug, Clone)]
pub struct RedbOptions {
    /// How long a commit is held back so that more batches share it. Storing takes that much longer, and the disk is written
    /// that much more rarely. Zero: as soon as the commit before is done.
    pub commit_interval: Duration,
    /// How much of the file is kept in memory, in bytes.
    pub cache_bytes: usize,
    /// What is removed by itself.
    pub retention: Retention,
}

impl Default for RedbOptions {
    /// No interval, 16 MiB, no retention.
    fn default() -> Self {
        Self { commit_interval: Duration::ZERO, cache_bytes: 16 << 20, retention: Retention::default() }
    }
}

impl RedbOptions {
    /// Opens the file, or makes it when there is none. Its folder must exist.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<RedbRepository, RepositoryError> {
        let path = path.as_ref();
        self.start(self.database(path)?, path)
    }

    /// A repository that is gone when it is dropped.
    pub fn in_memory(&self) -> Result<RedbRepository, RepositoryError> {
        let path = Path::new(":memory:");
        let database =
            self.builder().create_with_backend(InMemoryBackend::new()).map_err(|error| open_error(path, error))?;
        make_tables(&database).map_err(|failure| Arc::new(failure).error("write", path))?;
        self.start(database, path)
    }

    /// Makes a file that nobody has open as small as it can be: what is free in it is given back. Blocking. It can be
    /// interrupted at any time, and what is stored is the same afterwards.
    pub fn compact(&self, path: impl AsRef<Path>) -> Result<Compacted, RepositoryError> {
        let path = path.as_ref();
        let size = || fs::metadata(path).map(|metadata| metadata.len()).map_err(|error| open_error(path, error));
        let before = size()?;
        let mut database = self.database(path)?;
        guarded(path, "compact", || {
            // One pass moves what it can; the next one may find room that the one before has made.
            while database.compact()? {}
            Ok(())
        })?;
        drop(database);
        Ok(Compacted { before, after: size()? })
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_bytes);
        builder
    }

    /// Opens a file of this format, brings an older one to it, or makes a new one.
    fn database(&self, path: &Path) -> Result<Database, RepositoryError> {
        if is_new(path)? {
            // It gets its name when it has its tables: what has the name is a whole database, whenever the power fails.
            let unfinished = backup::unfinished(path);
            let cannot = |error| open_error(path, error);
            let database = self.builder().create(&unfinished).map_err(|error| redb_open_error(path, error))?;
            make_tables(&database).map_err(|failure| Arc::new(failure).error("write", path))?;
            fs::rename(&unfinished, path).map_err(cannot)?;
            return Ok(database);
        }
        let opened = panic::catch_unwind(AssertUnwindSafe(|| self.builder().open(path)));
        let database = opened
            .map_err(|_| Arc::new(Failure::Panic).error("read", path))?
            .map_err(|error| redb_open_error(path, error))?;
        let found = guarded(path, "read", || Ok(format(&database)?))?;
        match found {
            Some(FORMAT) => {}
            // Format 1 is this one without blocks.
            Some(1) => guarded(path, "write", || make_tables(&database))?,
            Some(found) => return Err(RepositoryError::NewerFormat { path: path.into(), found, supported: FORMAT }),
            None => return Err(RepositoryError::NotADatabase { path: path.into() }),
        }
        Ok(database)
    }

    fn start(&self, database: Database, path: &Path) -> Result<RedbRepository, RepositoryError> {
        let nodes = guarded(path, "read", || load_nodes(&database, path))?;
        let next_number = nodes.values().map(|node| node.number + 1).max().unwrap_or(1);
        let database = Arc::new(database);
        let nodes = Arc::new(RwLock::new(nodes));
        let path: Arc<Path> = path.into();
        let (sender, jobs) = mpsc::channel();
        let writer = Writer {
            database: database.clone(),
            path: path.clone(),
            nodes: nodes.clone(),
            jobs,
            commit_interval: self.commit_interval,
            next_number,
        };
        let upkeep = Upkeep {
            database: database.clone(),
            path: path.clone(),
            nodes: nodes.clone(),
            jobs: sender,
            retention: self.retention,
            sealing: Arc::default(),
        };
        let (stop_upkeep, stop) = mpsc::channel();
        let background = upkeep.clone();
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.into()).spawn(work).map_err(|error| open_error(&path, error))
        };
        let threads = vec![
            spawn("isems-upkeep", Box::new(move || background.run(&stop)))?,
            spawn("isems-writer", Box::new(|| writer.run()))?,
        ];
        Ok(RedbRepository {
            upkeep: Some(upkeep),
            stop_upkeep: Some(stop_upkeep),
            threads,
            database,
            path,
            nodes,
            queue: Arc::new(Semaphore::new(QUEUE)),
            readers: Arc::new(Semaphore::new(READERS)),
            holes: Arc::default(),
        })
    }
}

fn open_error(path: &Path, source: impl Into<crate::BoxError>) -> RepositoryError {
    RepositoryError::Open { path: path.into(), source: source.into() }
}

/// What redb says of a file that it cannot open. A file that ends too early is damaged.
fn redb_open_error(path: &Path, error: DatabaseError) -> RepositoryError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            RepositoryError::Locked { path: path.into() }
        }
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData) =>
        {
            open_error(path, error)
        }
        error => RepositoryError::Damaged { path: path.into(), source: error.into() },
    }
}

/// Runs what reads a file that may be damaged: redb can panic over one.
fn guarded<T>(
    path: &Path,
    action: &'static str,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, RepositoryError> {
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    result.unwrap_or(Err(Failure::Panic)).map_err(|failure| Arc::new(failure).error(action, path))
}

/// Whether there is no file yet; and what redb itself would answer with an error that helps nobody.
fn is_new(path: &Path) -> Result<bool, RepositoryError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        return Err(RepositoryError::FolderMissing { path: path.into(), folder: folder.into() });
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(open_error(path, error)),
    };
    let mut magic = [0; 4];
    match file.read(&mut magic) {
        Ok(0) => Err(RepositoryError::Damaged { path: path.into(), source: "the file is empty".into() }),
        Ok(4) if magic == *b"redb" => Ok(false),
        Ok(_) => Err(RepositoryError::NotADatabase { path: path.into() }),
        Err(error) => Err(open_error(path, error)),
    }
}

/// The format of a file. `None`: it is none of ours.
fn format(database: &Database) -> Result<Option<u32>, Error> {
    let transaction = database.begin_read()?;
    let metadata = match transaction.open_table(METADATA) {
        Ok(metadata) => metadata,
        Err(::redb::TableError::TableDoesNotExist(_) | ::redb::TableError::TableTypeMismatch { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let format = metadata.get(FORMAT_KEY)?;
    Ok(format.and_then(|format| Some(u32::from_le_bytes(format.value().try_into().ok()?))))
}

/// Makes every table that is missing, and says that the file has this format.
fn make_tables(database: &Database) -> Result<(), Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(METADATA)?.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?;
    transaction.open_table(NODES)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(BLOCKS)?;
    transaction.open_table(REJECTS)?;
    transaction.commit()?;
    Ok(())
}

/// Every node. A record that cannot be read costs that node only, and is told.
fn load_nodes(database: &Database, path: &Path) -> Result<BTreeMap<NodeId, Arc<Node>>, Failure> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(NODES)?;
    let mut nodes = BTreeMap::new();
    for entry in table.iter()? {
        let (number, record) = entry?;
        match row::decode_node(number.value(), record.value()) {
            Ok(node) => {
                nodes.insert(node.id.clone(), Arc::new(node));
            }
            Err(damage) => {
                error!(path = %path.display(), number = number.value(), %damage, "a node is left out; see isems-server check");
            }
        }
    }
    Ok(nodes)
}

/// Seconds, as the keys of the file have them.
fn seconds(from: i64, to: i64) -> Range<u64> {
    let second = |time: i64| time.clamp(0, 1 << 32) as u64;
    second(from)..second(to)
}

impl RedbRepository {
    /// Opens a file with the default options, or makes it when there is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RepositoryError> {
        RedbOptions::default().open(path)
    }

    /// A repository that is gone when it is dropped.
    pub fn in_memory() -> Result<Self, RepositoryError> {
        RedbOptions::default().in_memory()
    }

    /// Stores a batch like [`store`](Repository::store), straight into sealed blocks. Meant for much history at once: it is
    /// fast where a batch has whole weeks (from Monday 00:00 UTC on) of few nodes, and holds other writes up meanwhile. Other weeks are
    /// merged with what is there.
    pub async fn import(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        validate(&batch)?;
        self.on_writer(move |writer| writer.import(batch)).await?
    }

    /// Seals every week that ended at an instant (Unix seconds, UTC) or before it. It happens by itself as time goes on; this
    /// is for those who cannot wait.
    pub async fn seal(&self, before: i64) -> Result<Sealed, RepositoryError> {
        let upkeep = self.upkeep()?.clone();
        self.blocking("write", move |_| upkeep.seal(before.max(0) as u64, |_| true)).await
    }

    /// How much is held, of every node. Cost: reading the whole file.
    pub async fn statistics(&self) -> Result<Statistics, RepositoryError> {
        let (nodes, path) = (self.nodes.clone(), self.path.clone());
        self.blocking("read", move |database| statistics::statistics(database, &nodes, &path)).await
    }

    /// Reads everything back and verifies counts, order and checksums. Damage is reported, and is no error. Cost: reading and decoding the whole
    /// file.
    pub async fn check(&self) -> Result<Checked, RepositoryError> {
        let nodes = self.nodes.clone();
        self.blocking("read", move |database| check::check(database, &nodes)).await
    }

    /// Writes a copy of what is stored at this moment to a new file, as small as it can be, and returns its size in bytes.
    /// Storing goes on meanwhile. It is an error if `path` exists.
    pub async fn backup(&self, path: impl AsRef<Path>) -> Result<u64, RepositoryError> {
        let path = path.as_ref().to_owned();
        self.blocking("copy", move |database| backup::backup(database, &path)).await
    }

    fn known(&self, id: &NodeId) -> Option<Arc<Node>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn upkeep(&self) -> Result<&Upkeep, RepositoryError> {
        self.upkeep.as_ref().ok_or_else(closed)
    }

    /// Work that takes long, on the blocking pool.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let database = self.database.clone();
        let result = task::spawn_blocking(move || work(&database)).await;
        result.unwrap_or(Err(Failure::Panic)).map_err(|failure| Arc::new(failure).error(action, &self.path))
    }

    /// The one place where queries cross to the blocking pool.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let permit = self.readers.clone().acquire_owned().await.map_err(|_| closed())?;
        self.blocking("read", move |database| {
            let _permit = permit;
            query(&database.begin_read()?)
        })
        .await
    }

    /// Reads both tiers, and tells what could not be read.
    async fn read_tiers<T: Send + 'static>(
        &self,
        node: Arc<Node>,
        query: impl FnOnce(&Tiers<'_, ReadRows, ReadRows>, &Node, &mut Vec<Hole>) -> Result<T, StorageError>
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
                        "damaged measurements are left out; see isems-server check"
                    );
                }
            }
            Ok(found)
        })
        .await
    }

    /// Lets the writer do something between two groups of stores, and waits for it.
    async fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let (reply, outcome) = oneshot::channel();
        let job = Job::Task(Box::new(move |writer| {
            // A caller that no longer waits has been dropped; what is done stays done.
            let _ = reply.send(work(writer));
        }));
        self.upkeep()?.jobs.send(job).map_err(|_| closed())?;
        let result = outcome.await.unwrap_or(Err(Failure::Panic));
        result.map_err(|failure| Arc::new(failure).error("write", &self.path))
    }
}

/// A table of rows or of pieces in a read transaction.
type ReadRows = ::redb::ReadOnlyTable<u64, &'static [u8]>;

fn closed() -> RepositoryError {
    RepositoryError::Storage { action: "write", source: "the writer has ended".into() }
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
impl Repository for RedbRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        validate(&batch)?;
        let permit = self.queue.clone().acquire_owned().await.map_err(|_| closed())?;
        let (reply, outcome) = oneshot::channel();
        self.upkeep()?.jobs.send(Job::Store(StoreJob { batch, reply, permit })).map_err(|_| closed())?;
        outcome.await.map_err(|_| closed()).flatten()
    }

    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        Ok(self.nodes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect())
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        Ok(self.known(id))
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        let Some(node) = self.known(&query.node) else { return Ok(Vec::new()) };
        let wanted = Wanted { range: seconds(query.from, query.to), order: query.order, limit: query.limit };
        self.read_tiers(node, |tiers, node, holes| tiers.measurements(node, wanted, holes)).await
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Series, RepositoryError> {
        let Some(node) = self.known(&query.node) else { return Ok(Series::empty(query, 0, -1)) };
        let query = query.clone();
        self.read_tiers(node, move |tiers, node, holes| tiers.series(node, &query, holes)).await
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
            RejectPage::of(
                &query,
                older.map(|entry| {
                    entry
                        .map_err(Failure::from)
                        .and_then(|(number, entry)| Ok((number.value(), reject(entry.value())?)))
                }),
            )
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

fn reject(entry: &[u8]) -> Result<Reject, Failure> {
    serde_json::from_slice(entry).map_err(|_| bytes::DamagedRecord("a reject cannot be read").into())
}

impl Drop for RedbRepository {
    fn drop(&mut self) {
        self.stop_upkeep = None;
        self.upkeep = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has left its transaction uncommitted; there is nothing more to finish.
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
