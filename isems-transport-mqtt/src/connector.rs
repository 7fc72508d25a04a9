//! The way to a broker, for everything that talks to one.

use std::{fmt, sync::Arc, time::Duration};

use isems_tls::Identity;
use rumqttc::{AsyncClient, ConnectionError, EventLoop, MqttOptions, TlsConfiguration};
use rustls::ClientConfig;

use crate::{Broker, InvalidMqttConfig, MqttConfig, error::SessionError};

/// The number of seconds that the broker has to accept a connection, and to take what is written to it.
pub(crate) const CONNECT_SECONDS: u64 = 10;

/// Connects clients to the broker of an [`MqttConfig`]: its address, its login, the certificates, and how often it is
/// asked for a sign of life.
#[derive(Clone)]
pub struct Connector {
    broker: Broker,
    keep_alive: Duration,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// Checks the configuration, and reads the certificates that it names.
    pub fn new(config: &MqttConfig) -> Result<Self, InvalidMqttConfig> {
        config.check()?;
        let identity = config.certificate_file.as_deref().zip(config.key_file.as_deref());
        let identity = identity.map(|(certificate_file, key_file)| Identity { certificate_file, key_file });
        let tls = if config.broker.is_encrypted() {
            Some(isems_tls::client_config(config.ca_file.as_deref(), identity)?.into())
        } else {
            None
        };
        let keep_alive = Duration::from_secs(config.keep_alive_seconds.into());
        Ok(Self { broker: config.broker.clone(), keep_alive, tls })
    }

    /// Returns the broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Returns the options of a client with an id. Everything else about its session is rumqttc's default.
    pub fn options(&self, client_id: impl Into<String>) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, self.broker.host(), self.broker.port());
        options.set_keep_alive(self.keep_alive);
        if let Some(login) = self.broker.login() {
            options.set_credentials(&login.user, &login.password);
        }
        if let Some(tls) = &self.tls {
            options.set_transport(rumqttc::Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
        }
        options
    }

    /// Makes a client whose queue holds this many requests, with its event loop, which connects when it is polled. The
    /// loop gives up a broker that does not accept the connection or take what is written to it within ten seconds.
    pub fn connect(options: MqttOptions, requests: usize) -> (AsyncClient, EventLoop) {
        let (client, mut event_loop) = AsyncClient::new(options, requests);
        event_loop.network_options.set_connection_timeout(CONNECT_SECONDS).set_tcp_nodelay(true);
        (client, event_loop)
    }

    /// Says in words for the operator why an event loop failed. `is_accepted` is set if the broker had accepted the
    /// connection before.
    pub fn explain(error: ConnectionError, is_accepted: bool) -> String {
        let error = if is_accepted { SessionError::from(error) } else { SessionError::of_unanswered(error) };
        error.to_string()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").field("broker", &self.broker).finish_non_exhaustive()
    }
}
