//! One connection to the broker: describing devices, publishing their values, following what Home Assistant says.

use std::{error::Error, time::Duration};

use isems_insight::Watcher;
use isems_transport_mqtt::Connector;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeFilter, SubscribeReasonCode};
use tokio::{
    select,
    sync::watch,
    time::{self, Instant},
};
use tracing::debug;

use crate::{
    bridge::Connection,
    publications::{Message, Publications},
    state::{self, Storage},
    topics::{self, Topics},
};

/// The number of messages that wait in the client. As many again can be on their way.
const REQUESTS: usize = 32;

/// The time that the broker has to answer the subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_mins(1);

/// The time after which the nodes are looked at though nothing has happened: their deletion is no event.
const IDLE: Duration = Duration::from_secs(15);

/// The time that the broker has to take the last message, so that stopping does not wait for it.
const GOODBYE: Duration = Duration::from_secs(2);

/// A connection. It begins with nothing published.
pub(crate) struct Session<'a> {
    pub(crate) watcher: &'a Watcher,
    pub(crate) storage: &'a (dyn Fn() -> Storage + Send + Sync),
    pub(crate) pace: Duration,
    pub(crate) connection: &'a Connection,
    pub(crate) topics: Topics,
    pub(crate) publications: Publications,
}

impl Session<'_> {
    /// Runs until it fails, for a reason in words for the operator, or until it is to stop.
    pub(crate) async fn run(
        mut self,
        mut options: MqttOptions,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), String> {
        options.set_inflight(REQUESTS as u16);
        let (client, mut event_loop) = Connector::connect(options, REQUESTS);
        // Set once the broker has accepted the subscription.
        let mut is_subscribed = false;
        let mut is_accepted = false;
        // Set once the collector is said to be online, which is after everything else.
        let mut is_announced = false;
        let mut events = self.watcher.subscribe();
        let deadline = Instant::now() + SUBSCRIBE_TIMEOUT;
        let mut last_look = None;
        let mut next_look = Instant::now();
        loop {
            // A poll can be cancelled: the event loop keeps what it has read and what is still to be written.
            select! {
                event = event_loop.poll() => {
                    match event.map_err(|error| Connector::explain(error, is_accepted))? {
                        Event::Incoming(Packet::ConnAck(_)) => {
                            is_accepted = true;
                            self.subscribe(&client);
                        }
                        Event::Incoming(Packet::SubAck(answer)) => {
                            if answer.return_codes.contains(&SubscribeReasonCode::Failure) {
                                return Err(self.refused());
                            }
                            is_subscribed = true;
                            self.connection.set(None);
                        }
                        Event::Incoming(Packet::Publish(message)) => {
                            let has_started = !message.retain && *message.payload == *b"online";
                            if has_started && self.topics.births().contains(&message.topic) {
                                self.publications.forget();
                                is_announced = false;
                                next_look = Instant::now();
                            } else if !message.payload.is_empty() && self.publications.found(&message.topic) {
                                next_look = self.soon(last_look);
                            }
                        }
                        _ => {}
                    }
                }
                are_more = events.wait() => {
                    if !are_more {
                        // The collector has stopped.
                        return self.leave(&client, &mut event_loop).await;
                    }
                    events.take(usize::MAX, |_| false);
                    next_look = next_look.min(self.soon(last_look));
                }
                () = time::sleep_until(next_look), if is_subscribed => {
                    self.look().await;
                    let now = Instant::now();
                    last_look = Some(now);
                    next_look = now + IDLE.max(self.pace);
                }
                () = time::sleep_until(deadline), if !is_subscribed => {
                    return Err("the broker does not answer the subscription".into());
                }
                () = until_stopped(&mut stopped) => return self.leave(&client, &mut event_loop).await,
            }
            if self.publications.publish(|message| publish(&client, message)) && !is_announced {
                is_announced = publish(&client, self.announcement(true));
            }
        }
    }

    /// Returns when the nodes may be looked at again.
    fn soon(&self, last_look: Option<Instant>) -> Instant {
        last_look.map_or_else(Instant::now, |last| last + self.pace)
    }

    async fn look(&mut self) {
        match self.watcher.snapshot().await {
            Ok(snapshot) => self.publications.update(&snapshot, (self.storage)()),
            Err(error) => debug!(error = &error as &dyn Error, "cannot look at the nodes"),
        }
    }

    fn subscribe(&self, client: &AsyncClient) {
        let filters = self.topics.births().into_iter().chain([self.topics.configs()]);
        let filters = filters.map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
        // The queue is empty, so there is room for it.
        let _ = client.try_subscribe_many(filters);
    }

    fn refused(&self) -> String {
        let (births, configs) = (self.topics.births().join(" or "), self.topics.configs());
        format!("the broker refuses the subscription to {births} or {configs}: check what this user may read")
    }

    fn announcement(&self, is_online: bool) -> Message {
        let topic = self.topics.availability(topics::COLLECTOR);
        Message { topic, payload: state::availability(is_online).into() }
    }

    /// Makes the devices unavailable, if the broker takes that in time, and disconnects.
    async fn leave(&self, client: &AsyncClient, event_loop: &mut EventLoop) -> Result<(), String> {
        let goodbye = async {
            // There is room for it in the end, as what waits is taken.
            while event_loop.network.is_some() && !publish(client, self.announcement(false)) {
                event_loop.poll().await?;
            }
            while client.try_disconnect().is_err() {
                event_loop.poll().await?;
            }
            while event_loop.network.is_some() {
                event_loop.poll().await?;
            }
            Ok::<(), rumqttc::ConnectionError>(())
        };
        // A broker that is away says goodbye by itself: it publishes the last will.
        let _ = time::timeout(GOODBYE, goodbye).await;
        Ok(())
    }
}

/// Waits until the bridge is to stop.
pub(crate) async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which also means stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Publishes a retained message, or returns `false` if there is no room for it yet.
fn publish(client: &AsyncClient, Message { topic, payload }: Message) -> bool {
    client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_ok()
}
