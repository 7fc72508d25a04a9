//! The stream of events. The newest ones are kept for subscribers that are late or come back.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use isems_core::{Measurement, NodeId};
use tokio::sync::watch;

use crate::{Finding, StateChange};

/// Something that happened to a node.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are measurements")]
pub enum Event {
    /// A new measurement was stored.
    Stored(Measurement),
    /// The node changed its state.
    StateChanged(StateChange),
    /// Something new is the matter with the node.
    FindingRaised(FindingChange),
    /// A finding about the node changed its severity.
    FindingChanged(FindingChange),
    /// Something is no longer the matter with the node; the finding is the last one.
    FindingCleared(FindingChange),
}

/// A change of what is found about a node.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingChange {
    /// The node.
    pub node: NodeId,
    /// The finding.
    pub finding: Finding,
    /// When the change was noticed, Unix seconds, UTC. A finding that was cleared has lasted from its
    /// [`since`](Finding::since) until then.
    pub at: i64,
}

impl Event {
    /// Returns the node.
    pub fn node(&self) -> &NodeId {
        match self {
            Self::Stored(measurement) => &measurement.node_id,
            Self::StateChanged(change) => &change.node,
            Self::FindingRaised(change) | Self::FindingChanged(change) | Self::FindingCleared(change) => &change.node,
        }
    }
}

/// An event with its number in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedEvent {
    /// The number. The first event of the stream has number 1, and there are no gaps.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// The sending end of the stream. It never waits for subscribers.
#[derive(Debug)]
pub(crate) struct Events {
    ring: Arc<Mutex<Ring>>,
    head: watch::Sender<Head>,
}

/// The newest end of the stream.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    /// The number of the newest event; 0 before the first one.
    newest: u64,
    has_ended: bool,
}

/// The events that are kept. Their numbers have no gaps.
#[derive(Debug)]
struct Ring {
    kept: usize,
    events: VecDeque<Arc<NumberedEvent>>,
    /// The number of the newest event; 0 before the first one.
    newest: u64,
}

impl Ring {
    /// Returns the number after which everything is kept.
    fn horizon(&self) -> u64 {
        self.newest - self.events.len() as u64
    }
}

impl Events {
    /// Creates an empty stream that keeps the newest events, at least one.
    pub(crate) fn new(kept: usize) -> Self {
        let ring = Ring { kept: kept.max(1), events: VecDeque::new(), newest: 0 };
        Self { ring: Arc::new(Mutex::new(ring)), head: watch::Sender::default() }
    }

    pub(crate) fn extend(&self, events: impl ExactSizeIterator<Item = Event>) {
        let mut ring = lock(&self.ring);
        // If there are more than are kept, the first ones would be gone before anybody could see them.
        let unseen = events.len().saturating_sub(ring.kept);
        ring.newest += unseen as u64;
        for event in events.skip(unseen) {
            if ring.events.len() == ring.kept {
                ring.events.pop_front();
            }
            ring.newest += 1;
            let number = ring.newest;
            ring.events.push_back(Arc::new(NumberedEvent { number, event }));
        }
        let number = ring.newest;
        drop(ring);
        // Others may have added more in the meantime.
        self.head.send_if_modified(|head| {
            let is_newer = number > head.newest;
            head.newest = number.max(head.newest);
            is_newer
        });
    }

    /// Ends the stream for subscribers that have taken everything.
    pub(crate) fn end(&self) {
        self.head.send_modify(|head| head.has_ended = true);
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        let head = self.head.subscribe();
        let position = lock(&self.ring).newest;
        Subscription { ring: self.ring.clone(), head, position }
    }

    pub(crate) fn subscribe_to_kept(&self) -> Subscription {
        let subscription = self.subscribe();
        let position = lock(&self.ring).horizon();
        Subscription { position, ..subscription }
    }

    pub(crate) fn subscribe_after(&self, number: u64) -> Option<Subscription> {
        let subscription = self.subscribe();
        (number <= subscription.position).then_some(Subscription { position: number, ..subscription })
    }
}

/// A subscriber's position in the stream of a [`Watcher`](crate::Watcher). A slow subscriber misses events; it never
/// holds up the watcher or other subscribers.
#[derive(Debug)]
pub struct Subscription {
    ring: Arc<Mutex<Ring>>,
    head: watch::Receiver<Head>,
    position: u64,
}

/// The result of [`Subscription::take`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// The number of events that were missed because they were no longer kept. They preceded `events`.
    pub missed: u64,
    /// The events, in order.
    pub events: Vec<Arc<NumberedEvent>>,
    /// `true` if there are more to take now.
    pub has_more: bool,
}

/// The reason why there is no next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NextError {
    /// The subscriber was too slow, and this many events are no longer kept. The oldest one that is kept comes next.
    #[error("missed {0} events, which are no longer kept")]
    Missed(u64),
    /// The collector has stopped, and all events have been delivered.
    #[error("there are no more events: the collector has stopped")]
    Ended,
}

impl Subscription {
    /// Returns the number of the last event that was taken or passed over.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns whether the next event is no longer kept.
    pub fn has_missed(&self) -> bool {
        self.position < lock(&self.ring).horizon()
    }

    /// Moves on to the oldest event that is kept if the next one no longer is, and returns the number of events missed.
    pub fn skip_missed(&mut self) -> u64 {
        let horizon = lock(&self.ring).horizon();
        skip_to(horizon, &mut self.position)
    }

    /// Waits until there is something to take. Returns `false` once the stream has ended and everything was taken.
    /// Dropping the future loses nothing.
    pub async fn wait(&mut self) -> bool {
        let position = self.position;
        let head = self.head.wait_for(|head| head.has_ended || head.newest > position).await;
        head.is_ok_and(|head| head.newest > position)
    }

    /// Takes up to `most` of the events that are there and wanted, without waiting, and passes over the others before
    /// them. With many subscribers this is the cheapest way to listen. `is_wanted` must be quick: it is called while
    /// nothing can be added to the stream.
    pub fn take(&mut self, most: usize, mut is_wanted: impl FnMut(&Event) -> bool) -> Taken {
        let Self { ring, position, .. } = self;
        let ring = lock(ring);
        let horizon = ring.horizon();
        let missed = skip_to(horizon, position);
        let seen = (*position - horizon) as usize;
        let mut events = Vec::new();
        for event in ring.events.range(seen..) {
            if events.len() == most {
                break;
            }
            *position = event.number;
            if is_wanted(&event.event) {
                events.push(event.clone());
            }
        }
        Taken { missed, events, has_more: *position < ring.newest }
    }

    /// Waits for the next event. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Arc<NumberedEvent>, NextError> {
        if !self.wait().await {
            return Err(NextError::Ended);
        }
        let Taken { missed, mut events, .. } = self.take(1, |_| true);
        if missed > 0 {
            // The event comes next time.
            self.position -= events.len() as u64;
            return Err(NextError::Missed(missed));
        }
        events.pop().ok_or(NextError::Ended)
    }
}

/// Moves a position up to the horizon if it lies before it, and returns by how much.
fn skip_to(horizon: u64, position: &mut u64) -> u64 {
    let missed = horizon.saturating_sub(*position);
    *position += missed;
    missed
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}
