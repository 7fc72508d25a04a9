//! What has just been stored, and which nodes have changed their state, for whoever listens (Server-Sent Events,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{
    collections::VecDeque,
    fmt,
    hash::{BuildHasher, RandomState},
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use isems_core::{Field, Measurement};
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{self, Instant, Interval, MissedTickBehavior},
};
use tracing::debug;

use crate::{line::Object, states::StateChange, time::Time};

/// How long clients are told to wait before they connect again.
const RETRY: Duration = Duration::from_secs(5);

/// How many events a connection holds at a time, which bounds what it keeps from being forgotten.
const AT_ONCE: usize = 64;

/// How [`Live`] works.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// How many events are kept for those who come back; at least one.
    pub kept: usize,
    /// How many may listen at a time.
    pub subscribers: usize,
    /// How long a subscriber that has just been sent something waits for more to be sent together.
    pub pause: Duration,
    /// After how long without anything to send a subscriber is sent a comment, so that nobody on the way gives the connection up.
    pub heartbeat: Duration,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { kept: 8192, subscribers: 256, pause: Duration::from_millis(200), heartbeat: Duration::from_secs(15) }
    }
}

/// Keeps the newest events, and gives them to subscribers. Each event is written once, when the first one wants it.
pub struct Live {
    options: LiveOptions,
    /// Tells this run of the server from others.
    run: String,
    ring: Mutex<Ring>,
    newest: watch::Sender<Newest>,
    seats: Arc<Semaphore>,
    dropped: AtomicU64,
}

/// The events that are kept. Their numbers have no gaps.
#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// The number of the newest event; 0 before the first one.
    newest: u64,
}

impl Ring {
    /// The number after which everything is kept.
    fn horizon(&self) -> u64 {
        self.newest - self.events.len() as u64
    }
}

#[derive(Clone, Copy, Default)]
struct Newest {
    number: u64,
    has_ended: bool,
}

struct Event {
    number: u64,
    what: What,
    text: OnceLock<Bytes>,
}

#[expect(clippy::large_enum_variant, reason = "nearly all are measurements")]
enum What {
    Measurement(Measurement),
    State(StateChange),
}

/// A change of state as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenChange<'a> {
    node_id: &'a str,
    state: &'static str,
    previous: &'static str,
    at: Time<'a>,
}

impl Event {
    fn node(&self) -> &str {
        match &self.what {
            What::Measurement(measurement) => measurement.node_id.as_str(),
            What::State(change) => change.node.as_str(),
        }
    }

    fn text(&self, run: &str) -> Bytes {
        let write = || match &self.what {
            What::Measurement(measurement) => block(
                run,
                self.number,
                "measurement",
                &Object { measurement, fields: &Field::ALL, zone: &TimeZone::UTC },
            ),
            What::State(StateChange { node, previous, state, at }) => {
                let change = WrittenChange {
                    node_id: node.as_str(),
                    state: state.name(),
                    previous: previous.name(),
                    at: Time { second: *at, zone: &TimeZone::UTC },
                };
                block(run, self.number, "state", &change)
            }
        };
        self.text.get_or_init(write).clone()
    }
}

/// An event as it is sent. JSON has no line ends, so the data is one line.
fn block(run: &str, number: u64, name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("id: {run}-{number}\nevent: {name}\ndata: ").into_bytes();
    serde_json::to_writer(&mut text, data).expect("writing to memory fails only for maps with keys that are no text");
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// Why events are missing.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum GapReason {
    /// The id is of another run of the server.
    OtherRun,
    /// What came after is not kept any more.
    TooOld,
}

#[derive(Serialize)]
struct Gap {
    reason: GapReason,
    detail: &'static str,
}

impl Gap {
    fn new(reason: GapReason) -> Self {
        let detail = match reason {
            GapReason::OtherRun => {
                "the server has been started anew since this id, so events may be missing; what has come since its start and is \
                 kept follows; fetch what is before that from /api/v1/measurements?from=TIME"
            }
            GapReason::TooOld => {
                "there were more events than are kept, so some are missing; what is kept follows; fetch what is before that from \
                 /api/v1/measurements?from=TIME"
            }
        };
        Self { reason, detail }
    }
}

