//! The ways by which measurements come in, and how they fare.

use std::mem;

use isems_core::{
    DroppedCounts, Field, LastError, NumberField, RejectCounts, RejectReason, SourceStatus, TransportState,
    TransportStatus,
};
use isems_insight::Watcher;
use isems_transport_http::PollTrigger;
use poem::{Request, http::StatusCode};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, types::Example};
use serde::Serialize;

use super::{
    Tag,
    access::Authorized,
    named::Named,
    problem::{FORBIDDEN, INVALID, OfReading, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    rendered::Rendered,
    time::UtcTime,
};

/// What a transport does.
#[derive(Debug, Enum, Serialize)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase", rename = "TransportState")]
pub(super) enum State {
    /// It has not been started yet.
    Starting,
    /// It runs.
    Running,
    /// It failed and waits to be tried again.
    Waiting,
    /// Its source has ended.
    Ended,
}

/// A way by which measurements come in.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub(super) struct Transport {
    /// Its name: `http`, `mqtt` or `push`.
    name: String,
    /// What it does.
    state: State,
    /// Lines and messages that arrived since the start: stored, duplicates and rejected.
    received: u64,
    /// Measurements that were new.
    stored: u64,
    /// Measurements that were stored before.
    duplicates: u64,
    /// Lines that were rejected, by reason.
    rejected: Vec<RejectedCount>,
    /// Values that were dropped from lines that were new, by field and reason.
    dropped: Vec<DroppedCount>,
    /// When something was last delivered.
    #[oai(nullable)]
    last_success: Option<UtcTime>,
    /// What failed last.
    #[oai(nullable)]
    last_error: Option<Failure>,
    /// The nodes that are polled, or the broker.
    sources: Vec<Source>,
}

/// The number of lines that were rejected for a reason.
#[derive(Debug, Object, Serialize)]
pub(super) struct RejectedCount {
    /// The reason.
    pub(super) reason: Named<RejectReason>,
    /// The number of lines.
    pub(super) count: u64,
}

impl RejectedCount {
    pub(super) fn of(counts: &RejectCounts) -> Vec<Self> {
        counts.iter().map(|(reason, count)| Self { reason: Named(reason), count }).collect()
    }
}

/// The number of values of a field that were dropped for a reason.
#[derive(Debug, Object, Serialize)]
pub(super) struct DroppedCount {
    /// The field.
    pub(super) field: Named<Field>,
    /// The reason.
    pub(super) reason: Named<RejectReason>,
    /// The number of values.
    pub(super) count: u64,
}

impl DroppedCount {
    pub(super) fn of(counts: &DroppedCounts) -> Vec<Self> {
        let count = |(field, reason, count)| Self { field: Named(field), reason: Named(reason), count };
        counts.iter().map(count).collect()
    }
}

/// Something that failed.
#[derive(Debug, Object, Serialize)]
struct Failure {
    /// When.
    at: UtcTime,
    /// What.
    message: String,
}

/// A source of a transport: a node that is polled, a broker.
#[derive(Debug, Object, Serialize)]
struct Source {
    /// Its address, without credentials.
    name: String,
    /// Whether it answered when it was last spoken to.
    up: bool,
    /// Since when that is so.
    since: UtcTime,
    /// Why it is down.
    #[oai(nullable)]
    error: Option<String>,
    /// When something last came from it; null if nothing has since the start.
    #[serde(rename = "lastReceivedAt")]
    #[oai(nullable, rename = "lastReceivedAt")]
    last_received_at: Option<UtcTime>,
    /// A hint that something may be wrong though it is up: nothing has come from it for long.
    #[oai(nullable)]
    note: Option<String>,
}

impl From<LastError> for Failure {
    fn from(LastError { at, message }: LastError) -> Self {
        Self { at: UtcTime(at), message }
    }
}

impl From<TransportStatus> for Transport {
    fn from(status: TransportStatus) -> Self {
        let source = |(name, SourceStatus { up, since, error, last_received_at, note })| {
            let last_received_at = last_received_at.map(UtcTime);
            Source { name, up, since: UtcTime(since), error, last_received_at, note }
        };
        Self {
            name: status.name,
            state: status.state.into(),
            received: status.received,
            stored: status.stored,
            duplicates: status.duplicates,
            rejected: RejectedCount::of(&status.rejected),
            dropped: DroppedCount::of(&status.dropped),
            last_success: status.last_success.map(UtcTime),
            last_error: status.last_error.map(Into::into),
            sources: status.sources.into_iter().map(source).collect(),
        }
    }
}

