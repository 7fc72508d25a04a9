//! The transport and the conformance suite of the core.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use isems_core::{Measurement, Payload, Transport, decode, testing::transport};
use isems_transport_mqtt::{MqttConfig, MqttTransport};
use rumqttc::Packet;
use tokio::task::JoinSet;

use super::{line, lines, peer::Broker};

const MESSAGES: u16 = 50;

/// A broker with a session: it publishes what was not acknowledged again on the next connection.
struct Session {
    config: MqttConfig,
    _task: JoinSet<()>,
}

impl Session {
    async fn start() -> Self {
        let broker = Broker::start().await;
        let config = broker.config();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let queued = (1..=MESSAGES).map(|id| (id, line("Hut", id.into()))).collect();
            let queued = Arc::new(Mutex::new(queued));
            let mut connections = JoinSet::new();
            loop {
                let mut peer = broker.accept_whenever().await;
                let queued: Arc<Mutex<BTreeMap<u16, String>>> = queued.clone();
                // If the client is stopped meanwhile, this task ends wherever it is, which affects no other.
                connections.spawn(async move {
                    peer.let_in().await;
                    let messages = queued.lock().expect("no test has panicked here").clone();
                    for (id, message) in messages {
                        peer.publish(id, "/isems/Hut/csvlog", message).await;
                    }
                    while let Some(packet) = peer.next().await {
                        if let Packet::PubAck(ack) = packet {
                            queued.lock().expect("no test has panicked here").remove(&ack.pkid);
                        }
                    }
                });
            }
        });
        Self { config, _task: task }
    }
}

impl transport::Source for Session {
    fn transport(&self) -> Box<dyn Transport> {
        Box::new(MqttTransport::new(self.config.clone()).expect("it is valid"))
    }

    fn expected(&self) -> Vec<Measurement> {
        decode(&Payload::csvlog(lines("Hut", 1..=MESSAGES.into()).as_bytes(), "expected")).measurements
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_conforms() {
    transport::conformance(async || Session::start().await).await;
}