impl Live {
    /// Without events yet.
    pub fn new(options: LiveOptions) -> Self {
        Self {
            options: LiveOptions { kept: options.kept.max(1), ..options },
            run: format!("{:016x}", RandomState::new().hash_one(0)),
            ring: Mutex::default(),
            newest: watch::Sender::default(),
            seats: Arc::new(Semaphore::new(options.subscribers)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Tells of measurements that are new and durable. It waits for no subscriber.
    pub fn stored(&self, measurements: &[Measurement]) {
        self.add(measurements.iter().map(|measurement| What::Measurement(measurement.clone())));
    }

    /// Tells of nodes whose states have changed. It waits for no subscriber.
    pub fn changed(&self, changes: &[StateChange]) {
        self.add(changes.iter().map(|change| What::State(change.clone())));
    }

    fn add(&self, events: impl ExactSizeIterator<Item = What>) {
        let mut ring = self.lock();
        // The first ones of more than are kept would be gone before anybody could see them.
        let unseen = events.len().saturating_sub(self.options.kept);
        ring.newest += unseen as u64;
        for what in events.skip(unseen) {
            if ring.events.len() == self.options.kept {
                ring.events.pop_front();
            }
            ring.newest += 1;
            let event = Event { number: ring.newest, what, text: OnceLock::new() };
            ring.events.push_back(Arc::new(event));
        }
        let number = ring.newest;
        drop(ring);
        // Others may have added more meanwhile.
        self.newest.send_modify(|newest| newest.number = newest.number.max(number));
    }

    /// Ends all subscriptions, now and from now on.
    pub fn end(&self) {
        self.newest.send_modify(|newest| newest.has_ended = true);
    }

    /// How many listen.
    pub fn subscribers(&self) -> usize {
        self.options.subscribers - self.seats.available_permits()
    }

    /// How many subscribers have ended so far with events unsent that were not kept any more: they read too slowly.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The events of some nodes, or of all where none is named, from now on or after the one with an id. `None` when there are
    /// as many subscribers as may be.
    ///
    /// The stream ends when [`Live::end`] is called, and with an error when it is read so slowly that its next event is not
    /// kept any more.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        mut nodes: Vec<String>,
        last_event_id: Option<&str>,
    ) -> Option<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        let seat = self.seats.clone().try_acquire_owned().ok()?;
        nodes.sort_unstable();
        let (cursor, gap) = self.begin(last_event_id);
        // An id without data is no event, but clients keep it.
        let mut opening = format!("retry: {}\nid: {}-{cursor}\n\n", RETRY.as_millis(), self.run).into_bytes();
        if let Some(reason) = gap {
            opening.extend_from_slice(&block(&self.run, cursor, "gap", &Gap::new(reason)));
        }
        let mut interval = time::interval(self.options.pause);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let subscriber = Subscriber {
            newest: self.newest.subscribe(),
            live: self.clone(),
            nodes,
            cursor,
            opening: Some(opening.into()),
            interval,
            has_more: false,
            written: Instant::now(),
            _seat: seat,
        };
        let chunks = stream::try_unfold(subscriber, async |mut subscriber| {
            Ok::<_, io::Error>(subscriber.next().await?.map(|chunks| (chunks, subscriber)))
        });
        Some(chunks.map_ok(|chunks| stream::iter(chunks.into_iter().map(Ok))).try_flatten())
    }

    /// The number after which a subscriber begins, and why something before it may be missing.
    fn begin(&self, last_event_id: Option<&str>) -> (u64, Option<GapReason>) {
        let ring = self.lock();
        let Some(id) = last_event_id else { return (ring.newest, None) };
        let number = id.strip_prefix(&*self.run).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
        match number {
            Some(number) if number > ring.newest => (ring.horizon(), Some(GapReason::OtherRun)),
            Some(number) if number >= ring.horizon() => (number, None),
            Some(_) => (ring.horizon(), Some(GapReason::TooOld)),
            None => (ring.horizon(), Some(GapReason::OtherRun)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new(LiveOptions::default())
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Live").field("options", &self.options).finish_non_exhaustive()
    }
}

struct Subscriber {
    live: Arc<Live>,
    newest: watch::Receiver<Newest>,
    /// In order; all nodes where there is none.
    nodes: Vec<String>,
    /// The number of the last event that was looked at.
    cursor: u64,
    opening: Option<Bytes>,
    interval: Interval,
    has_more: bool,
    written: Instant,
    _seat: OwnedSemaphorePermit,
}

impl Subscriber {
    /// What is to be sent next; `None` at the end. It is called when the connection has taken what came before.
    async fn next(&mut self) -> io::Result<Option<Vec<Bytes>>> {
        if let Some(opening) = self.opening.take() {
            return Ok(Some(vec![opening]));
        }
        // What was lost before this call was lost because it came late; what is lost while it waits is not the reader's fault.
        if self.is_late() {
            return Err(io::Error::other("live events are read too slowly"));
        }
        loop {
            if !self.has_more {
                self.interval.tick().await;
            }
            let due = self.written + self.live.options.heartbeat;
            let cursor = self.cursor;
            let news = self.newest.wait_for(|newest| newest.has_ended || newest.number > cursor);
            if let Ok(newest) = time::timeout_at(due, news).await
                && newest.map_or(true, |newest| newest.has_ended)
            {
                return Ok(None);
            }
            let mut chunks = self.take();
            let now = Instant::now();
            if chunks.is_empty() && now >= due {
                chunks.push(format!(": heartbeat\nid: {}-{}\n\n", self.live.run, self.cursor).into());
            }
            if !chunks.is_empty() {
                self.written = now;
                return Ok(Some(chunks));
            }
        }
    }

    /// Whether its next event is not kept any more.
    fn is_late(&self) -> bool {
        self.cursor < self.live.lock().horizon()
    }

    /// What is new for this subscriber, as far as it is sent at once.
    fn take(&mut self) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        let mut events = Vec::new();
        {
            let ring = self.live.lock();
            let horizon = ring.horizon();
            if self.cursor < horizon {
                self.cursor = horizon;
                chunks.push(block(&self.live.run, horizon, "gap", &Gap::new(GapReason::TooOld)));
            }
            let seen = usize::try_from(self.cursor - horizon).expect("what is kept can be counted");
            for event in ring.events.range(seen..) {
                if events.len() == AT_ONCE {
                    break;
                }
                self.cursor = event.number;
                if self.nodes.is_empty() || self.nodes.binary_search_by(|node| (**node).cmp(event.node())).is_ok() {
                    events.push(event.clone());
                }
            }
            self.has_more = self.cursor < ring.newest;
        }
        chunks.extend(events.iter().map(|event| event.text(&self.live.run)));
        chunks
    }
}

impl Drop for Subscriber {
    /// One that reads nothing at all is not asked again: its connection is given up.
    fn drop(&mut self) {
        if self.is_late() {
            self.live.dropped.fetch_add(1, Ordering::Relaxed);
            debug!("a subscriber of live events read too slowly, and is dropped");
        }
    }
}
