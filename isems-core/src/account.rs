//! The account that is kept of each transport: what it brought, and how it and its sources fare.

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

/// A snapshot of a transport, as [`Monitor::transports`](crate::Monitor::transports) gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportStatus {
    /// The transport's name.
    pub name: String,
    /// The sources that it is set to [follow](crate::Transport::follows).
    pub follows: Vec<String>,
    /// Its state.
    pub state: TransportState,
    /// Lines and messages that arrived: stored + duplicates + rejected.
    pub received: u64,
    /// Measurements that are new.
    pub stored: u64,
    /// Measurements that were stored before.
    pub duplicates: u64,
    /// Lines that were rejected, by reason.
    pub rejected: RejectCounts,
    /// Values that were dropped from lines that were new, by field and reason.
    pub dropped: DroppedCounts,
    /// The durations of deliveries, from when the transport handed them in until everything was durable.
    pub deliveries: DurationHistogram,
    /// When something was last delivered, Unix seconds, UTC.
    pub last_success: Option<i64>,
    /// The last failure.
    pub last_error: Option<LastError>,
    /// The sources that the transport speaks to, by their address, as far as it reports them.
    pub sources: BTreeMap<String, SourceStatus>,
}

/// The counts of several transports together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of lines and messages that arrived: stored + duplicates + rejected.
    pub received: u64,
    /// The number of measurements that are new.
    pub stored: u64,
    /// The number of measurements that were stored before.
    pub duplicates: u64,
    /// The number of lines that were rejected, by reason.
    pub rejected: RejectCounts,
    /// The number of values that were dropped from lines that were new, by field and reason.
    pub dropped: DroppedCounts,
}

/// The state of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportState {
    /// It has not been started yet.
    Starting,
    /// It runs.
    Running,
    /// It failed and waits to be called again.
    Waiting,
    /// Its source has ended.
    Ended,
}

/// Something that failed, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// When, Unix seconds, UTC.
    pub at: i64,
    /// The failure.
    pub message: String,
}

/// The state of a source of a transport: a polled node, a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// `true` if it answered when it was last spoken to.
    pub up: bool,
    /// Since when that is so, Unix seconds, UTC.
    pub since: i64,
    /// Why it is down.
    pub error: Option<String>,
    /// When something last came from it, Unix seconds, UTC. `None`: nothing yet, since the start.
    pub last_received_at: Option<i64>,
    /// A hint that something may be wrong though the source is up: nothing has come from it for long.
    pub note: Option<String>,
}

/// The live account behind the snapshots. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Account(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    status: TransportStatus,
    /// The failure that was logged last, until something is delivered: then the same again is news.
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

    /// Notes a failure. Whether it is to be logged: not when it is the one that was logged last.
    pub(crate) fn fail(&self, message: String) -> bool {
        let mut state = self.lock();
        let is_new = state.logged.as_ref() != Some(&message);
        state.logged = Some(message.clone());
        state.status.last_error = Some(LastError { at: unix_now(), message });
        is_new
    }

    /// Notes how a source fares, and logs it when that changed.
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

    /// Expects a source to bring something now and then while it is up.
    pub(crate) fn expect(&self, source: &str, expectation: Expectation) {
        self.lock().hearings.insert(source.into(), Hearing::new(expectation));
    }

    /// Notes that something has come from a source, where that is expected.
    pub(crate) fn hear(&self, source: &str) {
        if let Some(hearing) = self.lock().hearings.get_mut(source) {
            hearing.hear(unix_now());
        }
    }

    /// Logs once when nothing has come from a source for long, and says when to look again.
    pub(crate) fn look_at(&self, source: &str) -> Option<Instant> {
        let mut state = self.lock();
        let State { status, hearings, .. } = &mut *state;
        let hearing = hearings.get_mut(source)?;
        if status.sources.get(source).is_some_and(|source| source.up)
            && let Some(note) = hearing.news()
        {
            warn!(
                transport = status.name,
                source = &*printable(source),
                note,
                "nothing comes from a source that is up"
            );
        }
        Some(hearing.next_look())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
