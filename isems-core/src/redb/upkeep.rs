//! Upkeep: the background thread that seals weeks that are over and applies the retention.
//!
//! Once a minute it looks for weeks that ended at least three days ago by the newest time that any node has measured,
//! and seals them one step at a time. It leaves nine tenths of the time to others. Late rows of weeks that have a block
//! wait for an hour, or until there are [`LATE_ROWS`] of them, because each time the whole block is written anew.
//!
//! The retention removes whole weeks, oldest first, through the writer. For its limit of bytes the size is estimated
//! from the number of rows and pieces; before anything is removed, the file is measured, which scales the estimate.
//!
//! This thread only decides. Every change is a task of the [writer](super::writer) with a transaction of its own, so it
//! can be stopped at any moment: what was not done is due again after the next start. Damage costs the node or the week
//! that it is in, and is logged once.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use redb::ReadableTableMetadata;
use tracing::{error, info, warn};

use super::{
    database::OpenDatabase,
    failure::Failure,
    report::Sealed,
    retention::Retention,
    seal::{self, Step, Week},
    sealed, statistics,
    tables::{BLOCKS, NumberedNode, ROWS, row_key, week_end, week_of, week_start},
    writer::{Job, NodeIndex, Writer},
};
use crate::unix_now;

/// The time after the end of a week at which it is sealed. Polled logs reach back two and a half days, so punctual
/// lines still find rows.
const MARGIN: u64 = 3 * 86_400;

/// The interval at which the thread looks for something to do.
const INTERVAL: Duration = Duration::from_mins(1);

/// The interval at which late rows of sealed weeks move into their blocks. Each block is then rewritten, so a node
/// whose clock is weeks behind must not cause that with every line.
const LATE_INTERVAL: Duration = Duration::from_hours(1);

/// The number of late rows at which a block is rewritten immediately.
const LATE_ROWS: usize = 4096;

/// The number of bytes that a piece of a block, or a row, takes in the file, including its share of everything else.
const PIECE_BYTES: u64 = 4_200;
const ROW_BYTES: u64 = 190;

/// A node's number, with a week if only that is affected.
pub(super) type NodeWeek = (u32, Option<u16>);

/// The background work on a file.
#[derive(Clone)]
pub(super) struct Upkeep {
    pub(super) database: Arc<OpenDatabase>,
    pub(super) path: Arc<Path>,
    pub(super) nodes: Arc<NodeIndex>,
    pub(super) jobs: Sender<Job>,
    pub(super) retention: Retention,
    /// Held while a week is sealed: two threads would do the same work twice.
    pub(super) sealing: Arc<Mutex<()>>,
    /// The damage that has been logged.
    pub(super) told: Arc<Mutex<BTreeSet<NodeWeek>>>,
    /// The live bytes when they were last measured, as a fraction of the estimate. Held while the retention removes
    /// something.
    pub(super) scale: Arc<Mutex<f64>>,
}

