//! A publishing client of the broker.

use std::{
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
    time::Duration,
};

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::{sync::watch, task::JoinHandle, time};

/// The time limit for the broker to accept the remaining messages at the end.
const DEADLINE: Duration = Duration::from_secs(30);

/// Publishes at QoS 1, until it is dropped.
pub(crate) struct Publisher {
    client: AsyncClient,
    sent: u64,
    accepted: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(crate) fn connect(port: u16) -> Self {
        // Different in every client of every test.
        let id = format!("node-{:x}", RandomState::new().hash_one(0));
        let mut options = MqttOptions::new(id, Ipv4Addr::LOCALHOST.to_string(), port);
        options.set_max_packet_size(1 << 25, 1 << 25);
        let (client, mut event_loop) = AsyncClient::new(options, 100);
        let (count, accepted) = watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                if let Event::Incoming(Packet::PubAck(_)) = event_loop.poll().await.expect("the broker is there") {
                    count.send_modify(|count| *count += 1);
                }
            }
        });
        Self { client, sent: 0, accepted, task }
    }

    pub(crate) async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.send(topic, payload, false).await;
    }

    pub(crate) async fn publish_retained(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.send(topic, payload, true).await;
    }

    async fn send(&mut self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("the event loop runs");
        self.sent += 1;
    }

    /// Waits until the broker has accepted everything, and returns the number of messages.
    pub(crate) async fn finish(mut self) -> u64 {
        let all = self.accepted.wait_for(|accepted| *accepted == self.sent);
        let outcome = time::timeout(DEADLINE, all).await.expect("the broker accepts in time");
        outcome.expect("the event loop runs");
        self.sent
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
