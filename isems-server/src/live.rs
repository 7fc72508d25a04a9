//! The watcher's events as Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use isems_core::Field;
use isems_insight::{Event, FindingChange, NumberedEvent, StateChange, Subscription, Taken, Watcher};
use jiff::tz::TimeZone;
use poem_openapi::Enum;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant, Interval, MissedTickBehavior},
};
use tracing::debug;

use crate::{line::Object, time::Time};

/// The time that clients are told to wait before reconnecting.
const RETRY: Duration = Duration::from_secs(5);

/// The number of events that a connection holds at a time, which limits its memory use.
const AT_ONCE: usize = 64;

/// The number of newest events whose texts are shared, which is as many as the watcher keeps by default.
const TEXTS: u64 = 8192;

/// The options of [`Live`].
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// The maximum number of subscribers at a time.
    pub subscribers: usize,
    /// The time that a subscriber waits after something was sent, so that more can be sent together.
    pub pause: Duration,
    /// The time without events after which a comment is sent, so that nothing on the way closes the connection.
    pub heartbeat: Duration,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { subscribers: 256, pause: Duration::from_millis(200), heartbeat: Duration::from_secs(15) }
    }
}

/// Sends a watcher's events to subscribers. Each event is formatted once, for the first subscriber who wants it.
pub struct Live {
    options: LiveOptions,
    watcher: Watcher,
    texts: EventTexts,
    seats: Arc<Semaphore>,
    dropped: AtomicU64,
}

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "camelCase", rename = "EventKind")]
pub(crate) enum Kind {
    /// A new measurement was stored.
    Measurement,
    /// A node became active, silent or inactive.
    State,
    /// Something about a node was raised, changed or cleared.
    Finding,
}

impl Kind {
    fn of(event: &Event) -> Self {
        match event {
            Event::Stored(_) => Self::Measurement,
            Event::StateChanged(_) => Self::State,
            Event::FindingRaised(_) | Event::FindingChanged(_) | Event::FindingCleared(_) => Self::Finding,
        }
    }
}

/// The texts of the newest events.
struct EventTexts {
    /// Identifies this run of the server.
    run: String,
    /// The text of an event is at the index given by the event's number modulo the length.
    slots: Box<[Mutex<Option<Text>>]>,
}

struct Text {
    number: u64,
    bytes: Bytes,
}

impl EventTexts {
    fn new() -> Self {
        Self {
            run: format!("{:016x}", RandomState::new().hash_one(0)),
            slots: (0..TEXTS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Returns the text of an event, which all subscribers share.
    fn of(&self, event: &NumberedEvent) -> Bytes {
        let number = event.number;
        let mut slot = self.slots[(number % TEXTS) as usize].lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(text) if text.number == number => text.bytes.clone(),
            // A slow subscriber wants an event that most have already had: the text of the newer one stays.
            Some(text) if text.number > number => self.write(event),
            _ => {
                let bytes = self.write(event);
                *slot = Some(Text { number, bytes: bytes.clone() });
                bytes
            }
        }
    }

    fn write(&self, NumberedEvent { number, event }: &NumberedEvent) -> Bytes {
        match event {
            Event::Stored(measurement) => {
                self.block(*number, "measurement", &Object { measurement, fields: &Field::ALL, zone: &TimeZone::UTC })
            }
            Event::StateChanged(StateChange { node, previous, state, at }) => {
                let change = WrittenChange {
                    node_id: node.as_str(),
                    state: state.name(),
                    previous: previous.name(),
                    at: Time { second: *at, zone: &TimeZone::UTC },
                };
                self.block(*number, "state", &change)
            }
            Event::FindingRaised(change) => self.block(*number, "finding", &WrittenFinding::new("raised", change)),
            Event::FindingChanged(change) => self.block(*number, "finding", &WrittenFinding::new("changed", change)),
            Event::FindingCleared(change) => self.block(*number, "finding", &WrittenFinding::new("cleared", change)),
        }
    }

    /// Returns an event as it is sent. JSON has no line breaks, so the data is a single line.
    fn block(&self, number: u64, name: &str, data: &impl Serialize) -> Bytes {
        let mut text = format!("id: {}-{number}\nevent: {name}\ndata: ", self.run).into_bytes();
        serde_json::to_writer(&mut text, data)
            .expect("writing to memory fails only for maps with keys that are no text");
        text.extend_from_slice(b"\n\n");
        text.into()
    }
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

/// A change of what is found about a node as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenFinding<'a> {
    node_id: &'a str,
    change: &'static str,
    code: &'static str,
    severity: &'static str,
    since: Time<'a>,
    at: Time<'a>,
    advice: &'static str,
}

static UTC: TimeZone = TimeZone::UTC;

impl<'a> WrittenFinding<'a> {
    fn new(change: &'static str, FindingChange { node, finding, at }: &'a FindingChange) -> Self {
        Self {
            node_id: node.as_str(),
            change,
            code: finding.code.name(),
            severity: finding.severity.name(),
            since: Time { second: finding.since, zone: &UTC },
            at: Time { second: *at, zone: &UTC },
            advice: finding.advice(),
        }
    }
}

/// The reason why events are missing.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum GapReason {
    /// The id is from another run of the server.
    OtherRun,
    /// Later events are no longer kept.
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
                "the server was restarted after this id, so events may be missing; those since its start \
                 that are still kept follow; fetch earlier data from /api/v1/measurements?from=TIME"
            }
            GapReason::TooOld => {
                "there were more events than are kept, so some are missing; those still kept follow; fetch earlier \
                 data from /api/v1/measurements?from=TIME"
            }
        };
        Self { reason, detail }
    }
}

