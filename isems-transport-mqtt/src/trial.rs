//! Trying a broker without collecting from it.

use std::time::Duration;

use rumqttc::{Event, Packet, QoS, Request, Subscribe, SubscribeFilter};
use tokio::time::{Instant, timeout_at};

use crate::{
    Connector, MqttConfig,
    connector::CONNECT_SECONDS,
    session::{check_answer, write},
};

/// The result of [`try_broker`]: the broker accepts the client and its topic filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The topic of the first message that came, if one came in time.
    pub heard: Option<String>,
}

/// Connects to the broker of a configuration, subscribes, and listens until a message comes or for as long as given, at
/// the most. The session is one of its own, under a random client id: the broker keeps nothing of it, and no message is
/// taken away from the collector. The error says in words for the operator what is wrong.
pub async fn try_broker(config: &MqttConfig, listens: Duration) -> Result<Trial, String> {
    let connector = Connector::new(config).map_err(|error| error.to_string())?;
    let mut options = connector.options(format!("isems-try-{:016x}", fastrand::u64(..)));
    options.set_clean_session(true);
    let (_, mut event_loop) = Connector::connect(options, 1);
    let mut is_accepted = false;
    let mut is_subscribed = false;
    let mut deadline = Instant::now() + Duration::from_secs(2 * CONNECT_SECONDS);
    loop {
        let event = match timeout_at(deadline, event_loop.poll()).await {
            Ok(event) => event.map_err(|error| Connector::explain(error, is_accepted))?,
            Err(_) if is_subscribed => return Ok(Trial { heard: None }),
            Err(_) => return Err("the broker does not answer the subscription".into()),
        };
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                is_accepted = true;
                let filters = config.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
                let subscribe = Request::Subscribe(Subscribe::new_many(filters));
                write(&mut event_loop, [subscribe]).await.map_err(|error| error.to_string())?;
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                check_answer(&answer, &config.topics, &connector.broker().to_string())
                    .map_err(|error| error.to_string())?;
                is_subscribed = true;
                deadline = Instant::now() + listens;
            }
            Event::Incoming(Packet::Publish(publish)) => return Ok(Trial { heard: Some(publish.topic) }),
            _ => {}
        }
    }
}
