//! Retained messages at an MQTT broker.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use isems_core::{BoxError, chain};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, MqttOptions, Outgoing, Packet, QoS, TlsConfiguration,
    Transport,
};
use rustls::ClientConfig;
use serde::Serialize;

use super::{address::Login, template};
use crate::{ChannelConfig, Item, Message, Notifier, NotifyError, Subject};

/// The number of seconds that the broker has to accept a connection.
const CONNECT_SECONDS: u64 = 10;

/// The maximum size of a packet in bytes.
const PACKET_BYTES: usize = 16 << 20;

/// The level of the collector itself in topics, where nodes have their names.
const COLLECTOR: &str = "collector";

/// Returns the levels that precede those of a message.
pub(super) fn prefix(url: &Url) -> Result<String, &'static str> {
    let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| "its prefix is no UTF-8")?;
    let prefix = path.strip_prefix('/').unwrap_or_default().trim_end_matches('/');
    if prefix.is_empty() {
        return Err("its prefix is missing, which topics begin with: isems/alerts");
    }
    if url.query().is_some() || prefix.contains(['+', '#']) || prefix.chars().any(char::is_control) {
        return Err("its prefix contains ?, +, # or a control character");
    }
    Ok(prefix.into())
}

/// Publishes messages, over a connection for each.
///
/// Each item is retained under `PREFIX/NODE/CODE`, so that whoever subscribes later knows how things stand. The message
/// as a whole is published under `PREFIX/KIND`, for whoever is connected.
pub(super) struct Mqtt {
    /// The host, as it is shown.
    place: String,
    host: String,
    port: u16,
    prefix: String,
    login: Option<Login>,
    tls: Option<Arc<ClientConfig>>,
}

impl Mqtt {
    pub(super) fn new(config: &ChannelConfig) -> Result<Self, BoxError> {
        let url = config.to.url();
        let tls = url.scheme() == "mqtts";
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(if tls { 8883 } else { 1883 });
        let tls = tls.then(|| isems_tls::client_config(config.ca_file.as_deref(), None)).transpose()?.map(Arc::new);
        Ok(Self { place: config.to.place(), host, port, prefix: prefix(url)?, login: config.to.login()?, tls })
    }

    fn options(&self) -> MqttOptions {
        // No other client may have its id, and without a session it is never needed again.
        let mut options = MqttOptions::new(format!("isems-alerts-{:016x}", fastrand::u64(..)), &self.host, self.port);
        options.set_clean_session(true).set_max_packet_size(PACKET_BYTES, PACKET_BYTES);
        if let Some(Login { user, password }) = &self.login {
            options.set_credentials(user, password.as_deref().unwrap_or_default());
        }
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
        }
        options
    }

    /// Publishes, and waits until the broker has accepted everything.
    async fn publish(&self, publications: Vec<Publication>) -> Result<(), BoxError> {
        let mut unacknowledged = publications.len();
        // There is room for all of them, and for the DISCONNECT at the end.
        let (client, mut event_loop) = AsyncClient::new(self.options(), unacknowledged + 1);
        event_loop.network_options.set_connection_timeout(CONNECT_SECONDS).set_tcp_nodelay(true);
        for Publication { topic, payload, retain } in publications {
            client.try_publish(topic, QoS::AtLeastOnce, retain, payload)?;
        }
        loop {
            match event_loop.poll().await.map_err(Box::new)? {
                Event::Incoming(Packet::PubAck(_)) => {
                    unacknowledged -= 1;
                    if unacknowledged == 0 {
                        client.try_disconnect()?;
                    }
                }
                Event::Outgoing(Outgoing::Disconnect) => return Ok(()),
                _ => {}
            }
        }
    }
}

/// A message of MQTT.
struct Publication {
    topic: String,
    payload: Vec<u8>,
    retain: bool,
}

impl Publication {
    fn new(topic: String, content: &impl Serialize, retain: bool) -> Result<Self, BoxError> {
        Ok(Self { topic, payload: serde_json::to_vec(content)?, retain })
    }
}

#[async_trait]
impl Notifier for Mqtt {
    async fn notify(&self, message: &Message) -> Result<String, NotifyError> {
        let items = message.items.iter().map(|item| Publication::new(topic(&self.prefix, item), item, true));
        let whole = format!("{}/{}", self.prefix, template::kind(message.kind));
        let all = items.chain([Publication::new(whole, message, false)]).collect();
        let published = match all {
            Ok(publications) => self.publish(publications).await,
            Err(error) => Err(error),
        };
        match published {
            Ok(()) => Ok(format!("{} accepted {} messages", self.place, message.items.len() + 1)),
            Err(error) => Err(NotifyError::new(explain(&self.place, &*error))),
        }
    }
}

/// Returns the topic of an item.
fn topic(prefix: &str, item: &Item) -> String {
    let level: Cow<'_, str> = match &item.subject {
        Subject::Node(node) => safe_level(node.as_str()).into(),
        Subject::Collector(part) if part.is_empty() => COLLECTOR.into(),
        Subject::Collector(part) => format!("{COLLECTOR}-{}", safe_level(part)).into(),
    };
    format!("{prefix}/{level}/{}", item.code)
}

/// Returns a name as one level of a topic: what has a meaning there is percent-encoded, so that no two names meet.
fn safe_level(name: &str) -> String {
    let level = name.replace('%', "%25");
    level.replace('/', "%2F").replace('+', "%2B").replace('#', "%23")
}

fn explain(place: &str, error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(problem) = isems_tls::certificate_problem(error) {
        return format!("the certificate of {place} {problem}");
    }
    match error.downcast_ref::<Box<ConnectionError>>().map(|error| &**error) {
        Some(ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        )) => format!("{place} does not let the collector in: check user and password"),
        Some(ConnectionError::NetworkTimeout) => format!("{place} does not answer in time"),
        _ => format!("{place} takes no messages: {}", chain(error)),
    }
}
