//! The repository in one redb file.
//!
//! `tables` is the layout of the file, `row` the binary form of a measurement, `writer` the group commit. Reading happens in
//! short read transactions on tokio's blocking pool, all through `RedbRepository::read`.

mod row;
mod tables;
mod writer;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use ::redb::{
    Builder, Database, DatabaseError, Error, ReadTransaction, ReadableDatabase, ReadableTable,
    backends::InMemoryBackend,
};
use async_trait::async_trait;
use tokio::{
    sync::{Semaphore, oneshot},
    task,
};

use self::{
    tables::{FORMAT, FORMAT_KEY, METADATA, NODES, REJECTS, ROWS, metadata_key, row_key},
    writer::{Job, NodeIndex, QUEUE, Writer},
};
use crate::{
    Batch, BoxError, Measurement, MeasurementQuery, Node, NodeId, Order, Reject, Repository, RepositoryError, Stored,
};

/// How many queries read at a time. More would wait for the disk and the processor all the same, each with its rows in
/// memory.
const READERS: usize = 4;

/// A [`Repository`] in a redb file, or in memory.
///
/// Opening takes the same time however much is stored. Only one process can have a file open. Dropping it finishes the
/// writes under way and closes the file.
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
    database: Arc<Database>,
    nodes: Arc<NodeIndex>,
    queue: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    /// `Some` until it is dropped: the writer ends when the last sender is gone.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// How a [`RedbRepository`] is opened.
#[derive(Debug, Clone)]
pub struct RedbOptions {
    /// How long a commit is held back so that more batches share it. Storing takes that much longer, and the disk is written
    /// that much more rarely. Zero: as soon as the commit before is done.
    pub commit_interval: Duration,
    /// How much of the file is kept in memory, in bytes.
    pub cache_bytes: usize,
}

impl Default for RedbOptions {
    /// No interval, 16 MiB.
    fn default() -> Self {
        Self { commit_interval: Duration::ZERO, cache_bytes: 16 << 20 }
    }
}

impl RedbOptions {
    /// Opens the file, or makes it when there is none. Its folder must exist.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<RedbRepository, RepositoryError> {
        let path = path.as_ref();
        check_path(path)?;
        let database = Builder::new().set_cache_size(self.cache_bytes).create(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                RepositoryError::Locked { path: path.into() }
            }
            error => open_error(path, error),
        })?;
        self.start(database, path)
    }

    /// A repository that is gone when it is dropped.
    pub fn in_memory(&self) -> Result<RedbRepository, RepositoryError> {
        let path = Path::new(":memory:");
        let database = Builder::new()
            .set_cache_size(self.cache_bytes)
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| open_error(path, error))?;
        self.start(database, path)
    }

    fn start(&self, database: Database, path: &Path) -> Result<RedbRepository, RepositoryError> {
        prepare(&database, path)?;
        let nodes = load_nodes(&database).map_err(|error| open_error(path, error))?;
        let next_number = nodes.values().map(|node| node.number + 1).max().unwrap_or(1);
        let database = Arc::new(database);
        let nodes = Arc::new(RwLock::new(nodes));
        let (sender, jobs) = mpsc::channel();
        let writer = Writer {
            database: database.clone(),
            nodes: nodes.clone(),
            jobs,
            commit_interval: self.commit_interval,
            next_number,
        };
        let writer = thread::Builder::new()
            .name("isems-writer".into())
            .spawn(|| writer.run())
            .map_err(|error| open_error(path, error))?;
        Ok(RedbRepository {
            database,
            nodes,
            queue: Arc::new(Semaphore::new(QUEUE)),
            readers: Arc::new(Semaphore::new(READERS)),
            jobs: Some(sender),
            writer: Some(writer),
        })
    }
}

fn open_error(path: &Path, source: impl Into<BoxError>) -> RepositoryError {
    RepositoryError::Open { path: path.into(), source: source.into() }
}

/// What redb itself would answer with an error that helps nobody.
fn check_path(path: &Path) -> Result<(), RepositoryError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        return Err(RepositoryError::FolderMissing { path: path.into(), folder: folder.into() });
    }
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    let mut magic = [0; 4];
    match file.read(&mut magic) {
        Ok(0) => Ok(()),
        Ok(4) if magic == *b"redb" => Ok(()),
        Ok(_) => Err(RepositoryError::NotADatabase { path: path.into() }),
        Err(error) => Err(open_error(path, error)),
    }
}

