//! The transport: sessions with the broker, one after another.

use std::{convert::Infallible, fmt, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt;
use isems_core::{BoxError, Expectation, Inbox, RepositoryError, Transport};
use rumqttc::MqttOptions;
use tracing::error;

use crate::{
    Connector, InvalidMqttConfig, MqttConfig,
    error::SessionError,
    session::{self, Deliveries},
};

/// Packets up to this size are read whatever `max_packet_bytes` is, so that messages above it can be rejected.
const READ_BYTES: usize = 16 << 20;

/// The maximum number of bytes in a packet besides its payload: the topic with its length, and the packet id.
const HEADER_BYTES: usize = u16::MAX as usize + 4;

/// The key under which the repository keeps the client id.
const CLIENT_ID: &str = "client_id";

/// Subscribes to the measurements that nodes publish to a broker. See the [crate] for how it works.
pub struct MqttTransport {
    config: MqttConfig,
    connector: Connector,
    must_discard_session: bool,
    is_expected: bool,
}

impl MqttTransport {
    /// Checks the configuration, and reads the certificates that it names.
    pub fn new(config: MqttConfig) -> Result<Self, InvalidMqttConfig> {
        let connector = Connector::new(&config)?;
        Ok(Self { config, connector, must_discard_session: false, is_expected: false })
    }

    async fn client_id(&self, inbox: &Inbox) -> Result<String, RepositoryError> {
        if let Some(id) = &self.config.client_id {
            return Ok(id.clone());
        }
        let kept = inbox.recall(CLIENT_ID).await?;
        if let Some(id) = kept.and_then(|id| String::from_utf8(id).ok()).filter(|id| !id.is_empty()) {
            return Ok(id);
        }
        let id = format!("isems-{:016x}", fastrand::u64(..));
        inbox.remember(CLIENT_ID, id.clone().into_bytes()).await?;
        Ok(id)
    }

    fn options(&self, client_id: String) -> MqttOptions {
        let mut options = self.connector.options(client_id);
        options.set_clean_session(false).set_manual_acks(true).set_max_packet_size(
            self.config.max_packet_bytes.max(READ_BYTES) + HEADER_BYTES,
            MqttConfig::PACKET_BYTES_LIMIT,
        );
        options
    }

    async fn run_session<'a>(
        &mut self,
        inbox: &'a Inbox,
        source: &str,
        deliveries: &mut Deliveries<'a>,
    ) -> Result<Infallible, SessionError> {
        let options = self.options(self.client_id(inbox).await?);
        if self.must_discard_session {
            session::discard(options.clone()).await?;
            self.must_discard_session = false;
        }
        session::run(options, &self.config, inbox, source, deliveries).await
    }
}

#[async_trait]
impl Transport for MqttTransport {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn follows(&self) -> Vec<String> {
        self.config.topics.clone()
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let source = self.config.broker.to_string();
        let expectation = Expectation {
            after: Duration::from_secs(self.config.quiet_after_seconds.into()),
            began: "subscribed",
            advice: "check topic filters and the broker's access list",
        };
        if !self.is_expected {
            inbox.expect(&source, expectation);
            self.is_expected = true;
        }
        let mut deliveries = Deliveries::new();
        let Err(error) = self.run_session(inbox, &source, &mut deliveries).await;
        if error.is_permanent() {
            error!(source, %error, "the broker's session is discarded, with all that is queued in it");
            self.must_discard_session = true;
        }
        let failure = match error {
            SessionError::Repository(error) => error.into(),
            error => {
                inbox.source_down(&source, &error);
                // In the same words as the state of the source, so that it is logged only once.
                format!("{source}: {error}").into()
            }
        };
        // When the broker resends these, they are duplicates of what is being stored now: unless they are counted as
        // new here, they never are.
        while deliveries.next().await.is_some() {}
        Err(failure)
    }
}

impl fmt::Debug for MqttTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("MqttTransport");
        fields.field("config", &self.config).finish_non_exhaustive()
    }
}
