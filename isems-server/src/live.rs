//! What happens, for those who watch: measurements as they are stored, and nodes that fall silent or come back.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use isems_core::{Measurement, NodeId};
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{self, Instant},
};
use tracing::debug;

use crate::states::StateChange;

/// How many events are kept for those who come back or read slowly: some megabytes.
const KEPT: usize = 8192;

/// How often at most a subscriber is written to, so that a thousand of them cost a few thousand writes a second.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a client is to wait before it connects again, milliseconds.
const RETRY: u32 = 3000;

/// The events of this run of the server, each under a number. Nobody who reads slowly holds anybody up: events are kept for a
/// while, and whoever has fallen behind further than that is dropped.
pub struct Live {
    /// Tells the runs of the server apart.
    run: String,
    kept: Mutex<Kept>,
    newest: watch::Sender<Newest>,
    places: Arc<Semaphore>,
    limit: usize,
    heartbeat: Duration,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    /// The number of the next event.
    next: u64,
}

impl Kept {
    /// The number of the oldest event that is kept, or of the next one.
    fn oldest(&self) -> u64 {
        self.next - self.events.len() as u64
    }
}

struct Event {
    node: NodeId,
    text: Bytes,
}

#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    next: u64,
    has_ended: bool,
}

/// There are as many subscribers as there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooManySubscribers(pub(crate) usize);

impl Live {
    /// No events yet, and at most this many subscribers. Who hears nothing for as long as the heartbeat hears that.
    pub fn new(subscribers: usize, heartbeat: Duration) -> Self {
        Self {
            run: format!("{:08x}", fastrand::u32(..)),
            kept: Mutex::default(),
            newest: watch::Sender::default(),
            places: Arc::new(Semaphore::new(subscribers)),
            limit: subscribers,
            heartbeat,
        }
    }

    /// Tells that measurements were stored.
    pub fn stored(&self, measurements: &[Measurement], write: impl Fn(&Measurement) -> Vec<u8>) {
        self.add(measurements.iter().map(|measurement| (&measurement.node_id, "measurement", write(measurement))));
    }

    /// Tells that the states of nodes have changed.
    pub(crate) fn changed(&self, changes: &[StateChange], write: impl Fn(&StateChange) -> Vec<u8>) {
        self.add(changes.iter().map(|change| (&change.node, "state", write(change))));
    }

    /// How many subscribers there are.
    pub(crate) fn subscribers(&self) -> usize {
        self.limit - self.places.available_permits()
    }

    /// Ends all subscriptions.
    pub fn end(&self) {
        self.newest.send_modify(|newest| newest.has_ended = true);
    }

    fn add<'a>(&self, events: impl Iterator<Item = (&'a NodeId, &'static str, Vec<u8>)>) {
        let events: Vec<_> = events.collect();
        let mut kept = self.lock();
        for (node, kind, data) in events {
            let id = format!("id: {}-{}\nevent: {kind}\ndata: ", self.run, kept.next);
            let text = [id.as_bytes(), &data, b"\n\n"].concat().into();
            if kept.events.len() == KEPT {
                kept.events.pop_front();
            }
            kept.events.push_back(Event { node: node.clone(), text });
            kept.next += 1;
        }
        let next = kept.next;
        drop(kept);
        self.newest.send_modify(|newest| newest.next = next);
    }

    /// Subscribes to the events of some nodes, or of all where none is named, from now on; or from after the event with an id.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        nodes: Vec<String>,
        last_id: Option<&str>,
    ) -> Result<impl Stream<Item = Bytes> + Send + 'static, TooManySubscribers> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| TooManySubscribers(self.limit))?;
        let mut first = format!("retry: {RETRY}\n\n").into_bytes();
        let (oldest, next) = {
            let kept = self.lock();
            (kept.oldest(), kept.next)
        };
        let cursor = match last_id {
            None => next,
            Some(id) => match self.number_after(id).filter(|number| (oldest..=next).contains(number)) {
                Some(number) => number,
                None => {
                    first.extend(gap(id));
                    oldest
                }
            },
        };
        let subscription = Subscription {
            live: self.clone(),
            newest: self.newest.subscribe(),
            nodes,
            cursor,
            first: Some(first.into()),
            _place: place,
        };
        Ok(stream::unfold(subscription, async |mut subscription| Some((subscription.next().await?, subscription))))
    }

    /// The number after that of an id, if it is one of this run.
    fn number_after(&self, id: &str) -> Option<u64> {
        let (run, number) = id.split_once('-')?;
        let number: u64 = number.parse().ok()?;
        (run == self.run).then(|| number.saturating_add(1))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Live").field("subscribers", &self.subscribers()).finish_non_exhaustive()
    }
}

/// Tells a client that there may be events between the last one that it had and the next one.
fn gap(id: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Gap<'a> {
        last_event_id: &'a str,
        detail: &'static str,
    }
    let detail =
        "events after this one may be missing here; what was measured meanwhile is at /api/v1/measurements?from=";
    let data = serde_json::to_string(&Gap { last_event_id: id, detail }).expect("texts can be written");
    format!("event: gap\ndata: {data}\n\n").into_bytes()
}

struct Subscription {
    live: Arc<Live>,
    newest: watch::Receiver<Newest>,
    nodes: Vec<String>,
    cursor: u64,
    first: Option<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Subscription {
    /// What is to be written next. `None`: the subscription ends.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let heartbeat = Instant::now() + self.live.heartbeat;
        time::sleep(PAUSE).await;
        loop {
            let cursor = self.cursor;
            let is_news = |newest: &Newest| newest.has_ended || newest.next > cursor;
            match time::timeout_at(heartbeat, self.newest.wait_for(is_news)).await {
                Err(_) => return Some(Bytes::from_static(b": nothing new\n\n")),
                Ok(Ok(newest)) if !newest.has_ended => {}
                Ok(_) => return None,
            }
            let text = self.take()?;
            if !text.is_empty() {
                return Some(text);
            }
            time::sleep(PAUSE).await;
        }
    }

    /// The events since the last call, of the nodes that are wanted. `None`: some of them are not kept any more.
    fn take(&mut self) -> Option<Bytes> {
        let kept = self.live.lock();
        let Some(known) = self.cursor.checked_sub(kept.oldest()) else {
            debug!(behind = kept.next - self.cursor, "a live subscriber reads too slowly and is dropped");
            return None;
        };
        let mut wanted: Vec<Bytes> = Vec::new();
        for event in kept.events.range(known as usize..) {
            if self.nodes.is_empty() || self.nodes.iter().any(|node| node == event.node.as_str()) {
                wanted.push(event.text.clone());
            }
        }
        self.cursor = kept.next;
        drop(kept);
        let mut text = BytesMut::with_capacity(wanted.iter().map(Bytes::len).sum());
        wanted.iter().for_each(|event| text.extend_from_slice(event));
        Some(text.freeze())
    }
}
