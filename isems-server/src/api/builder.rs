//! The builder of the service.

use std::{any::Any, sync::Arc};

use isems_alerts::Alerts;
use isems_core::{RedbRepository, Repository, unix_now};
use isems_homeassistant::Connection;
use isems_insight::Watcher;
use isems_transport_http::PollTrigger;
use tokio::sync::Semaphore;

use super::{Access, Parts, Service, health::WriteProof, http_metrics::HttpMetrics, node_numbers::NodeNumbers};
use crate::{
    BasePath, Tiles,
    live::{Live, LiveOptions},
    page::EndedSessions,
    push::Push,
};

/// Builds a [`Service`]. It needs only a watched collector: the repository and the state of transports and nodes come
/// from its watcher, so that they always belong together.
#[derive(Debug)]
#[must_use]
pub struct ServiceBuilder {
    watcher: Watcher,
    alerts: Option<Alerts>,
    access: Access,
    cors_origins: Vec<String>,
    base_path: BasePath,
    live: LiveOptions,
    push: Option<Push>,
    triggers: Vec<PollTrigger>,
    homeassistant: Option<Connection>,
    tiles: Option<Tiles>,
}

impl ServiceBuilder {
    pub(super) fn new(watcher: Watcher) -> Self {
        Self {
            watcher,
            alerts: None,
            access: Access::default(),
            cors_origins: vec!["*".into()],
            base_path: BasePath::default(),
            live: LiveOptions::default(),
            push: None,
            triggers: Vec::new(),
            homeassistant: None,
            tiles: None,
        }
    }

    /// Shows alerts, and lets clients mute and try them.
    pub fn alerts(self, alerts: Alerts) -> Self {
        Self { alerts: Some(alerts), ..self }
    }

    /// Sets the rights of clients. By default everybody may read, and nobody may do more.
    pub fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Sets the origins whose web pages may read the service. The default, `*`, is any.
    pub fn cors_origins(self, cors_origins: Vec<String>) -> Self {
        Self { cors_origins, ..self }
    }

    /// Sets the path prefix under which a proxy shows the service. Requests may have it or not.
    pub fn base_path(self, base_path: BasePath) -> Self {
        Self { base_path, ..self }
    }

    /// Draws the map on tiles.
    pub fn tiles(self, tiles: Tiles) -> Self {
        Self { tiles: Some(tiles), ..self }
    }

    /// Sets how live events are served.
    pub fn live(self, live: LiveOptions) -> Self {
        Self { live, ..self }
    }

    /// Accepts measurements from clients, for the transport that this handle feeds.
    pub fn push(self, push: Push) -> Self {
        Self { push: Some(push), ..self }
    }

    /// Lets clients trigger polling. May be called for several transports.
    pub fn poll(mut self, trigger: PollTrigger) -> Self {
        self.triggers.push(trigger);
        self
    }

    /// Tells the state of a bridge to Home Assistant.
    pub fn homeassistant(self, connection: Connection) -> Self {
        Self { homeassistant: Some(connection), ..self }
    }

    /// Builds the service. A [`RedbRepository`] with a file can be backed up, and has metrics.
    pub fn build(self) -> Service {
        let Self { watcher, alerts, access, cors_origins, base_path, live, push, triggers, tiles, homeassistant } =
            self;
        let repository = watcher.repository();
        let database = file(repository.clone());
        Service(Arc::new(Parts {
            alerts,
            access,
            cors_origins,
            base_path,
            live: Arc::new(Live::new(watcher.clone(), live)),
            push,
            triggers,
            homeassistant,
            tiles: tiles.map(Arc::new),
            ended_sessions: Arc::new(EndedSessions::new(repository.clone())),
            numbers: Arc::new(NodeNumbers::new(repository.clone(), database.clone())),
            database,
            saving: Arc::new(Semaphore::new(1)),
            proof: Arc::new(WriteProof::new(repository.clone())),
            http: HttpMetrics::new(),
            started: unix_now(),
            watcher,
        }))
    }
}

/// Returns a repository as the file it is, if it is one.
fn file(repository: Arc<dyn Repository>) -> Option<Arc<RedbRepository>> {
    let repository: Arc<dyn Any + Send + Sync> = repository;
    repository.downcast::<RedbRepository>().ok().filter(|repository| !repository.is_in_memory())
}
