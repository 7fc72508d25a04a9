//! The bridge with a broker that does what the test says.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use isems_homeassistant::HomeAssistantConfig;
use rumqttc::{ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, SubscribeReasonCode};
use serde_json::Value;
use tokio::time;

use super::{AVAILABILITY, Bridge, DEADLINE, at, memory};
use crate::{
    insight::{START, Watched, arrived},
    mqtt::peer::{Broker, Peer},
};

/// The time for which a test watches that something does not happen.
const SILENCE: Duration = Duration::from_millis(200);

/// Reads a published message without acknowledging it.
async fn read_publish(peer: &mut Peer) -> Publish {
    match peer.read().await {
        Packet::Publish(publish) => publish,
        other => panic!("expected PUBLISH, got {other:?}"),
    }
}

async fn acknowledge(peer: &mut Peer, id: u16) {
    peer.send(Packet::PubAck(PubAck::new(id))).await;
}

/// Reads and acknowledges messages until one of a topic comes, and returns all.
async fn read_until(peer: &mut Peer, topic: &str) -> Vec<Publish> {
    let mut all = Vec::new();
    loop {
        let publish = read_publish(peer).await;
        acknowledge(peer, publish.pkid).await;
        let is_last = publish.topic == topic;
        all.push(publish);
        if is_last {
            return all;
        }
    }
}

async fn watched(nodes: usize) -> Watched {
    let watched = Watched::start(memory(), 8192).await;
    watched.store((0..nodes).map(|node| arrived(&format!("n{node}"), START, START)).collect()).await;
    watched
}

#[tokio::test]
async fn the_last_will_is_that_the_collector_is_offline_and_online_comes_last() {
    let broker = Broker::start().await;
    let watched = watched(3).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.address().port());
    let mut peer = broker.accept().await;
    let will = peer.connect.last_will.clone().expect("a last will");
    assert_eq!(
        (&*will.topic, &*will.message, will.qos, will.retain),
        (AVAILABILITY, &b"offline"[..], QoS::AtLeastOnce, true)
    );
    assert!(peer.connect.clean_session);
    peer.answer_connect(ConnectReturnCode::Success).await;
    let subscribe = peer.read_subscribe().await;
    let filters: Vec<&str> = subscribe.filters.iter().map(|filter| &*filter.path).collect();
    assert_eq!(filters, ["homeassistant/status", "homeassistant/device/isems-collector/+/config"]);
    peer.grant(&subscribe).await;
    let all = read_until(&mut peer, AVAILABILITY).await;
    assert_eq!(all.len(), 2 + 3 * 3 + 1);
    assert!(all.iter().all(|publish| publish.retain && publish.qos == QoS::AtLeastOnce));
    assert!(all[0].topic.ends_with("/collector/config"), "nodes refer to the device of the collector");

    let stopping = tokio::spawn(bridge.stop());
    let goodbye = read_publish(&mut peer).await;
    assert_eq!((&*goodbye.topic, &*goodbye.payload), (AVAILABILITY, &b"offline"[..]));
    acknowledge(&mut peer, goodbye.pkid).await;
    assert_eq!(peer.read().await, Packet::Disconnect);
    drop(peer);
    stopping.await.expect("it stops");
}

/// While the broker takes nothing, only the newest state of each node waits.
#[tokio::test]
async fn a_broker_that_stalls_gets_the_newest_of_each_node_when_it_goes_on() {
    const NODES: usize = 40;
    const ROUNDS: i64 = 50;
    let broker = Broker::start().await;
    let watched = watched(NODES).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.address().port());
    let mut peer = broker.accept_session().await;
    // It takes as much as it may without an acknowledgement.
    let mut unacknowledged = Vec::new();
    while let Ok(publish) = time::timeout(SILENCE, read_publish(&mut peer)).await {
        unacknowledged.push(publish.pkid);
    }
    for round in 1..=ROUNDS {
        let at = START + round * 60;
        watched.store((0..NODES).map(|node| arrived(&format!("n{node}"), at, at)).collect()).await;
        // Time for the bridge to look, so that each round is seen.
        time::sleep(Duration::from_millis(11)).await;
    }
    for id in unacknowledged {
        acknowledge(&mut peer, id).await;
    }
    let newest = "2018-06-26T08:50:00Z";
    let (mut states, mut count) = (BTreeMap::new(), 0);
    let is_newest = |state: &Value| state["last_seen"] == newest;
    while states.len() < NODES || !states.values().all(is_newest) {
        let publish = read_publish(&mut peer).await;
        acknowledge(&mut peer, publish.pkid).await;
        count += 1;
        if publish.topic.contains("/node-") && publish.topic.ends_with("/state") {
            states.insert(publish.topic, serde_json::from_slice::<Value>(&publish.payload).expect("JSON"));
        }
    }
    let most = 3 * NODES + NODES + 100;
    assert!(count <= most, "{count} messages instead of {most} at most for {ROUNDS} rounds");
    drop(peer);
    bridge.stop().await;
}

#[tokio::test]
async fn a_node_that_reports_all_the_time_is_published_at_a_pace() {
    let broker = Broker::start().await;
    let watched = watched(1).await;
    let config = HomeAssistantConfig { broker: Some(at(broker.address().port())), ..HomeAssistantConfig::default() };
    let bridge = Bridge::paced(watched.watcher.clone(), &config, Duration::from_hours(1));
    let mut peer = broker.accept_session().await;
    read_until(&mut peer, AVAILABILITY).await;
    for second in 1..100 {
        watched.store(vec![arrived("n0", START + second, START + second)]).await;
    }
    peer.expect_silence().await;
    drop(peer);
    bridge.stop().await;
}

#[tokio::test]
async fn a_broker_that_refuses_or_leaves_is_tried_again_with_a_reason() {
    let broker = Broker::start().await;
    let watched = watched(1).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.address().port());
    let reason = |wanted: &'static str| {
        let connection = bridge.connection.clone();
        async move {
            let wait = async {
                while !connection.status().error.is_some_and(|error| error.contains(wanted)) {
                    time::sleep(Duration::from_millis(5)).await;
                }
            };
            time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{wanted}: {:?}", connection.status()));
        }
    };
    let mut peer = broker.accept().await;
    peer.answer_connect(ConnectReturnCode::BadUserNamePassword).await;
    reason("the broker refuses the user or password").await;
    drop(broker.accept().await);
    reason("without an answer").await;
    let mut peer = broker.accept().await;
    peer.answer_connect(ConnectReturnCode::Success).await;
    let subscribe = peer.read_subscribe().await;
    let refusal = vec![SubscribeReasonCode::Failure; subscribe.filters.len()];
    peer.send(Packet::SubAck(SubAck::new(subscribe.pkid, refusal))).await;
    reason("refuses the subscription to homeassistant/status").await;
    let mut peer = broker.accept_session().await;
    let topics: BTreeSet<String> =
        read_until(&mut peer, AVAILABILITY).await.into_iter().map(|publish| publish.topic).collect();
    assert!(topics.contains("isems/collector/node-n0/state"), "{topics:?}");
    assert!(bridge.connection.status().up);
    drop(peer);
    bridge.stop().await;
}
