//! Limits on how many rejects are recorded: enough to see what is wrong, and no more, however many there are.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{info, warn};

use crate::{Field, NodeId, RejectReason, printable};

/// A reason and, for dropped values, their field.
pub(crate) type Cause = (RejectReason, Option<Field>);

/// The number of rejects per node and cause that the reject log keeps in an hour.
pub(crate) const KEPT_OF_ONE: u64 = 100;

/// The number of rejects per transport that the reject log, which holds at least 10,000, keeps in an hour.
const KEPT_IN_ALL: u64 = 2_000;

const HOUR: Duration = Duration::from_hours(1);

/// The number of node and cause pairs that are told apart in an hour. Any beyond count as one node.
const PAIRS: usize = 1_000;

/// The number of characters of a source's name that are logged.
const SHOWN: usize = 200;

/// Decides how many of a transport's rejects are recorded: entries in the reject log, and at most one line per hour,
/// node and cause in the program's own log.
#[derive(Debug)]
pub(crate) struct Journal {
    transport: Arc<str>,
    hasher: RandomState,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    all: Entry,
    /// Keyed by a hash of node and cause, so that their size does not matter.
    pairs: HashMap<u64, Entry>,
}

/// The rejects recorded since the hour began.
#[derive(Debug)]
struct Entry {
    since: Instant,
    kept: u64,
    told: bool,
    /// The number of rejects since the last line in the log.
    untold: u64,
}

impl Entry {
    fn new() -> Self {
        Self { since: Instant::now(), kept: 0, told: false, untold: 0 }
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= HOUR
    }

    /// Returns the entry for the current hour.
    fn current(&mut self) -> &mut Self {
        if self.is_over() {
            *self = Self { untold: self.untold, ..Self::new() };
        }
        self
    }
}

/// The number of rejects of each cause that the reject log has room for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room(BTreeMap<Cause, u64>);

impl Room {
    /// Returns the last rejects of each cause, as many as there is room for, in order.
    pub(crate) fn last_of<T>(&mut self, rejects: Vec<T>, cause: impl Fn(&T) -> Cause) -> Vec<T> {
        let mut kept: Vec<T> = rejects
            .into_iter()
            .rev()
            .filter(|reject| match self.0.get_mut(&cause(reject)) {
                Some(room @ 1..) => {
                    *room -= 1;
                    true
                }
                _ => false,
            })
            .collect();
        kept.reverse();
        kept
    }
}

impl Journal {
    pub(crate) fn new(transport: Arc<str>) -> Self {
        let entries = Entries { all: Entry::new(), pairs: HashMap::new() };
        Self { transport, hasher: RandomState::new(), entries: Mutex::new(entries) }
    }

    /// Counts rejects of a node (or of a source, if the transport names no node), and returns how many of them to keep.
    pub(crate) fn note(
        &self,
        source: &str,
        node: Option<&NodeId>,
        rejects: impl IntoIterator<Item = (Cause, u64)>,
    ) -> Room {
        let who = node.map_or(source, NodeId::as_str);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Entries { all, pairs } = &mut *entries;
        let all = all.current();
        let mut room = Room::default();
        for (cause, count) in rejects {
            let pair = self.pair(pairs, who, cause);
            let entry = pairs.entry(pair).or_insert_with(Entry::new).current();
            let keep = count.min(KEPT_OF_ONE - entry.kept).min(KEPT_IN_ALL - all.kept);
            entry.kept += keep;
            all.kept += keep;
            room.0.insert(cause, keep);
            entry.untold += count;
            if !entry.told {
                self.tell(source, node, cause, entry.untold);
                entry.told = true;
                entry.untold = 0;
            }
        }
        room
    }

    /// Returns how many rejects of each cause could be kept now, without counting any.
    pub(crate) fn room(&self, source: &str, node: Option<&NodeId>, causes: impl IntoIterator<Item = Cause>) -> Room {
        let who = node.map_or(source, NodeId::as_str);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Entries { all, pairs } = &mut *entries;
        let room_in_all = KEPT_IN_ALL - all.current().kept;
        let room = |cause| {
            let pair = self.pair(pairs, who, cause);
            let entry = pairs.get(&pair).filter(|entry| !entry.is_over());
            (cause, (KEPT_OF_ONE - entry.map_or(0, |entry| entry.kept)).min(room_in_all))
        };
        Room(causes.into_iter().map(room).collect())
    }

    /// Returns the key for a node and a cause. Beyond the limit, nodes are no longer told apart.
    fn pair(&self, pairs: &mut HashMap<u64, Entry>, who: &str, cause: Cause) -> u64 {
        let pair = self.hasher.hash_one((who, cause));
        if pairs.len() >= PAIRS && !pairs.contains_key(&pair) {
            pairs.retain(|_, entry| !entry.is_over());
            if pairs.len() >= PAIRS {
                return self.hasher.hash_one(cause);
            }
        }
        pair
    }

    fn tell(&self, source: &str, node: Option<&NodeId>, (reason, field): Cause, count: u64) {
        let short: String = source.chars().take(SHOWN).collect();
        let (transport, source, code) = (&*self.transport, &*printable(&short), reason.code());
        let node = node.map(|node| printable(node.as_str()));
        let node = node.as_deref();
        if let Some(field) = field {
            let field = field.name();
            info!(
                transport,
                source,
                node,
                field,
                reason = code,
                count,
                "values dropped, their lines kept; further ones are logged after an hour"
            );
            return;
        }
        match reason {
            RejectReason::RateLimited | RejectReason::TooManyNodes | RejectReason::ClockAhead => {
                warn!(
                    transport,
                    source,
                    node,
                    reason = code,
                    count,
                    "lines rejected; further ones are logged after an hour"
                );
            }
            _ => info!(
                transport,
                source,
                node,
                reason = code,
                count,
                "lines rejected; further ones are logged after an hour"
            ),
        }
    }
}