/// Makes the tables of a new file, and refuses a file of another program or of a newer version.
fn prepare(database: &Database, path: &Path) -> Result<(), RepositoryError> {
    let not_ours = || RepositoryError::NotADatabase { path: PathBuf::from(path) };
    let format = (|| -> Result<Option<u32>, Error> {
        let transaction = database.begin_read()?;
        if transaction.list_tables()?.next().is_none() && transaction.list_multimap_tables()?.next().is_none() {
            return Ok(Some(0));
        }
        let metadata = transaction.open_table(METADATA)?;
        let format = metadata.get(FORMAT_KEY)?;
        Ok(format.and_then(|format| Some(u32::from_le_bytes(format.value().try_into().ok()?))))
    })();
    match format {
        Ok(Some(FORMAT)) => return Ok(()),
        Ok(Some(0)) => {}
        Ok(Some(found)) => {
            return Err(RepositoryError::NewerFormat { path: path.into(), found, supported: FORMAT });
        }
        Ok(None) | Err(Error::TableDoesNotExist(_) | Error::TableTypeMismatch { .. }) => return Err(not_ours()),
        Err(error) => return Err(open_error(path, error)),
    }
    (|| -> Result<(), Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.open_table(METADATA)?.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?;
        transaction.open_table(NODES)?;
        transaction.open_table(ROWS)?;
        transaction.open_table(REJECTS)?;
        transaction.commit()?;
        Ok(())
    })()
    .map_err(|error| open_error(path, error))
}

fn load_nodes(database: &Database) -> Result<BTreeMap<NodeId, Arc<Node>>, BoxError> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(NODES)?;
    let mut nodes = BTreeMap::new();
    for entry in table.iter()? {
        let (number, record) = entry?;
        let node = row::decode_node(number.value(), record.value())?;
        nodes.insert(node.id.clone(), Arc::new(node));
    }
    Ok(nodes)
}

impl RedbRepository {
    /// Opens the file with the default [options](RedbOptions), or makes it when there is none. Its folder must exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RepositoryError> {
        RedbOptions::default().open(path)
    }

    /// A repository that is gone when it is dropped.
    pub fn in_memory() -> Result<Self, RepositoryError> {
        RedbOptions::default().in_memory()
    }

    fn known(&self, id: &NodeId) -> Option<Arc<Node>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The one place where reading crosses to the blocking pool.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&ReadTransaction) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let database = self.database.clone();
        let permit = self.readers.clone().acquire_owned().await;
        let result = task::spawn_blocking(move || {
            let _permit = permit?;
            query(&database.begin_read()?)
        });
        result.await.map_err(Into::into).flatten().map_err(|source| RepositoryError::Storage { action: "read", source })
    }
}

#[async_trait]
impl Repository for RedbRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        for measurement in &batch.measurements {
            measurement.validate().map_err(|fault| RepositoryError::Invalid {
                node: measurement.node_id.clone(),
                timestamp: measurement.timestamp,
                fault,
            })?;
        }
        let closed = || RepositoryError::Storage { action: "write", source: "the writer has ended".into() };
        let permit = self.queue.clone().acquire_owned().await.map_err(|_| closed())?;
        let (reply, outcome) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(Job { batch, reply, permit }).map_err(|_| closed())?;
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
        let second = |time: i64| time.clamp(0, 1 << 32) as u64;
        let first = row_key(node.number, 0);
        let (from, to) = (first + second(query.from), first + second(query.to));
        let MeasurementQuery { order, limit, .. } = *query;
        if from >= to {
            return Ok(Vec::new());
        }
        self.read(move |transaction| {
            let rows = transaction.open_table(ROWS)?;
            let range = rows.range(from..to)?;
            let measurement = |entry: Result<(::redb::AccessGuard<'_, u64>, ::redb::AccessGuard<'_, &[u8]>), _>| {
                let (key, row) = entry?;
                Ok(row::decode(&node.id, (key.value() - first) as i64, row.value())?)
            };
            match order {
                Order::OldestFirst => range.map(measurement).take(limit).collect(),
                Order::NewestFirst => range.rev().map(measurement).take(limit).collect(),
            }
        })
        .await
    }

    async fn rejects(&self, limit: usize) -> Result<Vec<Reject>, RepositoryError> {
        self.read(move |transaction| {
            let rejects = transaction.open_table(REJECTS)?;
            rejects.iter()?.rev().take(limit).map(|entry| Ok(serde_json::from_slice(entry?.1.value())?)).collect()
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
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has left its transaction uncommitted; there is nothing more to finish.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for RedbRepository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner).len();
        formatter.debug_struct("RedbRepository").field("nodes", &nodes).finish_non_exhaustive()
    }
}
