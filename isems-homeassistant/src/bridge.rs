//! The bridge: connections to the broker, one after another.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use isems_core::{Backoff, SourceStatus, panic_message, unix_now};
use isems_insight::Watcher;
use isems_transport_mqtt::{Connector, MqttConfig};
use rumqttc::{LastWill, MqttOptions, QoS};
use tokio::{sync::watch, time};
use tracing::{error, info, warn};

use crate::{
    HomeAssistantConfig, InvalidHomeAssistantConfig,
    publications::Publications,
    session::{Session, until_stopped},
    state::{self, Storage},
    topics,
};

/// The largest message that is read: a configuration takes about five kilobytes.
const PACKET_BYTES: usize = 1 << 20;

/// Shows the nodes of a watcher in Home Assistant. See the [crate] for how it works.
pub struct HomeAssistant {
    config: HomeAssistantConfig,
    connector: Connector,
    client_id: String,
    watcher: Watcher,
    storage: Box<dyn Fn() -> Storage + Send + Sync>,
    pace: Duration,
    backoff: Backoff,
    connection: Connection,
}

/// The state of a bridge's connection. Clones share it.
#[derive(Debug, Clone)]
pub struct Connection {
    broker: Arc<str>,
    status: Arc<Mutex<SourceStatus>>,
}

impl Connection {
    /// Returns the address of the broker, without credentials.
    pub fn broker(&self) -> &str {
        &self.broker
    }

    /// Returns the state now.
    pub fn status(&self) -> SourceStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the state. A failure is logged when it is news.
    pub(crate) fn set(&self, error: Option<String>) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let up = error.is_none();
        let is_news = status.up != up || status.error != error;
        if status.up != up {
            status.since = unix_now();
        }
        status.up = up;
        status.error.clone_from(&error);
        drop(status);
        match error {
            _ if !is_news => {}
            None => info!(broker = &*self.broker, "Home Assistant is told about the nodes"),
            Some(error) => warn!(broker = &*self.broker, error, "Home Assistant cannot be told about the nodes"),
        }
    }
}

impl HomeAssistant {
    /// Checks the configuration, and reads the certificates that it names. Returns `None` if it names no broker.
    /// `brokers` are those that the collector subscribes to.
    pub fn new(
        config: &HomeAssistantConfig,
        brokers: &[MqttConfig],
        watcher: Watcher,
    ) -> Result<Option<Self>, InvalidHomeAssistantConfig> {
        let Some(connection) = config.connection(brokers)? else { return Ok(None) };
        let connector = Connector::new(&connection)?;
        let status = SourceStatus { up: false, since: unix_now(), error: None, last_received_at: None, note: None };
        let broker = connector.broker().to_string().into();
        Ok(Some(Self {
            config: config.clone(),
            connector,
            client_id: connection.client_id.unwrap_or_default(),
            watcher,
            storage: Box::new(Storage::default),
            pace: Duration::from_secs(3),
            backoff: Backoff::default(),
            connection: Connection { broker, status: Arc::new(Mutex::new(status)) },
        }))
    }

    /// Sets how to find out how much space the database takes. It is asked every few seconds.
    #[must_use]
    pub fn storage(self, storage: impl Fn() -> Storage + Send + Sync + 'static) -> Self {
        Self { storage: Box::new(storage), ..self }
    }

    /// Sets the shortest time between two messages about a node. Default: 3 s.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Sets the waits after failures. Default: from a second to a minute.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Returns a handle for the state of the connection.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Publishes until `stop` is ready. The devices are unavailable when it returns, if the broker is there.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (stopping, mut stopped) = watch::channel(false);
        let run = async {
            loop {
                let session = AssertUnwindSafe(self.run_session(stopped.clone())).catch_unwind().await;
                let failure = match session {
                    Ok(Ok(())) => return,
                    Ok(Err(failure)) => failure,
                    Err(panic) => {
                        let message = panic_message(&*panic);
                        error!(panic = message, "publishing to Home Assistant panicked");
                        format!("a panic: {message}")
                    }
                };
                if self.connection.status().up {
                    self.backoff.reset();
                }
                self.connection.set(Some(failure));
                tokio::select! {
                    () = time::sleep(self.backoff.next_wait()) => {}
                    () = until_stopped(&mut stopped) => return,
                }
            }
        };
        let stop = async {
            stop.await;
            stopping.send_replace(true);
        };
        tokio::join!(run, stop);
    }

    /// Runs one connection, until it fails or the bridge is to stop.
    async fn run_session(&self, stopped: watch::Receiver<bool>) -> Result<(), String> {
        let session = Session {
            watcher: &self.watcher,
            storage: &*self.storage,
            pace: self.pace,
            connection: &self.connection,
            topics: self.config.topics(),
            publications: Publications::new(&self.config),
        };
        session.run(self.options(), stopped).await
    }

    fn options(&self) -> MqttOptions {
        let topic = self.config.topics().availability(topics::COLLECTOR);
        let mut options = self.connector.options(&*self.client_id);
        options.set_clean_session(true).set_max_packet_size(PACKET_BYTES, PACKET_BYTES).set_last_will(LastWill::new(
            topic,
            state::availability(false),
            QoS::AtLeastOnce,
            true,
        ));
        options
    }
}

impl fmt::Debug for HomeAssistant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, connection, .. } = self;
        let mut fields = formatter.debug_struct("HomeAssistant");
        fields.field("config", config).field("connection", connection).finish_non_exhaustive()
    }
}
