//! Opening and creating a file.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{ErrorKind, Read},
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Arc, Mutex, RwLock, mpsc},
    thread,
    time::Duration,
};

use redb::{
    Builder, Database, DatabaseError, Error, ReadableDatabase, ReadableTable, StorageError,
    backends::{FileBackend, InMemoryBackend},
};
use serde::{Deserialize, Deserializer, Serialize, de};
use tokio::sync::Semaphore;
use tracing::error;

use super::{
    READERS, RedbRepository, backup,
    database::{Open, OpenDatabase, Opener, close},
    failure::{Failure, caught, is_full},
    open_error::OpenError,
    overlay::Overlay,
    report::Compacted,
    retention::Retention,
    row,
    size::Size,
    tables::{
        BLOCKS, FORMAT, FORMAT_KEY, MAX_NODE_NUMBER, METADATA, NODES, NumberedNode, REJECTS, ROWS, number_of, row_key,
    },
    upkeep::Upkeep,
    writer::{QUEUE, Writer},
};
use crate::{NodeId, duration};

/// Options for opening a [`RedbRepository`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedbOptions {
    /// The time for which a commit is held back so that more batches can share it. Storing takes that much longer, and
    /// the disk is written to that much less often. Zero commits as soon as the previous commit is done. A
    /// [probe](crate::Repository::probe) does not wait; a commit within the interval proves enough. In settings it is
    /// at most a minute.
    #[serde(serialize_with = "duration::serialize", deserialize_with = "deserialize_interval")]
    pub commit_interval: Duration,
    /// The size of the in-memory cache, in bytes. In settings it is a number or text such as `16MiB`.
    #[serde(deserialize_with = "deserialize_cache_bytes")]
    pub cache_bytes: usize,
    /// The limits beyond which old measurements are removed automatically.
    pub retention: Retention,
}

impl Default for RedbOptions {
    /// No interval, 16 MiB, no retention.
    fn default() -> Self {
        Self { commit_interval: Duration::ZERO, cache_bytes: 16 << 20, retention: Retention::default() }
    }
}

fn deserialize_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let interval = duration::deserialize(deserializer)?;
    if interval > Duration::from_mins(1) {
        return Err(de::Error::custom(format_args!("invalid interval {interval:?}: expected at most 1m")));
    }
    Ok(interval)
}

fn deserialize_cache_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let Size(bytes) = Size::deserialize(deserializer)?;
    bytes.try_into().map_err(|_| de::Error::custom(format_args!("invalid size {bytes}: this system cannot address it")))
}

