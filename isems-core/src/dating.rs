//! Dating readings that carry no time: by their arrival, each with a second of its own.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Measurement, NodeId, Repository, RepositoryError};

/// The same payload of a node within this many seconds is a retry, by a client that got no answer or a broker that got
/// no acknowledgement. No firmware sends the same bytes sooner: the shortest interval is 65 s.
const REPEATED_WITHIN: i64 = 60;

/// The number of recent payloads per node that retries are recognized by.
const PAYLOADS: usize = 8;

/// With this many nodes or more, those that have sent nothing lately are forgotten.
const NODES: usize = 10_000;

/// Gives each reading that is dated by its arrival a second of its own. A node has one measurement per second, so
/// readings that arrive within the same second take the next free ones, in order. Clones share their state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dating(Arc<Mutex<Dated>>);

#[derive(Debug, Default)]
struct Dated {
    nodes: HashMap<NodeId, DatedNode>,
    hasher: RandomState,
}

#[derive(Debug)]
struct DatedNode {
    /// The second after the last one taken.
    free: i64,
    /// The time at which the last payload arrived.
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
    /// Dates the readings of one node that came in a payload of these bytes, and returns how many it dated. Readings
    /// that would be dated more than ten minutes after their arrival, the ones beyond the first 600 at once, stay
    /// undated.
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
        // After a restart only the repository knows which seconds are taken. A measurement further ahead was dated by a
        // wrong clock.
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
        // After the clock was set back, dating starts over; otherwise nothing could be dated until the clock had caught
        // up.
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
