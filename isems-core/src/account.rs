//! The account kept of each transport: what it has delivered, and the state of it and its sources.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::{
    DroppedCounts, DurationHistogram, Receipt, RejectCounts,
    hearing::{Expectation, Hearing},
    printable, unix_now,
};

/// A snapshot of a transport, as returned by [`Monitor::transports`](crate::Monitor::transports).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportStatus {
    /// The transport's name.
    pub name: String,
    /// The sources that it is configured to [follow](crate::Transport::follows).
    pub follows: Vec<String>,
    /// Its state.
    pub state: TransportState,
    /// The number of lines and messages that arrived: stored + duplicates + rejected.
    pub received: u64,
    /// The number of new measurements.
    pub stored: u64,
    /// The number of measurements that had been stored before.
    pub duplicates: u64,
    /// The number of rejected lines, by reason.
    pub rejected: RejectCounts,
    /// The number of values dropped from new lines, by field and reason.
    pub dropped: DroppedCounts,
    /// The durations of deliveries, from the moment the transport handed them in until everything was durable.
    pub deliveries: DurationHistogram,
    /// The time of the last delivery, Unix seconds, UTC.
    pub last_success: Option<i64>,
    /// The last failure.
    pub last_error: Option<LastError>,
    /// The sources that the transport talks to, by address, as far as it reports them.
    pub sources: BTreeMap<String, SourceStatus>,
}

/// The counts of several transports together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of lines and messages that arrived: stored + duplicates + rejected.
    pub received: u64,
    /// The number of new measurements.
    pub stored: u64,
    /// The number of measurements that had been stored before.
    pub duplicates: u64,
    /// The number of rejected lines, by reason.
    pub rejected: RejectCounts,
    /// The number of values dropped from new lines, by field and reason.
    pub dropped: DroppedCounts,
}

/// The state of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportState {
    /// It has not been started yet.
    Starting,
    /// It is running.
    Running,
    /// It failed and is waiting to be called again.
    Waiting,
    /// Its source has ended.
    Ended,
}

/// A failure and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// The time of the failure, Unix seconds, UTC.
    pub at: i64,
    /// The failure.
    pub message: String,
}

/// The state of a transport's source: a polled node or a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Set if it answered the last time it was talked to.
    pub up: bool,
    /// The time since when that is so, Unix seconds, UTC.
    pub since: i64,
    /// The reason why it is down.
    pub error: Option<String>,
    /// The time at which something last came from it, Unix seconds, UTC; `None` if nothing has since the start.
    pub last_received_at: Option<i64>,
    /// A hint that something may be wrong although the source is up: nothing has come from it for a long time.
    pub note: Option<String>,
}

/// The live account behind the snapshots. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Account(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    status: TransportStatus,
    /// The failure that was logged last. It is cleared by a delivery, after which the same failure is news again.
    logged: Option<String>,
    hearings: BTreeMap<String, Hearing>,
}

impl Account {
    pub(crate) fn new(name: &str) -> Self {
        let status = TransportStatus {
            name: name.into(),
            follows: Vec::new(),
            state: TransportState::Starting,
            received: 0,
            stored: 0,
            duplicates: 0,
            rejected: RejectCounts::default(),
            dropped: DroppedCounts::default(),
            deliveries: DurationHistogram::default(),
            last_success: None,
            last_error: None,
            sources: BTreeMap::new(),
        };
        Self(Arc::new(Mutex::new(State { status, logged: None, hearings: BTreeMap::new() })))
    }

    pub(crate) fn snapshot(&self) -> TransportStatus {
        let state = self.lock();
        let mut status = state.status.clone();
        for (name, source) in &mut status.sources {
            if let Some(hearing) = state.hearings.get(name) {
                source.last_received_at = hearing.last_received_at();
                source.note = hearing.note().filter(|_| source.up);
            }
        }
        status
    }

    pub(crate) fn add_to(&self, totals: &mut Totals) {
        let TransportStatus { received, stored, duplicates, rejected, dropped, .. } = &self.lock().status;
        totals.received += received;
        totals.stored += stored;
        totals.duplicates += duplicates;
        totals.rejected.merge(rejected);
        totals.dropped.merge(dropped);
    }

    pub(crate) fn received(&self) -> u64 {
        self.lock().status.received
    }

    pub(crate) fn set_follows(&self, follows: Vec<String>) {
        self.lock().status.follows = follows;
    }

    pub(crate) fn set_state(&self, state: TransportState) {
        self.lock().status.state = state;
    }

    pub(crate) fn add(&self, receipt: &Receipt, duration: Duration) {
        let mut state = self.lock();
        state.logged = None;
        let status = &mut state.status;
        status.received += receipt.received;
        status.stored += receipt.stored;
        status.duplicates += receipt.duplicates;
        status.rejected.merge(&receipt.rejected);
        status.dropped.merge(&receipt.dropped);
        status.deliveries.add(duration);
        status.last_success = Some(unix_now());
    }

    /// Records a failure, and returns whether to log it: not if it is the one that was logged last.
    pub(crate) fn fail(&self, message: String) -> bool {
        let mut state = self.lock();
        let is_new = state.logged.as_ref() != Some(&message);
        state.logged = Some(message.clone());
        state.status.last_error = Some(LastError { at: unix_now(), message });
        is_new
    }

    /// Records the state of a source, and logs it if it has changed.
    pub(crate) fn set_source(&self, source: &str, error: Option<&dyn fmt::Display>) {
        let mut state = self.lock();
        let State { status, logged, hearings } = &mut *state;
        let now = unix_now();
        let before = status.sources.get(source);
        let changed = before.is_none_or(|before| before.up != error.is_none());
        if changed && let Some(hearing) = hearings.get_mut(source) {
            hearing.begin();
        }
        let since = before.filter(|_| !changed).map_or(now, |before| before.since);
        let is_new = before.is_none();
        let error = error.map(|error| printable(&error.to_string()).into_owned());
        let transport = &status.name;
        let shown = &*printable(source);
        match &error {
            Some(error) if changed => warn!(transport, source = shown, error, "source is down"),
            Some(error) => debug!(transport, source = shown, error, "source is still down"),
            None if changed && is_new => info!(transport, source = shown, "source is up"),
            None if changed => info!(transport, source = shown, "source is up again"),
            None => {}
        }
        if let Some(error) = &error {
            let message = format!("{source}: {error}");
            *logged = Some(message.clone());
            status.last_error = Some(LastError { at: now, message });
        }
        let (up, last_received_at, note) = (error.is_none(), None, None);
        status.sources.insert(source.into(), SourceStatus { up, since, error, last_received_at, note });
    }

    /// Expects a source to deliver something now and then while it is up.
    pub(crate) fn expect(&self, source: &str, expectation: Expectation) {
        self.lock().hearings.insert(source.into(), Hearing::new(expectation));
    }

    /// Records that something has come from a source, if that is expected.
    pub(crate) fn hear(&self, source: &str) {
        if let Some(hearing) = self.lock().hearings.get_mut(source) {
            hearing.hear(unix_now());
        }
    }

    /// Logs once if nothing has come from a source for a long time, and returns when to check again.
    pub(crate) fn look_at(&self, source: &str) -> Option<Instant> {
        let mut state = self.lock();
        let State { status, hearings, .. } = &mut *state;
        let hearing = hearings.get_mut(source)?;
        if status.sources.get(source).is_some_and(|source| source.up)
            && let Some(note) = hearing.news()
        {
            warn!(transport = status.name, source = &*printable(source), note, "a source is up but delivers nothing");
        }
        Some(hearing.next_look())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