impl RedbOptions {
    /// Opens the file, or creates it if there is none. Its folder must exist.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<RedbRepository, OpenError> {
        let path: Arc<Path> = path.as_ref().into();
        let (database, is_writable) = match self.database(&path) {
            Ok(database) => (database, true),
            // Stored measurements can be read even if the disk is full.
            Err(error) if is_of_the_disk(&error) => (self.to_read(&path).map_err(|_| error)?, false),
            Err(error) => return Err(error),
        };
        let opener = |open: fn(&Self, &Path) -> Result<Database, OpenError>| -> Open {
            let (options, path) = (self.clone(), path.clone());
            Box::new(move || open(&options, &path))
        };
        let opener = Opener { to_write: opener(Self::existing), to_read: opener(Self::to_read) };
        self.start(database, is_writable, path, Some(opener))
    }

    /// Opens a database in the backend that `make` returns instead of a file; `name` identifies it in errors. If the
    /// bytes could not be read or written, `make` is called again and must return the same bytes.
    #[cfg(feature = "testing")]
    pub fn open_backend<B: redb::StorageBackend>(
        &self,
        name: impl AsRef<Path>,
        make: impl Fn() -> std::io::Result<B> + Send + Sync + 'static,
    ) -> Result<RedbRepository, OpenError> {
        let path: Arc<Path> = name.as_ref().into();
        let make = Arc::new(make);
        let (options, name, backend) = (self.clone(), path.clone(), make.clone());
        let to_write = move || {
            let backend = backend().map_err(|error| open_error(&name, error))?;
            let database = redb(&name, || options.builder().create_with_backend(backend))?;
            guarded(&name, || make_tables(&database))?;
            Ok(database)
        };
        let (options, name) = (self.clone(), path.clone());
        let to_read = move || {
            let overlay = make().and_then(Overlay::over).map_err(|error| open_error(&name, error))?;
            redb(&name, || options.builder().create_with_backend(overlay))
        };
        let database = to_write()?;
        let opener = Opener { to_write: Box::new(to_write), to_read: Box::new(to_read) };
        self.start(database, true, path, Some(opener))
    }

    /// Opens a repository that is gone once it is dropped.
    pub fn in_memory(&self) -> Result<RedbRepository, OpenError> {
        let path: Arc<Path> = Path::new(":memory:").into();
        let database = redb(&path, || self.builder().create_with_backend(InMemoryBackend::new()))?;
        guarded(&path, || make_tables(&database))?;
        self.start(database, true, path, None)
    }

    /// Shrinks a file that nobody has open to its minimum size by giving back its free space. Blocking. It can be
    /// interrupted at any time without losing anything that is stored.
    pub fn compact(&self, path: impl AsRef<Path>) -> Result<Compacted, OpenError> {
        let path = path.as_ref();
        let size = || fs::metadata(path).map(|metadata| metadata.len()).map_err(|error| open_error(path, error));
        let before = size()?;
        let mut database = self.database(path)?;
        guarded(path, || {
            // Each pass moves what it can, which may make room for the next.
            while database.compact()? {}
            Ok(())
        })?;
        close(Some(database));
        Ok(Compacted { before, after: size()? })
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_bytes);
        builder
    }

    /// Opens a file of this format, upgrades an older one, or creates a new one.
    fn database(&self, path: &Path) -> Result<Database, OpenError> {
        if is_new(path)? { self.new_database(path) } else { self.existing(path) }
    }

    fn existing(&self, path: &Path) -> Result<Database, OpenError> {
        checked(path, redb(path, || self.builder().open(path))?)
    }

    /// Opens a file without writing to it; writes stay in memory.
    fn to_read(&self, path: &Path) -> Result<Database, OpenError> {
        let open = || {
            let overlay = Overlay::over(FileBackend::new(File::open(path)?)?)?;
            self.builder().create_with_backend(overlay)
        };
        checked(path, redb(path, open)?)
    }

    /// Creates a file. It gets its name only once it has its tables, so a file of that name is always a whole database,
    /// even if the power fails.
    fn new_database(&self, path: &Path) -> Result<Database, OpenError> {
        let unfinished = backup::unfinished(path);
        let locked = || OpenError::Locked { path: path.into() };
        backup::make_empty(&unfinished).map_err(|error| match error {
            TryLockError::WouldBlock => locked(),
            TryLockError::Error(error) => open_error(path, error),
        })?;
        let database = redb(path, || self.builder().create(&unfinished))?;
        // From here on, whoever holds the lock of the unfinished file is alone; before, another process may have been
        // here.
        if path.exists() {
            return Err(locked());
        }
        guarded(path, || make_tables(&database))?;
        fs::rename(&unfinished, path).map_err(|error| open_error(path, error))?;
        Ok(database)
    }

    fn start(
        &self,
        database: Database,
        is_writable: bool,
        path: Arc<Path>,
        opener: Option<Opener>,
    ) -> Result<RedbRepository, OpenError> {
        let nodes = Arc::new(RwLock::default());
        let commits = Arc::default();
        let database =
            guarded(&path, || OpenDatabase::new(database, is_writable, path.clone(), nodes.clone(), opener))?;
        let database = Arc::new(database);
        let (sender, jobs) = mpsc::channel();
        let writer = Writer {
            database: database.clone(),
            path: path.clone(),
            nodes: nodes.clone(),
            jobs,
            commit_interval: self.commit_interval,
            commits: Arc::clone(&commits),
            last_commit: None,
            next_number: 0,
            generation: 0,
            has_proof: true,
        };
        let upkeep = Upkeep {
            database: database.clone(),
            path: path.clone(),
            nodes: nodes.clone(),
            jobs: sender,
            retention: self.retention,
            sealing: Arc::default(),
            told: Arc::default(),
            scale: Arc::new(Mutex::new(1.0)),
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
            commits,
            queue: Arc::new(Semaphore::new(QUEUE)),
            readers: Arc::new(Semaphore::new(READERS)),
            summaries: Arc::default(),
            holes: Arc::default(),
        })
    }
}

/// Returns the open database if it has this format or can be upgraded to it.
fn checked(path: &Path, database: Database) -> Result<Database, OpenError> {
    let found = guarded(path, || Ok(format(&database)?))?;
    match found {
        Some(FORMAT) => {}
        // Older formats are subsets of this one.
        Some(1 | 2) => guarded(path, || make_tables(&database))?,
        Some(found) => return Err(OpenError::NewerFormat { path: path.into(), found, supported: FORMAT }),
        None => return Err(OpenError::NotADatabase { path: path.into() }),
    }
    Ok(database)
}

