//! The open file, and opening it again after the disk has failed.
//!
//! redb gives up on a file for good at the first error of the disk. [`OpenDatabase`] then closes it and opens it again
//! for the next transaction: to read, through an [overlay](super::overlay) that writes nothing, and to write as soon as
//! something is to be stored. So what is stored can be read as long as the disk can be read, and storing goes on when
//! the disk works.
//!
//! Invariants:
//!
//! * At most one write transaction exists. While it does, nobody opens the file again, because the transaction would
//!   outlive the database.
//! * Every opening has a number, its generation. It reloads the index of nodes and the next node number, because only
//!   then is it known whether a commit that failed is on disk all the same.
//! * An outage lasts until as many entries have been written as could not be: a full disk takes a little now and then.
//!   During it, writing is tried once a second, callers get the same error each time, and the log tells its start and
//!   its end.
//!
//! A crash during an outage is a crash as always: the file is as the last commit that reached the disk made it.

use std::{
    mem,
    ops::Deref,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redb::{Database, ReadTransaction, ReadableDatabase, TransactionError, WriteTransaction};
use tracing::{error, info};

use super::{
    failure::{Failure, caught},
    open_error::OpenError,
    options::{load_nodes, next_number},
    writer::NodeIndex,
};
use crate::RepositoryError;

/// The pause between attempts to write after two have failed. Each attempt disturbs readers.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens the file anew.
pub(super) type Open = Box<dyn Fn() -> Result<Database, OpenError> + Send + Sync>;

/// The ways to open a file again.
pub(super) struct Opener {
    pub(super) to_write: Open,
    /// Writes nothing to the disk.
    pub(super) to_read: Open,
}

/// An open database, and how to open it again.
pub(super) struct OpenDatabase {
    path: Arc<Path>,
    nodes: Arc<NodeIndex>,
    state: Mutex<State>,
    /// Told when a write transaction has ended.
    written: Condvar,
    /// `None`: what is in memory only is gone when it is closed.
    opener: Option<Opener>,
}

struct State {
    /// `None`: it could not be opened again yet.
    database: Option<Database>,
    /// The number of times it has been opened.
    generation: u64,
    /// The number of the next new node when it was opened.
    next_number: u32,
    /// Set if writes reach the disk.
    is_writable: bool,
    /// Set if redb has given up on it.
    is_broken: bool,
    /// Set while a write transaction is under way, which would outlive the closing.
    is_writing: bool,
    outage: Option<Outage>,
}

/// A time in which nothing can be written.
struct Outage {
    since: Instant,
    reason: String,
    is_full: bool,
    next_attempt: Instant,
    /// The number of entries that must be written before it is over: as many as could not be. A little can be written
    /// to a full disk now and then.
    owed: usize,
}

impl Outage {
    fn failure(&self) -> Failure {
        Failure::Unusable { reason: self.reason.clone(), is_full: self.is_full }
    }
}

impl State {
    fn is_usable(&self) -> bool {
        self.database.is_some() && !self.is_broken
    }
}

/// A write transaction. While it exists nobody opens the file again.
pub(super) struct Writing {
    transaction: WriteTransaction,
    /// The number of times that the file had been opened before.
    pub(super) generation: u64,
    /// The number of the next new node when it was opened.
    pub(super) next_number: u32,
    /// Dropped after the transaction.
    _turn: Turn,
}

impl Writing {
    pub(super) fn set_quick_repair(&mut self, enabled: bool) {
        self.transaction.set_quick_repair(enabled);
    }

    pub(super) fn commit(self) -> Result<(), Failure> {
        Ok(self.transaction.commit()?)
    }
}

impl Deref for Writing {
    type Target = WriteTransaction;

    fn deref(&self) -> &WriteTransaction {
        &self.transaction
    }
}

/// The turn of the one who writes.
struct Turn(Arc<OpenDatabase>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state().is_writing = false;
        self.0.written.notify_all();
    }
}

impl OpenDatabase {
    /// A database that was opened to write, or only to read.
    pub(super) fn new(
        database: Database,
        is_writable: bool,
        path: Arc<Path>,
        nodes: Arc<NodeIndex>,
        opener: Option<Opener>,
    ) -> Result<Self, Failure> {
        let state = State {
            database: None,
            generation: 0,
            next_number: 0,
            is_writable,
            is_broken: false,
            is_writing: false,
            outage: None,
        };
        let this = Self { path, nodes, state: Mutex::new(state), written: Condvar::new(), opener };
        this.take(&mut this.state(), database, is_writable)?;
        Ok(this)
    }

