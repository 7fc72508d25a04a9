//! What a repository does to its file in the background: it seals weeks that are over, and removes what is kept no longer.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use redb::{Database, ReadableDatabase, ReadableTableMetadata};
use tracing::{error, info, warn};

use super::{
    failure::Failure,
    report::{Retention, Sealed},
    seal::{self, Week},
    tables::{BLOCKS, ROWS, week_of, week_start},
    writer::{Job, NodeIndex, Writer},
};
use crate::NodeId;

/// How long after its end a week is sealed. Polled logs reach back two and a half days, so what comes in time meets rows.
const MARGIN: u64 = 3 * 86_400;

/// How often it is looked whether there is something to do.
const INTERVAL: Duration = Duration::from_mins(1);

/// What a piece of a block takes in the file, and what a row does, with their share of everything else.
const PIECE_BYTES: u64 = 4_200;
const ROW_BYTES: u64 = 190;

/// What upkeep works on.
#[derive(Clone)]
pub(super) struct Upkeep {
    pub(super) database: Arc<Database>,
    pub(super) path: Arc<Path>,
    pub(super) nodes: Arc<NodeIndex>,
    pub(super) jobs: Sender<Job>,
    pub(super) retention: Retention,
    /// Held while weeks are sealed: two at a time would do the same work twice.
    pub(super) sealing: Arc<Mutex<()>>,
}

impl Upkeep {
    /// Looks after the file until the other end of `stop` is dropped.
    pub(super) fn run(&self, stop: &Receiver<()>) {
        let mut wait = Duration::ZERO;
        while stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            // redb can panic over a damaged file; what else there is to do is done all the same the next time.
            let done = panic::catch_unwind(AssertUnwindSafe(|| self.once(stop)));
            if let Err(failure) = done.unwrap_or(Err(Failure::Panic)) {
                error!(path = %self.path.display(), error = %failure, "cannot look after the database");
            }
            wait = INTERVAL;
        }
    }

    fn once(&self, stop: &Receiver<()>) -> Result<(), Failure> {
        let Some(now) = self.now() else { return Ok(()) };
        let sealed = self.seal(now.saturating_sub(MARGIN), |took| {
            // Nine tenths of the time belong to others.
            stop.recv_timeout((took * 9).min(Duration::from_secs(5))) == Err(RecvTimeoutError::Timeout)
        })?;
        if sealed.blocks > 0 {
            info!(blocks = sealed.blocks, measurements = sealed.measurements, "sealed weeks that are over");
        }
        self.remove_old(now)?;
        self.remove_much()
    }

    /// The newest time that any node has measured. The computer's own clock is not asked: it may never have been set.
    fn now(&self) -> Option<u64> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.values().map(|node| node.latest.timestamp.max(0) as u64).max()
    }

    /// Seals the weeks that ended at a second or before it. After each step `goes_on` is told how long it took.
    pub(super) fn seal(&self, before: u64, goes_on: impl Fn(Duration) -> bool) -> Result<Sealed, Failure> {
        let _sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = Sealed::default();
        for week in seal::due(&self.database, &self.nodes, before)? {
            loop {
                let begin = Instant::now();
                let step = match seal::prepare(&self.database, &week) {
                    Ok(Some(step)) => step,
                    Ok(None) => break,
                    Err(failure) => match seal::is_damage(&failure) {
                        Some(damage) => {
                            self.tell_damage(&week, damage);
                            break;
                        }
                        None => return Err(failure),
                    },
                };
                let step = Arc::new(step);
                let written = step.clone();
                if self.on_writer(move |writer| writer.seal(&written))? {
                    seal::count(&mut sealed, &step);
                } else if self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(&week.node.id).is_none() {
                    break;
                } else {
                    continue;
                }
                if !goes_on(begin.elapsed()) {
                    return Ok(sealed);
                }
                if !step.has_more {
                    break;
                }
            }
        }
        Ok(sealed)
    }

    fn tell_damage(&self, Week { node, week }: &Week, damage: &super::bytes::DamagedRecord) {
        warn!(
            path = %self.path.display(), node = %node.id, week_from = week_start(*week), %damage,
            "a block is damaged and takes no more rows; see isems-server check"
        );
    }

    /// Removes whole weeks that ended too long ago.
    fn remove_old(&self, now: u64) -> Result<(), Failure> {
        let Some(age) = self.retention.age else { return Ok(()) };
        let first_kept = week_of(now.saturating_sub(age.as_secs()));
        self.remove_before(first_kept, "they are older than the retention allows").map(drop)
    }

    /// Removes the oldest weeks while there is too much.
    fn remove_much(&self) -> Result<(), Failure> {
        let Some(allowed) = self.retention.bytes else { return Ok(()) };
        loop {
            let (live, oldest) = {
                let transaction = self.database.begin_read()?;
                let (rows, blocks) = (transaction.open_table(ROWS)?, transaction.open_table(BLOCKS)?);
                let live = blocks.len()? * PIECE_BYTES + rows.len()? * ROW_BYTES;
                (live, seal::oldest_week(&blocks, &self.nodes)?)
            };
            let Some(oldest) = oldest.filter(|_| live > allowed) else { return Ok(()) };
            if self.remove_before(oldest + 1, "the database is larger than the retention allows")? == 0 {
                return Ok(());
            }
        }
    }

    /// Removes everything before a week, and returns how many measurements that were.
    fn remove_before(&self, week: u16, reason: &str) -> Result<u64, Failure> {
        let end = week_start(week);
        let old: Vec<NodeId> = {
            let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
            nodes.values().filter(|node| (node.first_timestamp as u64) < end).map(|node| node.id.clone()).collect()
        };
        let mut all = 0;
        for id in old {
            let node = id.clone();
            let removed = self.on_writer(move |writer| writer.delete(&node, 0..end))?;
            if removed > 0 {
                info!(node = %id, measurements = removed, before = end, "removed measurements: {reason}");
            }
            all += removed;
        }
        Ok(all)
    }

    /// Lets the writer do something, and waits for it.
    fn on_writer<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Writer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, outcome) = channel();
        let job = Job::Task(Box::new(move |writer| {
            // Nobody waits any more when the repository has been dropped.
            let _ = reply.send(task(writer));
        }));
        self.jobs.send(job).map_err(|_| Failure::Other("the writer has ended".into()))?;
        outcome.recv().map_err(|_| Failure::Panic)?
    }
}
