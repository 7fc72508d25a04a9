//! More messages than can be stored: reading them stops, and queries for measurements do not wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use isems_transport_mqtt::{MqttConfig, MqttTransport};
use rumqttc::{ConnectReturnCode, Packet};
use tokio::time;

use super::{
    Running, SILENCE, eventually,
    faults::pass,
    gate::{Gate, gated},
    line, lines,
    peer::Broker,
    seconds,
};
use crate::server::TestService;

const TOPIC: &str = "/isems/Hut/csvlog";

/// Waits until that many messages are waiting to be stored, and asserts that no more arrive.
pub(super) async fn until_waiting(gate: &Gate, count: usize) {
    let waiting = || async { (gate.waiting() == count).then_some(()) };
    eventually(waiting, || format!("{} instead of {count} wait", gate.waiting())).await;
    time::sleep(SILENCE).await;
    assert_eq!(gate.waiting(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_sends_more_than_is_stored_is_held_up_and_reading_goes_on() {
    const MESSAGES: usize = 5_000;
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    gate.open();
    let config = MqttConfig { max_in_flight: 64, ..broker.config() };
    let transport = MqttTransport::new(config).expect("it is valid");
    let service = TestService::with(repository.clone(), |service| service, Some(Box::new(transport))).await;
    let mut peer = broker.accept_session().await;
    peer.publish(1, TOPIC, line("Hut", 0)).await;
    peer.expect_ack(1).await;
    gate.close();
    let written = Arc::new(AtomicUsize::new(0));
    let flood = tokio::spawn({
        let written = written.clone();
        // 30 MB, some of which is in the connection's buffers.
        async move { peer.flood(TOPIC, &lines("Hut", 0..50), MESSAGES, &written).await }
    });
    until_waiting(gate, 64).await;
    let mut before = 0;
    let held_up = || {
        let now = written.load(Ordering::Relaxed);
        let is_held_up = now == std::mem::replace(&mut before, now);
        async move {
            time::sleep(SILENCE).await;
            (is_held_up && now > 0).then_some(now)
        }
    };
    let taken = eventually(held_up, || "the broker is not held up").await;
    assert!(taken < MESSAGES, "everything was taken from the broker");
    let latest = service.json("/measurements/latest?all=true").await;
    assert_eq!(latest["measurements"][0]["nodeId"], "Hut");
    assert_eq!(gate.waiting(), 64);
    gate.open();
    flood.await.expect("all are acknowledged");
    assert_eq!(seconds(&*repository, "Hut").await, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn large_messages_are_bounded_by_their_bytes() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let _running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    let publish = async {
        for id in 1..=40 {
            peer.publish(id, TOPIC, format!("{}{}", line("Hut", id.into()), "\n".repeat(1_000_000))).await;
        }
    };
    // 34 of these messages reach 32 MiB.
    let waiting = async {
        until_waiting(gate, 34).await;
        gate.open();
    };
    tokio::join!(publish, waiting);
    for id in 1..=40 {
        peer.expect_ack(id).await;
    }
}

#[tokio::test]
async fn the_session_outlives_a_stall_that_is_longer_than_the_keep_alive() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let config = MqttConfig { max_in_flight: 2, keep_alive_seconds: 1, ..broker.config() };
    let running = Running::start(repository.clone(), config);
    let mut peer = broker.accept_session().await;
    // The answer to this ping is queued behind messages.
    peer.read_ping().await;
    for id in 1..=30 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
    }
    peer.send(Packet::PingResp).await;
    for _ in 0..3 {
        peer.read_ping().await;
        peer.send(Packet::PingResp).await;
    }
    assert_eq!(gate.waiting(), 2);
    gate.open();
    for id in 1..=30 {
        peer.expect_ack(id).await;
    }
    assert_eq!(running.status().last_error, None);
}

/// The broker sends its queue first.
#[tokio::test]
async fn a_subscription_is_answered_behind_a_backlog_of_minutes() {
    let broker = Broker::start().await;
    let repository = gated();
    repository.hook.open();
    let running = Running::start(repository.clone(), MqttConfig { keep_alive_seconds: 600, ..broker.config() });
    let mut peer = broker.accept().await;
    peer.answer_connect(ConnectReturnCode::Success).await;
    let subscribe = peer.read_subscribe().await;
    for id in 1..=3 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
        peer.expect_ack(id).await;
        pass(Duration::from_secs(50)).await;
    }
    repository.hook.close();
    for id in 4..=300 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
    }
    until_waiting(&repository.hook, 256).await;
    pass(Duration::from_secs(70)).await;
    repository.hook.open();
    for id in 4..=300 {
        peer.expect_ack(id).await;
    }
    peer.grant(&subscribe).await;
    running.until_up().await;
    assert_eq!(running.status().last_error, None);
}