    /// Returns whether it is gone when it is closed.
    pub(super) fn is_in_memory(&self) -> bool {
        self.opener.is_none()
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, Failure> {
        let mut state = self.state();
        while !state.is_usable() && state.is_writing {
            state = self.written.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.is_usable() {
            self.open(&mut state, false)?;
        }
        let database = state.database.as_ref().ok_or_else(closed)?;
        Ok(database.begin_read()?)
    }

    /// Only the writer calls this, so nobody waits here.
    pub(super) fn begin_write(self: &Arc<Self>) -> Result<Writing, Failure> {
        let mut state = self.state();
        if let Some(outage) = state.outage.as_ref().filter(|outage| outage.next_attempt > Instant::now()) {
            return Err(outage.failure());
        }
        if !state.is_usable() || !state.is_writable {
            self.open(&mut state, true)?;
        }
        let State { generation, next_number, .. } = *state;
        let transaction = state.database.as_ref().ok_or_else(closed)?.begin_write()?;
        state.is_writing = true;
        drop(state);
        Ok(Writing { transaction, generation, next_number, _turn: Turn(self.clone()) })
    }

    /// Does work on the database. Whether it can be used afterwards is noticed.
    pub(super) fn watched<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        caught(work).inspect_err(|failure| self.notice(failure))
    }

    /// Does what writes a number of entries. That the disk fails at it is told once.
    pub(super) fn watched_writing<T>(
        &self,
        entries: usize,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.watched(work).map_err(|failure| {
            if failure.is_worth_another_try() { self.notice_outage(failure, entries) } else { failure }
        })
    }

    /// So many entries have been written.
    pub(super) fn notice_success(&self, entries: usize) {
        let mut state = self.state();
        let Some(outage) = &mut state.outage else { return };
        outage.owed = outage.owed.saturating_sub(entries);
        if outage.owed == 0 {
            info!(path = %self.path.display(), after_s = outage.since.elapsed().as_secs(), "the disk works again");
            state.outage = None;
        }
    }

    /// Returns the number of entries that must be written to prove that the disk works.
    pub(super) fn owed(&self) -> usize {
        self.state().outage.as_ref().map_or(0, |outage| outage.owed)
    }

    /// Asks redb itself whether the file must be opened again: what failed can be what was open before.
    fn notice(&self, failure: &Failure) {
        if self.opener.is_none() || !failure.can_end_use() {
            return;
        }
        let mut state = self.state();
        let Some(database) = &state.database else { return };
        let usable = caught(|| match database.try_begin_write() {
            Ok(_) | Err(TransactionError::WouldBlock) => Ok(()),
            Err(error) => Err(error.into()),
        });
        if usable.is_err() || failure.is_lock_poisoned() {
            state.is_broken = true;
        }
    }

    /// Notes that nothing can be written, and returns the error for callers: always the same one, so that whoever logs
    /// it logs it once.
    fn notice_outage(&self, failure: Failure, entries: usize) -> Failure {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(outage) = &mut state.outage {
            if outage.next_attempt <= now {
                outage.next_attempt = now + PAUSE;
                outage.owed = outage.owed.max(entries);
            }
            return outage.failure();
        }
        error!(path = %self.path.display(), error = %failure, "the disk fails; nothing is stored until it works again");
        let (reason, is_full) = (failure.to_string(), failure.is_full());
        state.outage = Some(Outage { since: now, reason, is_full, next_attempt: now, owed: entries });
        failure
    }

    fn open(&self, state: &mut State, is_writable: bool) -> Result<(), Failure> {
        let opener = self.opener.as_ref().ok_or_else(closed)?;
        close(state.database.take());
        let open = if is_writable { &opener.to_write } else { &opener.to_read };
        let database = open().map_err(|error| {
            let reason = crate::chain(&error);
            Failure::Unusable { reason, is_full: matches!(error.into(), RepositoryError::Full { .. }) }
        })?;
        self.take(state, database, is_writable)
    }

    /// Takes over what has been opened. Whether a commit that failed is on the disk all the same is known only now.
    fn take(&self, state: &mut State, database: Database, is_writable: bool) -> Result<(), Failure> {
        let (nodes, next_number) = caught(|| Ok((load_nodes(&database, &self.path)?, next_number(&database)?)))?;
        *self.nodes.write().unwrap_or_else(PoisonError::into_inner) = nodes;
        state.database = Some(database);
        state.generation += 1;
        state.next_number = next_number;
        state.is_writable = is_writable;
        state.is_broken = false;
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

fn closed() -> Failure {
    Failure::Closed("the database is closed")
}

/// Closing tidies up, over which redb can panic in a damaged file; what is stored is on disk before.
pub(super) fn close(database: Option<Database>) {
    if panic::catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
        error!("the database could not be cleaned up; that is done when it is next opened");
    }
}
