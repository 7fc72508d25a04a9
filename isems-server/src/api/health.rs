//! Whether the process lives, and whether it can do its work.

use std::{sync::Arc, time::Duration};

use isems_core::{
    Batch, ClockState, LastError, Monitor, RejectReason, Repository, SourceStatus, TransportState, TransportStatus,
    chain,
};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::Json, types::Example};
use tokio::{sync::Mutex, time::Instant};
use tracing::warn;

use super::{Tag, named::Named, time::UtcTime};

/// How long it is believed that the database can be written, or cannot. Everybody may ask, and each proof is a write that
/// an SD card feels.
const PROOF_LASTS: Duration = Duration::from_secs(5);

/// The process answers.
#[derive(Debug, Object)]
#[oai(example)]
struct Health {
    /// Always `ok`.
    status: String,
}

impl Example for Health {
    fn example() -> Self {
        Self { status: "ok".into() }
    }
}

/// Whether the server can do its work, and how its transports fare.
#[derive(Debug, Object)]
#[oai(example)]
struct Readiness {
    /// Whether measurements can be stored.
    ready: bool,
    /// The database.
    database: DatabaseState,
    /// Whether the clock of the server's computer can be right.
    clock: Clock,
    /// The transports. One that fails does not make the server unready: the source may just be away.
    transports: Vec<Transport>,
}

impl Example for Readiness {
    fn example() -> Self {
        Self {
            ready: true,
            database: DatabaseState { writable: true, error: None },
            clock: Clock::Plausible,
            transports: vec![Transport {
                name: "http".into(),
                state: State::Running,
                received: 366_000,
                stored: 365_990,
                duplicates: 7,
                rejected: vec![Rejected { reason: Named(RejectReason::NumberInvalid), count: 3 }],
                last_success: Some(UtcTime(1_530_364_575)),
                last_error: Some(Failure {
                    at: UtcTime(1_530_360_975),
                    message: "10.36.0.9: connection refused".into(),
                }),
                sources: vec![Source {
                    name: "10.36.0.9".into(),
                    up: false,
                    since: UtcTime(1_530_360_975),
                    error: Some("connection refused".into()),
                }],
            }],
        }
    }
}

/// Whether the database can be written.
#[derive(Debug, Object)]
struct DatabaseState {
    /// Whether it can be written.
    writable: bool,
    /// Why not.
    #[oai(nullable)]
    error: Option<String>,
}

/// Whether the clock of the server's computer can be right. While it cannot, nodes' clocks are not judged by it.
#[derive(Debug, Enum)]
#[oai(rename_all = "lowercase", rename = "ClockState")]
enum Clock {
    /// Nothing speaks against it.
    Plausible,
    /// It is behind what is stored: it is behind now, or was ahead then.
    Behind,
    /// It shows a time before 2025. What comes without a time cannot be stored.
    Unset,
}

/// What a transport does.
#[derive(Debug, Enum)]
#[oai(rename_all = "lowercase", rename = "TransportState")]
enum State {
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
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct Transport {
    /// Its name: `http` or `mqtt`.
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
    rejected: Vec<Rejected>,
    /// When something was last delivered.
    #[oai(nullable)]
    last_success: Option<UtcTime>,
    /// What failed last.
    #[oai(nullable)]
    last_error: Option<Failure>,
    /// The nodes that are polled, or the broker.
    sources: Vec<Source>,
}

/// How many lines were rejected for a reason.
#[derive(Debug, Object)]
struct Rejected {
    /// The reason.
    reason: Named<RejectReason>,
    /// How many.
    count: u64,
}

/// Something that failed.
#[derive(Debug, Object)]
struct Failure {
    /// When.
    at: UtcTime,
    /// What.
    message: String,
}

/// A source of a transport: a node that is polled, a broker.
#[derive(Debug, Object)]
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
}

impl From<LastError> for Failure {
    fn from(LastError { at, message }: LastError) -> Self {
        Self { at: UtcTime(at), message }
    }
}

impl From<TransportStatus> for Transport {
    fn from(status: TransportStatus) -> Self {
        let rejected = status.rejected.iter().map(|(reason, count)| Rejected { reason: Named(reason), count });
        let source = |(name, SourceStatus { up, since, error })| Source { name, up, since: UtcTime(since), error };
        Self {
            name: status.name,
            state: match status.state {
                TransportState::Starting => State::Starting,
                TransportState::Running => State::Running,
                TransportState::Waiting => State::Waiting,
                TransportState::Ended => State::Ended,
            },
            received: status.received,
            stored: status.stored,
            duplicates: status.duplicates,
            rejected: rejected.collect(),
            last_success: status.last_success.map(UtcTime),
            last_error: status.last_error.map(Into::into),
            sources: status.sources.into_iter().map(source).collect(),
        }
    }
}

/// Alive.
#[derive(ApiResponse)]
enum HealthResponse {
    /// The process answers.
    #[oai(status = 200)]
    Alive(Json<Health>),
}

/// Ready or not.
#[derive(ApiResponse)]
enum ReadinessResponse {
    /// Measurements can be stored.
    #[oai(status = 200)]
    Ready(Json<Readiness>),
    /// Measurements cannot be stored at the moment; `database.error` says why.
    #[oai(status = 503)]
    Unready(Json<Readiness>),
}

/// Health of the process and of what it works with.
pub(crate) struct HealthApi {
    pub(crate) proof: Arc<WriteProof>,
    pub(crate) monitor: Monitor,
}

/// Whether the database can be written, found out by writing, and then believed for a while.
pub(crate) struct WriteProof {
    repository: Arc<dyn Repository>,
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl WriteProof {
    pub(crate) fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository, last: Mutex::new(None) }
    }

    /// Why the database cannot be written, if it cannot. Those who ask at the same time share one write.
    async fn error(&self) -> Option<String> {
        let mut last = self.last.lock().await;
        if let Some((_, error)) = last.as_ref().filter(|(at, _)| at.elapsed() < PROOF_LASTS) {
            return error.clone();
        }
        let error = self.repository.store(Batch::default()).await.err().map(|error| chain(&error));
        if let Some(error) = &error
            && last.as_ref().and_then(|(_, before)| before.as_ref()) != Some(error)
        {
            warn!(error, "the database cannot be written");
        }
        *last = Some((Instant::now(), error.clone()));
        error
    }
}

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// Whether the process lives
    ///
    /// Answers as soon as the process can answer at all, and looks at nothing else.
    #[oai(path = "/healthz", method = "get", operation_id = "health")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn health(&self) -> HealthResponse {
        HealthResponse::Alive(Json(Health { status: "ok".into() }))
    }

    /// Whether the server can do its work
    ///
    /// Ready means that measurements can be stored: this call writes to the database to prove it, at most every five
    /// seconds. The state of every transport is told as well; a node or a broker that is away does not make the server unready.
    #[oai(path = "/readyz", method = "get", operation_id = "readiness")]
    async fn readiness(&self) -> ReadinessResponse {
        let error = self.proof.error().await;
        let readiness = Json(Readiness {
            ready: error.is_none(),
            database: DatabaseState { writable: error.is_none(), error },
            clock: match self.monitor.clock() {
                ClockState::Plausible => Clock::Plausible,
                ClockState::Behind => Clock::Behind,
                ClockState::Unset => Clock::Unset,
            },
            transports: self.monitor.transports().into_iter().map(Into::into).collect(),
        });
        if readiness.ready { ReadinessResponse::Ready(readiness) } else { ReadinessResponse::Unready(readiness) }
    }
}
