//! The file while it is open.
//!
//! When the disk fails, redb gives up on a file for good. It is closed then, and opened again for the next transaction, so that
//! work goes on by itself as soon as the disk does.

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use tracing::{error, info};

use super::{
    failure::{Failure, caught},
    options::{load_nodes, next_number},
    writer::NodeIndex,
};
use crate::RepositoryError;

/// A file that cannot be opened again is left alone for so long.
const PAUSE: Duration = Duration::from_millis(250);

/// Opens the file anew.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, RepositoryError> + Send + Sync>;

/// An open database, and how to open it again.
pub(super) struct OpenDatabase {
    path: Arc<Path>,
    nodes: Arc<NodeIndex>,
    state: Mutex<State>,
    /// `None`: what is in memory only is gone when it is closed.
    opener: Option<Opener>,
}

struct State {
    /// `None`: it could not be opened again yet.
    database: Option<Database>,
    /// How often it has been opened.
    generation: u64,
    /// Why redb has given up on the file.
    has_failed: Option<String>,
    /// Since when nothing could be written.
    failing_since: Option<Instant>,
    last_attempt: Option<Instant>,
}

impl OpenDatabase {
    pub(super) fn new(database: Database, path: Arc<Path>, nodes: Arc<NodeIndex>, opener: Option<Opener>) -> Self {
        let database = Some(database);
        let state = State { database, generation: 0, has_failed: None, failing_since: None, last_attempt: None };
        Self { path, nodes, state: Mutex::new(state), opener }
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, Failure> {
        self.with(|database| Ok(database.begin_read()?)).map(|(transaction, _)| transaction)
    }

    /// A transaction, and how often the file had been opened before. Only the writer writes, so nobody waits here.
    pub(super) fn begin_write(&self) -> Result<(WriteTransaction, u64), Failure> {
        self.with(|database| Ok(database.begin_write()?))
    }

    /// The number of the next new node, from what the file has.
    pub(super) fn next_number(&self) -> Result<u32, Failure> {
        self.with(next_number).map(|(number, _)| number)
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<(T, u64), Failure> {
        let mut state = self.state();
        self.open_again(&mut state)?;
        let database = state.database.as_ref().ok_or_else(|| Failure::Other("the database is closed".into()))?;
        Ok((work(database)?, state.generation))
    }

    /// Does work on the database. Whether the disk failed at it is noticed.
    pub(super) fn watched<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        caught(work).inspect_err(|failure| self.notice(failure))
    }

    /// If the disk has failed the file is opened again before its next transaction.
    pub(super) fn notice(&self, failure: &Failure) {
        if self.opener.is_none() || !failure.ends_use() {
            return;
        }
        let mut state = self.state();
        state.has_failed = Some(failure.to_string());
        if state.failing_since.is_none() {
            state.failing_since = Some(Instant::now());
            error!(path = %self.path.display(), error = %failure, "the disk fails; nothing is stored until it works again");
        }
    }

    /// Something has been written.
    pub(super) fn notice_success(&self) {
        if let Some(since) = self.state().failing_since.take() {
            info!(path = %self.path.display(), after_s = since.elapsed().as_secs(), "the disk works again");
        }
    }

    fn open_again(&self, state: &mut State) -> Result<(), Failure> {
        let (Some(open), Some(reason)) = (&self.opener, &state.has_failed) else { return Ok(()) };
        let failed = |error: &dyn std::fmt::Display| Failure::Other(format!("the disk has failed ({reason}): {error}"));
        if state.last_attempt.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(failed(&"it is tried again in a moment"));
        }
        state.last_attempt = Some(Instant::now());
        close(state.database.take());
        let database = caught(|| open().map_err(|error| failed(&crate::chain(&error))))?;
        // Whether a commit that failed is on the disk all the same is known only now.
        let nodes = caught(|| load_nodes(&database, &self.path))?;
        *self.nodes.write().unwrap_or_else(PoisonError::into_inner) = nodes;
        state.database = Some(database);
        state.generation += 1;
        state.has_failed = None;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        close(mem::take(&mut state.database));
    }
}

/// Closing tidies up, over which redb can panic in a damaged file; what is stored is on disk before.
pub(super) fn close(database: Option<Database>) {
    if panic::catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
        error!("the database could not be tidied up; it is when it is opened again");
    }
}
