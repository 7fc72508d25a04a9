//! Whether the process lives, and whether it can do its work.

use std::{sync::Arc, time::Duration};

use isems_core::{ClockState, Repository, chain};
use isems_insight::Watcher;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::Json, types::Example};
use serde::Serialize;
use tokio::{sync::Mutex, time::Instant};
use tracing::warn;

use super::{Tag, transports::Transport};

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
            transports: vec![Transport::example()],
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
#[derive(Debug, Enum, Serialize)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase", rename = "ClockState")]
pub(super) enum Clock {
    /// Nothing speaks against it.
    Plausible,
    /// It is behind what is stored: it is behind now, or was ahead then.
    Behind,
    /// It shows a time before 2025. What comes without a time cannot be stored.
    Unset,
}

impl From<ClockState> for Clock {
    fn from(state: ClockState) -> Self {
        match state {
            ClockState::Plausible => Self::Plausible,
            ClockState::Behind => Self::Behind,
            ClockState::Unset => Self::Unset,
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
    pub(crate) watcher: Watcher,
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
        let error = self.repository.probe().await.err().map(|error| chain(&error));
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
            clock: self.watcher.monitor().clock().into(),
            transports: self.watcher.monitor().transports().into_iter().map(Into::into).collect(),
        });
        if readiness.ready { ReadinessResponse::Ready(readiness) } else { ReadinessResponse::Unready(readiness) }
    }
}
