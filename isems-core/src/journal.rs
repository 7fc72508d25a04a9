//! What of the rejects is written down: enough to see what is wrong, and no more however many there are.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{RejectCounts, RejectReason};

/// In an hour, as many rejects of a node and a reason are kept in the reject log.
pub(crate) const KEPT_OF_ONE: u64 = 100;

/// In an hour, as many rejects of a transport are kept in the reject log, which holds 10,000 at least.
const KEPT_IN_ALL: u64 = 2_000;

const HOUR: Duration = Duration::from_hours(1);

/// How many pairs of a node and a reason are told apart in an hour. What comes beyond counts as one node.
const PAIRS: usize = 1_000;

/// Decides what is written down of the rejects of one transport.
#[derive(Debug)]
pub(crate) struct Journal {
    hasher: RandomState,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    all: Entry,
    /// By a hash of node and reason, so that their size does not matter.
    pairs: HashMap<u64, Entry>,
}

/// What was written down since the hour began.
#[derive(Debug)]
struct Entry {
    since: Instant,
    kept: u64,
}

impl Entry {
    fn new() -> Self {
        Self { since: Instant::now(), kept: 0 }
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= HOUR
    }

    /// The entry of the current hour.
    fn current(&mut self) -> &mut Self {
        if self.is_over() {
            *self = Self::new();
        }
        self
    }
}

/// How many rejects of each reason the reject log has room for.
#[derive(Debug, Default)]
pub(crate) struct Room(BTreeMap<RejectReason, u64>);

impl Room {
    /// The last ones of each reason, as many as there is room for, in their order.
    pub(crate) fn last_of<T>(&mut self, rejects: Vec<T>, reason: impl Fn(&T) -> RejectReason) -> Vec<T> {
        let mut kept: Vec<T> = rejects
            .into_iter()
            .rev()
            .filter(|reject| match self.0.get_mut(&reason(reject)) {
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
    pub(crate) fn new() -> Self {
        let entries = Entries { all: Entry::new(), pairs: HashMap::new() };
        Self { hasher: RandomState::new(), entries: Mutex::new(entries) }
    }

    /// Notes rejects of a node (or of a source, where the node is not known), and says how many of them are to be kept.
    pub(crate) fn note(&self, node: &str, rejects: &RejectCounts) -> Room {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Entries { all, pairs } = &mut *entries;
        let all = all.current();
        let mut room = Room::default();
        for (reason, count) in rejects.iter() {
            let mut pair = self.hasher.hash_one((node, reason));
            if pairs.len() >= PAIRS && !pairs.contains_key(&pair) {
                pairs.retain(|_, entry| !entry.is_over());
                if pairs.len() >= PAIRS {
                    pair = self.hasher.hash_one(reason);
                }
            }
            let entry = pairs.entry(pair).or_insert_with(Entry::new).current();
            let keep = count.min(KEPT_OF_ONE - entry.kept).min(KEPT_IN_ALL - all.kept);
            entry.kept += keep;
            all.kept += keep;
            room.0.insert(reason, keep);
        }
        room
    }
}
