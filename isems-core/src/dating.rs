//! Dating of readings that have no time of their own: by their arrival, each at a second of its own.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Measurement, NodeId, Repository, RepositoryError};

/// The same payload of a node again within this many seconds is a repeat: a client that got no answer, a broker that got no
/// acknowledgement. No firmware sends a reading of the same bytes sooner; the quickest sends every 65 s.
const REPEATED_WITHIN: i64 = 60;

/// The most payloads of a node that can be told from their repeats.
const PAYLOADS: usize = 8;

/// From this many nodes on those that have sent nothing for long are forgotten.
const NODES: usize = 10_000;

/// Gives readings that are dated by their arrival a second each. A node has one measurement a second, so those that arrive
/// within one second take the free ones that follow, in their order. Clones share what is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dating(Arc<Mutex<Dated>>);

#[derive(Debug, Default)]
struct Dated {
    nodes: HashMap<NodeId, DatedNode>,
    hasher: RandomState,
}

#[derive(Debug)]
struct DatedNode {
    /// The second after the last one that was taken.
    free: i64,
    /// The arrival of the last payload.
    received_at: i64,
    payloads: VecDeque<DatedPayload>,
}

#[derive(Debug)]
struct DatedPayload {
    hash: u64,
    received_at: i64,
    first: i64,
    readings: usize,
}

impl Dating {
    /// Dates readings of one node that came together in a payload of these bytes. Those that would be dated more than ten
    /// minutes after their arrival stay undated: they are the last of more than 600 that came at once.
    pub(crate) async fn date(
        &self,
        bytes: &[u8],
        received_at: i64,
        readings: &mut [&mut Measurement],
        repository: &dyn Repository,
    ) -> Result<usize, RepositoryError> {
        let Some(first) = readings.first() else { return Ok(0) };
        let id = first.node_id.clone();
        let is_known = self.lock().nodes.contains_key(&id);
        let latest = received_at.saturating_add(Measurement::CLOCK_AHEAD_SECONDS);
        // After a start only the repository knows which seconds are taken. One that is further ahead was dated by a wrong clock.
        let newest = if is_known { None } else { repository.node(&id).await? };
        let newest = newest.map(|node| node.latest.timestamp).filter(|newest| (received_at..=latest).contains(newest));
        let mut dated = self.lock();
        let hash = dated.hasher.hash_one(bytes);
        if dated.nodes.len() >= NODES {
            dated.nodes.retain(|_, node| (0..=REPEATED_WITHIN).contains(&received_at.saturating_sub(node.received_at)));
        }
        let node = dated.nodes.entry(id).or_insert_with(|| DatedNode {
            free: newest.map_or(received_at, |newest| newest + 1),
            received_at,
            payloads: VecDeque::new(),
        });
        let first = node.first_second(hash, received_at, readings.len());
        let mut count = 0;
        for (second, reading) in (first..=latest).zip(readings) {
            reading.timestamp = second;
            count += 1;
        }
        Ok(count)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Dated> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DatedNode {
    fn first_second(&mut self, hash: u64, received_at: i64, readings: usize) -> i64 {
        let age = |payload: &DatedPayload| received_at.saturating_sub(payload.received_at);
        self.payloads.retain(|payload| (0..=REPEATED_WITHIN).contains(&age(payload)));
        let repeat = self.payloads.iter().find(|payload| payload.hash == hash && payload.readings == readings);
        if let Some(repeat) = repeat {
            return repeat.first;
        }
        // A clock that was put back begins anew, or nothing could be dated until it has caught up.
        let was_put_back = received_at < self.received_at.saturating_sub(Measurement::CLOCK_AHEAD_SECONDS);
        let first = if was_put_back { received_at } else { received_at.max(self.free) };
        self.free = first.saturating_add(readings as i64);
        self.received_at = received_at;
        if self.payloads.len() == PAYLOADS {
            self.payloads.pop_front();
        }
        self.payloads.push_back(DatedPayload { hash, received_at, first, readings });
        first
    }
}