/// Returns whether a file cannot be opened because its disk cannot be written to.
fn is_of_the_disk(error: &OpenError) -> bool {
    let OpenError::Io { source, .. } = error else { return false };
    source
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| is_full(error) || error.kind() == ErrorKind::ReadOnlyFilesystem)
}

fn redb(path: &Path, open: impl FnOnce() -> Result<Database, DatabaseError>) -> Result<Database, OpenError> {
    let opened = panic::catch_unwind(AssertUnwindSafe(open));
    let opened = opened.map_err(|_| failed(path, Failure::Panic))?;
    opened.map_err(|error| redb_open_error(path, error))
}

fn open_error(path: &Path, source: impl Into<crate::BoxError>) -> OpenError {
    OpenError::Io { path: path.into(), source: source.into() }
}

/// Translates redb's error from opening a file. A file that ends too early is damaged.
fn redb_open_error(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked { path: path.into() }
        }
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) =>
        {
            open_error(path, error)
        }
        error => OpenError::Damaged { path: path.into(), source: error.into() },
    }
}

/// Runs work on a file that may be damaged, and names the file in the error.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, OpenError> {
    caught(work).map_err(|failure| failed(path, failure))
}

fn failed(path: &Path, failure: Failure) -> OpenError {
    match failure {
        damage if damage.is_damage() => OpenError::Damaged { path: path.into(), source: damage.into() },
        // Keeps the cause itself, so that a full disk can be recognized.
        Failure::Redb(error) => match *error {
            Error::Io(error) => open_error(path, error),
            error => open_error(path, error),
        },
        failure => open_error(path, failure),
    }
}

/// Returns whether there is no file yet, and finds problems that redb would report with an unhelpful error.
fn is_new(path: &Path) -> Result<bool, OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        return Err(OpenError::FolderMissing { path: path.into(), folder: folder.into() });
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(open_error(path, error)),
    };
    let mut magic = [0; 4];
    match file.read(&mut magic) {
        Ok(0) => Err(OpenError::Damaged { path: path.into(), source: "the file is empty".into() }),
        Ok(4) if magic == *b"redb" => Ok(false),
        Ok(_) => Err(OpenError::NotADatabase { path: path.into() }),
        Err(error) => Err(open_error(path, error)),
    }
}

/// Returns the format of a file, or `None` if it is not one of ours.
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

/// Creates the missing tables, and marks the file as having this format.
pub(super) fn make_tables(database: &Database) -> Result<(), Failure> {
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

/// Returns every node. A record that cannot be read is logged, and costs that node only.
pub(super) fn load_nodes(database: &Database, path: &Path) -> Result<BTreeMap<NodeId, NumberedNode>, Failure> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(NODES)?;
    let mut nodes = BTreeMap::new();
    for entry in table.iter()? {
        let (number, record) = entry?;
        match row::decode_node(number.value(), record.value()) {
            Ok(node) => {
                nodes.insert(node.id.clone(), node);
            }
            Err(damage) => {
                let number = number.value();
                error!(path = %path.display(), number, %damage, "left out a node whose record is damaged");
            }
        }
    }
    Ok(nodes)
}

/// Returns the number for the next new node. It is above those of all nodes, rows and blocks, even damaged ones, so
/// that a new node's measurements never mix with what is there.
pub(super) fn next_number(database: &Database) -> Result<u32, Failure> {
    let transaction = database.begin_read()?;
    let end = MAX_NODE_NUMBER + 1;
    let last_of = |table| {
        let last = caught(|| {
            let last = transaction.open_table::<u64, &[u8]>(table)?.range(..row_key(end, 0))?.next_back();
            Ok(last.map(|entry| Ok::<_, StorageError>(number_of(entry?.0.value()))).transpose()?)
        });
        match last {
            Ok(last) => Ok(last),
            // A lost page must not keep the rest from being read.
            Err(damage) if damage.is_damage() => Ok(None),
            Err(failure) => Err(failure),
        }
    };
    let node = transaction.open_table(NODES)?.range(..end)?.next_back();
    let node = node.map(|node| Ok::<_, StorageError>(node?.0.value())).transpose()?;
    Ok(node.max(last_of(ROWS)?).max(last_of(BLOCKS)?).unwrap_or(0) + 1)
}
