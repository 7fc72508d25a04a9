//! Health of the process, and of what it depends on.

use std::{sync::Arc, time::Duration};

use isems_alerts::Alerts;
use isems_core::{ClockState, Repository, chain};
use isems_homeassistant::Connection;
use isems_insight::Watcher;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::Json, types::Example};
use serde::Serialize;
use tokio::{sync::Mutex, time::Instant};
use tracing::warn;

use super::{
    Tag,
    alerts::{ChannelState, report},
    transports::{Source, Transport},
};

/// The time for which the result of a test write is reused. Anyone may ask, and each test is a write that wears an SD
/// card.
const PROOF_LASTS: Duration = Duration::from_secs(5);

/// The process is alive.
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

/// The readiness of the server, and the state of its transports.
#[derive(Debug, Object)]
#[oai(example)]
struct Readiness {
    /// `true` if measurements can be stored.
    ready: bool,
    /// The database.
    database: DatabaseState,
    /// The state of the server's own clock.
    clock: ClockStateSchema,
    /// The transports. A failing one does not make the server unready, because its source may just be away.
    transports: Vec<Transport>,
    /// The broker through which Home Assistant shows the nodes, and whether it can be reached; null if none is
    /// configured. Nothing comes from it.
    #[oai(nullable, rename = "homeAssistant")]
    homeassistant: Option<Source>,
    /// The channels of alerts. A failing one does not make the server unready.
    alerts: Vec<ChannelState>,
}

impl Example for Readiness {
    fn example() -> Self {
        Self {
            ready: true,
            database: DatabaseState { writable: true, error: None },
            clock: ClockStateSchema::Plausible,
            transports: vec![Transport::example()],
            homeassistant: None,
            alerts: Vec::new(),
        }
    }
}

/// The state of the database.
#[derive(Debug, Object)]
struct DatabaseState {
    /// `true` if it can be written.
    writable: bool,
    /// The reason why it cannot be written.
    #[oai(nullable)]
    error: Option<String>,
}

/// The state of the server's own clock. Nodes' clocks are not judged by it unless it is plausible.
#[derive(Debug, Enum, Serialize)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase", rename = "ClockState")]
pub(super) enum ClockStateSchema {
    /// There is nothing wrong with it.
    Plausible,
    /// It is behind the newest stored times: it is slow now, or was fast then.
    Behind,
    /// It shows a time before 2025. Measurements without a time of their own cannot be stored.
    Unset,
}

impl From<ClockState> for ClockStateSchema {
    fn from(state: ClockState) -> Self {
        match state {
            ClockState::Plausible => Self::Plausible,
            ClockState::Behind => Self::Behind,
            ClockState::Unset => Self::Unset,
        }
    }
}

/// The answer of a living process.
#[derive(ApiResponse)]
enum HealthResponse {
    /// The process is alive.
    #[oai(status = 200)]
    Alive(Json<Health>),
}

/// The answer about readiness.
#[derive(ApiResponse)]
enum ReadinessResponse {
    /// Measurements can be stored.
    #[oai(status = 200)]
    Ready(Json<Readiness>),
    /// Measurements cannot be stored at the moment; `database.error` says why.
    #[oai(status = 503)]
    Unready(Json<Readiness>),
}

/// The operations for health.
pub(crate) struct HealthApi {
    pub(crate) proof: Arc<WriteProof>,
    pub(crate) watcher: Watcher,
    pub(crate) homeassistant: Option<Connection>,
    pub(crate) alerts: Option<Alerts>,
}

/// A test write proving that the database can be written, whose result is reused for a while.
pub(crate) struct WriteProof {
    repository: Arc<dyn Repository>,
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl WriteProof {
    pub(crate) fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository, last: Mutex::new(None) }
    }

    /// Returns why the database cannot be written, if it cannot. Simultaneous callers share one write.
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
    /// Check that the process is alive
    ///
    /// Answers as soon as the process can answer at all, and checks nothing else.
    #[oai(path = "/healthz", method = "get", operation_id = "health")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn health(&self) -> HealthResponse {
        HealthResponse::Alive(Json(Health { status: "ok".into() }))
    }

    /// Check that the server is ready
    ///
    /// Ready means that measurements can be stored, which this call proves by writing to the database, at most every
    /// five seconds. It also reports the state of every transport. A node or broker that is away does not make the
    /// server unready.
    #[oai(path = "/readyz", method = "get", operation_id = "readiness")]
    async fn readiness(&self) -> ReadinessResponse {
        let error = self.proof.error().await;
        let readiness = Json(Readiness {
            ready: error.is_none(),
            database: DatabaseState { writable: error.is_none(), error },
            clock: self.watcher.monitor().clock().into(),
            transports: self.watcher.monitor().transports().into_iter().map(Into::into).collect(),
            homeassistant: self
                .homeassistant
                .as_ref()
                .map(|bridge| Source::new(bridge.broker().into(), bridge.status())),
            alerts: report(self.alerts.as_ref()).channels,
        });
        if readiness.ready { ReadinessResponse::Ready(readiness) } else { ReadinessResponse::Unready(readiness) }
    }
}