impl From<TransportState> for State {
    fn from(state: TransportState) -> Self {
        match state {
            TransportState::Starting => Self::Starting,
            TransportState::Running => Self::Running,
            TransportState::Waiting => Self::Waiting,
            TransportState::Ended => Self::Ended,
        }
    }
}

impl Example for Transport {
    fn example() -> Self {
        Self {
            name: "http".into(),
            state: State::Running,
            received: 366_000,
            stored: 365_990,
            duplicates: 7,
            rejected: vec![RejectedCount { reason: Named(RejectReason::FieldCount), count: 3 }],
            dropped: vec![DroppedCount {
                field: Named(NumberField::BatteryTemperature.into()),
                reason: Named(RejectReason::NumberInvalid),
                count: 12,
            }],
            last_success: Some(UtcTime(1_530_364_575)),
            last_error: Some(Failure { at: UtcTime(1_530_360_975), message: "10.36.0.9: connection refused".into() }),
            sources: vec![Source {
                name: "10.36.0.9".into(),
                up: false,
                since: UtcTime(1_530_360_975),
                error: Some("connection refused".into()),
                last_received_at: Some(UtcTime(1_530_360_075)),
                note: None,
            }],
        }
    }
}

/// The transports.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct Transports {
    /// Each with its account since the start.
    transports: Vec<FollowingTransport>,
}

/// A transport, and what it is set to follow.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FollowingTransport")]
struct FollowingTransport {
    /// What it is set to follow: the nodes to poll, the topics that are subscribed to.
    follows: Vec<String>,
    /// How it fares.
    #[serde(flatten)]
    #[oai(flatten)]
    transport: Transport,
}

impl Example for Transports {
    fn example() -> Self {
        let follows = vec!["http://10.36.0.9/ISEMS/ffopenmppt.log".into()];
        Self { transports: vec![FollowingTransport { follows, transport: Transport::example() }] }
    }
}

/// The transports.
#[derive(ApiResponse)]
enum TransportsResponse {
    /// The transports.
    #[oai(status = 200)]
    Found(Rendered<Transports>),
}

/// How many nodes are polled.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct Polling {
    /// How many nodes are polled now.
    targets: u64,
}

impl Example for Polling {
    fn example() -> Self {
        Self { targets: 12 }
    }
}

/// Polling has begun.
#[derive(ApiResponse)]
enum PollResponse {
    /// Polling has begun. `/api/v1/transports` tells what becomes of it.
    #[oai(status = 202)]
    Begun(Rendered<Polling>),
}

/// The problems of polling.
enum OfPolling {}

impl Problems for OfPolling {
    const STATUSES: &'static [(u16, &'static str)] = &[INVALID, UNAUTHORIZED, FORBIDDEN, (409, "No nodes are polled.")];
}

/// Transports.
pub(crate) struct TransportsApi {
    pub(crate) watcher: Watcher,
    pub(crate) triggers: Vec<PollTrigger>,
}

#[OpenApi(tag = "Tag::Operation")]
impl TransportsApi {
    /// The ways by which measurements come in
    ///
    /// What each follows, what it has brought since the start, and how its nodes or its broker fare.
    #[oai(path = "/api/v1/transports", method = "get", operation_id = "transports")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn transports(&self, request: &Request) -> Result<TransportsResponse, Refused<OfReading>> {
        query::only(request, &[])?;
        let following = |mut status: TransportStatus| FollowingTransport {
            follows: mem::take(&mut status.follows),
            transport: status.into(),
        };
        let transports = self.watcher.monitor().transports().into_iter().map(following).collect();
        let transports = Transports { transports };
        Ok(TransportsResponse::Found(Rendered::new(&transports, 4096)))
    }

    /// Poll all nodes now
    ///
    /// Without waiting for the interval. A node that is being polled is polled once more after that. Needs a token.
    #[oai(path = "/api/v1/transports/http/poll", method = "post", operation_id = "pollNow")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn poll(&self, _authorized: Authorized, request: &Request) -> Result<PollResponse, Refused<OfPolling>> {
        query::only(request, &[])?;
        if self.triggers.is_empty() {
            let detail = "no nodes are polled: set ISEMS_ROUTER_IPS (--router-ips, router_ips)";
            return Err(Refusal::new(StatusCode::CONFLICT, detail).into());
        }
        let targets = self.triggers.iter().map(PollTrigger::poll_now).sum::<usize>() as u64;
        Ok(PollResponse::Begun(Rendered::new(&Polling { targets }, 32)))
    }
}
