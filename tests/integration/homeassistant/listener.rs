//! A client of the broker that knows the newest message of every topic, as Home Assistant does.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
};

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle, time};

use super::DEADLINE;

/// The newest message of a topic, and how many there have been.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) payload: String,
    pub(super) count: usize,
    pub(super) is_retained: bool,
}

pub(super) type Messages = BTreeMap<String, Heard>;

/// Listens until it is dropped.
pub(super) struct Listener {
    messages: watch::Receiver<Messages>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens to all topics, and returns once the broker has accepted that.
    pub(super) async fn start(port: u16) -> Self {
        let id = format!("listener-{:x}", RandomState::new().hash_one(0));
        let (client, mut event_loop) =
            AsyncClient::new(MqttOptions::new(id, Ipv4Addr::LOCALHOST.to_string(), port), 10);
        client.subscribe("#", QoS::AtLeastOnce).await.expect("there is room");
        let (sender, messages) = watch::channel(Messages::new());
        let (subscribed, mut is_subscribed) = watch::channel(false);
        let task = tokio::spawn(async move {
            let _client = client;
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribed.send_replace(true)),
                    Ok(Event::Incoming(Packet::Publish(message))) => sender.send_modify(|messages| {
                        let heard = messages.entry(message.topic).or_default();
                        heard.payload = String::from_utf8_lossy(&message.payload).into_owned();
                        heard.is_retained = message.retain;
                        heard.count += 1;
                    }),
                    Ok(_) => {}
                    // The broker has gone, and with it what it knew.
                    Err(_) => break,
                }
            }
        });
        let subscribed = is_subscribed.wait_for(|is_subscribed| *is_subscribed);
        time::timeout(DEADLINE, subscribed).await.expect("it answers in time").expect("the broker is there");
        Self { messages, task }
    }

    /// Waits until the messages are as wanted, and returns them.
    pub(super) async fn until(&mut self, is_wanted: impl Fn(&Messages) -> bool) -> Messages {
        let wait =
            async { self.messages.wait_for(|messages| is_wanted(messages)).await.map(|messages| messages.clone()) };
        let outcome = time::timeout(DEADLINE, wait).await;
        let messages = outcome.unwrap_or_else(|_| panic!("never what is wanted, but {:#?}", self.so_far()));
        messages.expect("the broker is there")
    }

    /// Waits until the newest message of a topic has a payload.
    pub(super) async fn until_payload(&mut self, topic: &str, payload: &str) -> Messages {
        self.until(|messages| messages.get(topic).is_some_and(|heard| heard.payload == payload)).await
    }

    /// Returns the messages so far.
    pub(super) fn so_far(&self) -> Messages {
        self.messages.borrow().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns the newest message of a topic as JSON.
pub(super) fn json(messages: &Messages, topic: &str) -> Value {
    let heard = messages.get(topic).unwrap_or_else(|| panic!("nothing on {topic} in {messages:?}"));
    serde_json::from_str(&heard.payload).unwrap_or_else(|error| panic!("{error}: {heard:?}"))
}