impl Upkeep {
    /// Maintains the file until the other end of `stop` is dropped.
    pub(super) fn run(&self, stop: &Receiver<()>) {
        let mut wait = Duration::ZERO;
        let mut late_sealed = Instant::now();
        while stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let is_time = late_sealed.elapsed() >= LATE_INTERVAL;
            if is_time {
                late_sealed = Instant::now();
            }
            let late_rows = if is_time { 1 } else { LATE_ROWS };
            let sealed = self.database.watched(|| self.seal_by_itself(late_rows, stop));
            let retained = self.database.watched(|| self.retain().map(drop));
            for done in [sealed, retained] {
                // A failure of the disk is logged where it is noticed.
                if let Err(failure) = done
                    && !failure.is_worth_another_try()
                {
                    error!(path = %self.path.display(), error = %failure, "cannot maintain the database");
                }
            }
            wait = INTERVAL;
        }
    }

    fn seal_by_itself(&self, late_rows: usize, stop: &Receiver<()>) -> Result<(), Failure> {
        let Some(now) = self.now() else { return Ok(()) };
        let sealed = self.seal(now.saturating_sub(MARGIN), late_rows, |took| {
            // Nine tenths of the time are left to others.
            stop.recv_timeout((took * 9).min(Duration::from_secs(5))) == Err(RecvTimeoutError::Timeout)
        })?;
        if sealed.blocks > 0 {
            info!(blocks = sealed.blocks, measurements = sealed.measurements, "sealed past weeks");
        }
        Ok(())
    }

    /// Returns every node as of now.
    fn nodes(&self) -> Vec<NumberedNode> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns the newest time that any node has measured. The computer's own clock does not count, because it may
    /// never have been set.
    fn now(&self) -> Option<u64> {
        self.nodes().iter().map(|node| node.latest.timestamp as u64).max()
    }

    /// Seals the weeks that ended at or before a second; those that are sealed already, only if they have at least this
    /// many rows. After each step `goes_on` gets its duration.
    pub(super) fn seal(
        &self,
        before: u64,
        late_rows: usize,
        goes_on: impl Fn(Duration) -> bool,
    ) -> Result<Sealed, Failure> {
        let mut sealed = Sealed::default();
        for node in self.nodes() {
            let due = self.database.watched(|| seal::due(&self.database, &node, before, late_rows));
            for week in self.or_told(due, &node, None)?.into_iter().flatten() {
                let mut has_more = true;
                while has_more {
                    let begin = Instant::now();
                    let step = self.step(&week);
                    let Some(step) = self.or_told(step, &node, Some(week.week))?.flatten() else { break };
                    sealed.blocks += 1;
                    sealed.measurements += step.measurements();
                    has_more = step.has_more;
                    if !goes_on(begin.elapsed()) {
                        return Ok(sealed);
                    }
                }
            }
        }
        Ok(sealed)
    }

    /// Seals a week, or as much of it as one step takes. Returns `None` if there is nothing to move.
    fn step(&self, week: &Week) -> Result<Option<Arc<Step>>, Failure> {
        let _sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(step) = self.database.watched(|| seal::prepare(&self.database, week))?.map(Arc::new) else {
                return Ok(None);
            };
            let written = step.clone();
            if self.on_writer(move |writer| writer.seal(&written))? {
                return Ok(Some(step));
            }
        }
    }

    /// Limits damage to a node or one of its weeks, and logs it once. Returns `None` for damage.
    fn or_told<T>(
        &self,
        result: Result<T, Failure>,
        node: &NumberedNode,
        week: Option<u16>,
    ) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(damage) if damage.is_damage() => {
                if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert((node.number, week)) {
                    warn!(
                        path = %self.path.display(), node = %node.id, week_from = week.map(week_start), %damage,
                        "damaged data is not sealed"
                    );
                }
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Removes everything beyond the retention, and returns the number of measurements removed.
    pub(super) fn retain(&self) -> Result<u64, Failure> {
        let Some(newest) = self.now() else { return Ok(0) };
        // A clock that runs ahead, whether a node's or the computer's, does not make anything old on its own.
        let now = newest.min(unix_now().max(0) as u64);
        Ok(self.remove_old(now)? + self.remove_much(now)?)
    }

    /// Removes whole weeks that ended too long ago.
    fn remove_old(&self, now: u64) -> Result<u64, Failure> {
        let Some(age) = self.retention.age else { return Ok(0) };
        let first_kept = week_of(now.saturating_sub(age.as_secs()));
        self.remove_before(week_start(first_kept), "they are older than the retention allows")
    }

    /// Removes the oldest weeks while there is too much. The newest week stays.
    fn remove_much(&self, now: u64) -> Result<u64, Failure> {
        let Some(allowed) = self.retention.bytes else { return Ok(0) };
        let is_too_much = |estimate: u64, scale: f64| estimate as f64 * scale > allowed as f64;
        let mut scale = self.scale.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_too_much(self.estimate()?, *scale) {
            return Ok(0);
        }
        // The size is measured before anything is removed, which best calibrates the next estimates.
        let live = statistics::live_bytes(&self.database.begin_read()?)?;
        let mut estimate = self.estimate()?.max(1);
        *scale = live as f64 / estimate as f64;
        let mut removed = 0;
        while is_too_much(estimate, *scale) {
            let oldest = {
                let blocks = self.database.begin_read()?.open_table(BLOCKS)?;
                seal::oldest_week(&blocks, &self.nodes)?
            };
            let Some(oldest) = oldest.filter(|oldest| *oldest < week_of(now)) else { break };
            removed += self.remove_before(week_end(oldest), "the database is larger than the retention allows")?;
            let left = self.estimate()?;
            if left >= estimate {
                break;
            }
            estimate = left;
        }
        Ok(removed)
    }

    /// Estimates the bytes that rows and blocks take, without reading them.
    fn estimate(&self) -> Result<u64, Failure> {
        let transaction = self.database.begin_read()?;
        let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
        Ok(blocks.len()? * PIECE_BYTES + rows.len()? * ROW_BYTES)
    }

    /// Removes everything before a second, and returns the number of measurements removed.
    fn remove_before(&self, end: u64, reason: &str) -> Result<u64, Failure> {
        let mut all = 0;
        for node in self.nodes_before(end)? {
            let id = node.id.clone();
            let removed = self.on_writer(move |writer| writer.delete(&id, 0..end))?;
            if removed > 0 {
                info!(node = %node.id, measurements = removed, before = end, "removed measurements: {reason}");
            }
            all += removed;
        }
        Ok(all)
    }

    /// Returns the nodes that have something before a second, even if it is damaged.
    fn nodes_before(&self, end: u64) -> Result<Vec<NumberedNode>, Failure> {
        let transaction = self.database.begin_read()?;
        let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
        let mut nodes = Vec::new();
        for node in self.nodes() {
            let base = row_key(node.number, 0);
            let has_row = rows.range(base..base + end)?.next().is_some();
            let week = sealed::first_week(&blocks, node.number, 0, week_of(end))?;
            if has_row || week.is_some_and(|week| week_start(week) < end) {
                nodes.push(node);
            }
        }
        Ok(nodes)
    }

    /// Has the writer do something, and waits for it.
    fn on_writer<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, outcome) = channel();
        let job = Job::Task(Box::new(move |writer| {
            // Nobody is waiting any more if the repository has been dropped.
            let _ = reply.send(writer.write(task));
        }));
        self.jobs.send(job).map_err(|_| Failure::Closed("the writer has ended"))?;
        outcome.recv().map_err(|_| Failure::Panic)?
    }
}
