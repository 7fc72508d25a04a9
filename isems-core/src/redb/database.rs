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

/// The pause between attempts to write after two failures. Each attempt disturbs readers.
const PAUSE: Duration = Duration::from_secs(1);

/// Reopens the file.
pub(super) type Open = Box<dyn Fn() -> Result<Database, OpenError> + Send + Sync>;

/// The ways to reopen a file.
pub(super) struct Opener {
    pub(super) to_write: Open,
    /// Writes nothing to the disk.
    pub(super) to_read: Open,
}

/// An open database that can be reopened.
pub(super) struct OpenDatabase {
    path: Arc<Path>,
    nodes: Arc<NodeIndex>,
    state: Mutex<State>,
    /// Notified when a write transaction has ended.
    written: Condvar,
    /// `None` if the database is only in memory and gone once it is closed.
    opener: Option<Opener>,
}

struct State {
    /// `None` if it could not be reopened yet.
    database: Option<Database>,
    /// The number of times that it has been opened.
    generation: u64,
    /// The number of the next new node as of opening.
    next_number: u32,
    /// Set if writes reach the disk.
    is_writable: bool,
    /// Set if redb has given up on it.
    is_broken: bool,
    /// Set while a write transaction is under way, which must not outlive the database.
    is_writing: bool,
    outage: Option<Outage>,
}

/// A period in which nothing can be written.
struct Outage {
    since: Instant,
    reason: String,
    is_full: bool,
    next_attempt: Instant,
    /// The number of entries that must be written before the outage is over: as many as had failed. A full disk still
    /// takes a little now and then.
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

/// A write transaction. While it exists, nobody reopens the file.
pub(super) struct Writing {
    transaction: WriteTransaction,
    /// The number of times that the file had been opened by then.
    pub(super) generation: u64,
    /// The number of the next new node as of opening.
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

/// The writer's turn.
struct Turn(Arc<OpenDatabase>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state().is_writing = false;
        self.0.written.notify_all();
    }
}

impl OpenDatabase {
    /// Wraps a database that was opened for writing, or only for reading.
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

    /// Returns whether it is gone once it is closed.
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

    /// Only the writer calls this, so nobody has to wait here.
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

    /// Runs work on the database, and notices if it becomes unusable.
    pub(super) fn watched<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        caught(work).inspect_err(|failure| self.notice(failure))
    }

    /// Runs work that writes a number of entries. A failure of the disk is logged once.
    pub(super) fn watched_writing<T>(
        &self,
        entries: usize,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.watched(work).map_err(|failure| {
            if failure.is_worth_another_try() { self.notice_outage(failure, entries) } else { failure }
        })
    }

    /// Records that this many entries have been written.
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

    /// Asks redb itself whether the file must be reopened: the failure may stem from the previous opening.
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

    /// Records that nothing can be written, and returns the error for callers: always the same one, so that anyone who
    /// logs it logs it once.
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

    /// Adopts a reopened file. Only now is it known whether a failed commit is on disk after all.
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

/// Closes the database. redb cleans up while closing and can panic on a damaged file; everything stored is already on
/// disk.
pub(super) fn close(database: Option<Database>) {
    if panic::catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
        error!("the database could not be cleaned up; that is done when it is next opened");
    }
}
