//! The stream of events, of which the newest are kept for those who come late.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use isems_core::{Measurement, NodeId};
use tokio::sync::watch;

use crate::StateChange;

/// Something that happened to a node.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are measurements")]
pub enum Event {
    /// A measurement is new and stored.
    Stored(Measurement),
    /// The node has another state.
    StateChanged(StateChange),
}

impl Event {
    /// Returns the node.
    pub fn node(&self) -> &NodeId {
        match self {
            Self::Stored(measurement) => &measurement.node_id,
            Self::StateChanged(change) => &change.node,
        }
    }
}

/// An event with its place in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedEvent {
    /// Its number: 1 for the first event of the stream, without gaps.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// The end where events go into the stream. It waits for no subscriber.
#[derive(Debug)]
pub(crate) struct Events {
    ring: Arc<Mutex<Ring>>,
    /// The number of the newest event.
    newest: watch::Sender<u64>,
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
    /// Creates a stream without events, of which the newest are kept, at least one.
    pub(crate) fn new(kept: usize) -> Self {
        let ring = Ring { kept: kept.max(1), events: VecDeque::new(), newest: 0 };
        Self { ring: Arc::new(Mutex::new(ring)), newest: watch::Sender::default() }
    }

    pub(crate) fn extend(&self, events: impl ExactSizeIterator<Item = Event>) {
        let mut ring = lock(&self.ring);
        // The first ones of more than are kept would be gone before anybody could see them.
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
        // Others may have added more meanwhile.
        self.newest.send_if_modified(|newest| {
            let is_newer = number > *newest;
            *newest = number.max(*newest);
            is_newer
        });
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        let newest = self.newest.subscribe();
        let position = lock(&self.ring).newest;
        Subscription { ring: self.ring.clone(), newest, position }
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

/// A subscriber's place in the stream of a [`Watcher`](crate::Watcher). One that reads slowly loses events, and holds
/// nobody up.
#[derive(Debug)]
pub struct Subscription {
    ring: Arc<Mutex<Ring>>,
    newest: watch::Receiver<u64>,
    position: u64,
}

/// The events that a subscriber [takes](Subscription::take) at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// The number of events that were not kept until they were taken. They came before all others here.
    pub missed: u64,
    /// The events, in their order.
    pub events: Vec<Arc<NumberedEvent>>,
    /// Whether there are more by now.
    pub has_more: bool,
}

/// Why there is no next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NextError {
    /// The subscriber was too slow, and events are not kept any more. The oldest one that is kept comes next.
    #[error("{0} events were missed, because they are not kept any more")]
    Missed(u64),
    /// The watcher is gone with its collector, and all its events have been told.
    #[error("there are no more events, because the watcher is gone")]
    Ended,
}

impl Subscription {
    /// Returns the number of the last event that was looked at.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns whether the next event is not kept any more.
    pub fn has_missed(&self) -> bool {
        self.position < lock(&self.ring).horizon()
    }

    /// Goes on to the oldest event that is kept, and returns how many were missed: 0 as a rule.
    pub fn skip_missed(&mut self) -> u64 {
        let horizon = lock(&self.ring).horizon();
        skip_to(horizon, &mut self.position)
    }

    /// Waits until there is an event that was not looked at. Returns whether there is: not when the stream has ended.
    /// Nothing is lost when the future is dropped.
    pub async fn wait(&mut self) -> bool {
        let position = self.position;
        self.newest.wait_for(|newest| *newest > position).await.is_ok()
    }

    /// Takes what there is without waiting: of the events that were not looked at those that are wanted, but no more
    /// than some. It is the cheapest way for many subscribers to listen. What says whether an event is wanted has to be
    /// quick.
    pub fn take(&mut self, most: usize, mut is_wanted: impl FnMut(&Event) -> bool) -> Taken {
        let Self { ring, position, .. } = self;
        let ring = lock(ring);
        let horizon = ring.horizon();
        let missed = skip_to(horizon, position);
        let seen = usize::try_from(*position - horizon).expect("what is kept can be counted");
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

    /// Waits for the next event. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Arc<NumberedEvent>, NextError> {
        if !self.wait().await {
            return Err(NextError::Ended);
        }
        let Taken { missed, mut events, .. } = self.take(1, |_| true);
        if missed > 0 {
            // It is told next time.
            self.position -= events.len() as u64;
            return Err(NextError::Missed(missed));
        }
        events.pop().ok_or(NextError::Ended)
    }
}

/// Returns how many events a place moves on so that nothing before it is wanted that is not kept.
fn skip_to(horizon: u64, position: &mut u64) -> u64 {
    let missed = horizon.saturating_sub(*position);
    *position += missed;
    missed
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}
