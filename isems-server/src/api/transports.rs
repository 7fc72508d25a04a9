//! Transports and their state.

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

/// The state of a transport.
#[derive(Debug, Enum, Serialize)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase", rename = "TransportState")]
pub(super) enum TransportStateSchema {
    /// It has not been started yet.
    Starting,
    /// It is running.
    Running,
    /// It failed, and waits to be tried again.
    Waiting,
    /// Its source has ended.
    Ended,
}

/// A transport, by which measurements come in.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub(super) struct Transport {
    /// The name, such as `http`, `mqtt` or `push`.
    name: String,
    /// The state.
    state: TransportStateSchema,
    /// The number of lines and objects received since the start: stored, duplicates and rejected.
    received: u64,
    /// The number of new measurements stored.
    stored: u64,
    /// The number of measurements that were already stored.
    duplicates: u64,
    /// The number of rejected lines, by reason.
    rejected: Vec<RejectedCount>,
    /// The number of values dropped from new lines, by field and reason.
    dropped: Vec<DroppedCount>,
    /// The time of the last delivery.
    #[oai(nullable)]
    last_success: Option<UtcTime>,
    /// The last failure.
    #[oai(nullable)]
    last_error: Option<Failure>,
    /// The nodes that are polled, or the broker.
    sources: Vec<Source>,
}

/// The number of lines rejected for a reason.
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

/// The number of values of a field dropped for a reason.
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

/// A failure.
#[derive(Debug, Object, Serialize)]
struct Failure {
    /// The time of the failure.
    at: UtcTime,
    /// The reason of the failure.
    message: String,
}

/// A source of a transport: a polled node, or a broker.
#[derive(Debug, Object, Serialize)]
pub(super) struct Source {
    /// The address, without credentials.
    name: String,
    /// `true` if it answered last time.
    up: bool,
    /// The time since when `up` has this value.
    since: UtcTime,
    /// The reason why it is down.
    #[oai(nullable)]
    error: Option<String>,
    /// The time when something last arrived from it; null if nothing has since the start.
    #[serde(rename = "lastReceivedAt")]
    #[oai(nullable, rename = "lastReceivedAt")]
    last_received_at: Option<UtcTime>,
    /// A hint that something may be wrong although it is up: nothing has arrived from it for long.
    #[oai(nullable)]
    note: Option<String>,
}

impl Source {
    pub(super) fn new(name: String, status: SourceStatus) -> Self {
        let SourceStatus { up, since, error, last_received_at, note } = status;
        Self { name, up, since: UtcTime(since), error, last_received_at: last_received_at.map(UtcTime), note }
    }
}

impl From<LastError> for Failure {
    fn from(LastError { at, message }: LastError) -> Self {
        Self { at: UtcTime(at), message }
    }
}

impl From<TransportStatus> for Transport {
    fn from(status: TransportStatus) -> Self {
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
            sources: status.sources.into_iter().map(|(name, status)| Source::new(name, status)).collect(),
        }
    }
}

impl From<TransportState> for TransportStateSchema {
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
            state: TransportStateSchema::Running,
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
    /// The transports, with their counts since the start.
    transports: Vec<FollowingTransport>,
}

/// A transport, and what it is configured to follow.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FollowingTransport")]
struct FollowingTransport {
    /// The nodes that it polls, or the topics that it subscribes to.
    follows: Vec<String>,
    /// The transport's state and counts.
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

/// The extent of polling.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct Polling {
    /// The number of nodes that are polled.
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
    /// Polling has begun. `/api/v1/transports` shows the result.
    #[oai(status = 202)]
    Begun(Rendered<Polling>),
}

/// The problems of polling.
enum OfPolling {}

impl Problems for OfPolling {
    const STATUSES: &'static [(u16, &'static str)] = &[INVALID, UNAUTHORIZED, FORBIDDEN, (409, "No nodes are polled.")];
}

/// The operations for transports.
pub(crate) struct TransportsApi {
    pub(crate) watcher: Watcher,
    pub(crate) triggers: Vec<PollTrigger>,
}

#[OpenApi(tag = "Tag::Operation")]
impl TransportsApi {
    /// List transports
    ///
    /// Shows what each transport follows, what it has delivered since the start, and the state of its nodes or broker.
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
    /// Polls without waiting for the interval. A node that is being polled is polled once more afterwards. Requires a
    /// token.
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