impl Live {
    /// Creates one without subscribers.
    pub(crate) fn new(watcher: Watcher, options: LiveOptions) -> Self {
        Self {
            options,
            watcher,
            texts: EventTexts::new(),
            seats: Arc::new(Semaphore::new(options.subscribers)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Returns the number of subscribers.
    pub fn subscribers(&self) -> usize {
        self.options.subscribers - self.seats.available_permits()
    }

    /// Returns the number of subscribers cut off so far because they read too slowly.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Subscribes to the events of the given nodes and kinds, or of all if there are none, from now on or after the
    /// event with an id. Returns `None` if the maximum number of subscribers is reached. The stream ends when the
    /// collector stops. It ends with an error if it is read so slowly that its next event is no longer kept.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        mut nodes: Vec<String>,
        kinds: Vec<Kind>,
        last_event_id: Option<&str>,
    ) -> Option<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        let seat = self.seats.clone().try_acquire_owned().ok()?;
        nodes.sort_unstable();
        let (events, gap) = self.begin(last_event_id);
        let position = events.position();
        // An id without data is not an event, but clients keep it.
        let mut opening = format!("retry: {}\nid: {}-{position}\n\n", RETRY.as_millis(), self.texts.run).into_bytes();
        if let Some(reason) = gap {
            opening.extend_from_slice(&self.texts.block(position, "gap", &Gap::new(reason)));
        }
        let mut interval = time::interval(self.options.pause);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let subscriber = Subscriber {
            live: self.clone(),
            nodes,
            kinds,
            events,
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

    /// Returns the position at which a subscriber starts, and the reason if something before it may be missing.
    fn begin(&self, last_event_id: Option<&str>) -> (Subscription, Option<GapReason>) {
        let Some(id) = last_event_id else { return (self.watcher.subscribe(), None) };
        let number = id.strip_prefix(&*self.texts.run).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
        match number.and_then(|number| self.watcher.subscribe_after(number)) {
            Some(mut events) => {
                let missed = events.skip_missed();
                (events, (missed > 0).then_some(GapReason::TooOld))
            }
            None => (self.watcher.subscribe_to_kept(), Some(GapReason::OtherRun)),
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Live").field("options", &self.options).finish_non_exhaustive()
    }
}

struct Subscriber {
    live: Arc<Live>,
    /// Sorted; empty for all nodes.
    nodes: Vec<String>,
    /// Empty for all kinds.
    kinds: Vec<Kind>,
    events: Subscription,
    opening: Option<Bytes>,
    interval: Interval,
    has_more: bool,
    written: Instant,
    _seat: OwnedSemaphorePermit,
}

impl Subscriber {
    /// Returns what to send next, or `None` at the end. Called once the connection has taken everything before.
    async fn next(&mut self) -> io::Result<Option<Vec<Bytes>>> {
        if let Some(opening) = self.opening.take() {
            return Ok(Some(vec![opening]));
        }
        // Events missed before this call are the reader's fault; events missed while this waits are not.
        if self.events.has_missed() {
            return Err(io::Error::other("the client reads live events too slowly"));
        }
        loop {
            if !self.has_more {
                self.interval.tick().await;
            }
            let due = self.written + self.live.options.heartbeat;
            if let Ok(false) = time::timeout_at(due, self.events.wait()).await {
                return Ok(None);
            }
            let mut chunks = self.take();
            let now = Instant::now();
            if chunks.is_empty() && now >= due {
                let id = format!("{}-{}", self.live.texts.run, self.events.position());
                chunks.push(format!(": heartbeat\nid: {id}\n\n").into());
            }
            if !chunks.is_empty() {
                self.written = now;
                return Ok(Some(chunks));
            }
        }
    }

    /// Returns the news for this subscriber, as much as is sent at once.
    fn take(&mut self) -> Vec<Bytes> {
        let Self { live, nodes, kinds, events, .. } = self;
        let is_wanted = |event: &Event| {
            let is_of_node = || nodes.binary_search_by(|node| (**node).cmp(event.node().as_str())).is_ok();
            (kinds.is_empty() || kinds.contains(&Kind::of(event))) && (nodes.is_empty() || is_of_node())
        };
        let before = events.position();
        let Taken { missed, events, has_more } = events.take(AT_ONCE, is_wanted);
        self.has_more = has_more;
        let gap = (missed > 0).then(|| live.texts.block(before + missed, "gap", &Gap::new(GapReason::TooOld)));
        gap.into_iter().chain(events.iter().map(|event| live.texts.of(event))).collect()
    }
}

impl Drop for Subscriber {
    /// A subscriber that reads nothing at all is never polled again; its connection is closed.
    fn drop(&mut self) {
        if self.events.has_missed() {
            self.live.dropped.fetch_add(1, Ordering::Relaxed);
            debug!("dropped a subscriber that read live events too slowly");
        }
    }
}
