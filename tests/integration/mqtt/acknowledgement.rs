//! Acknowledgements: which messages get one, when, and in what order.

use std::{
    future,
    sync::{Arc, Mutex, atomic::AtomicUsize},
};

use isems_core::{Collector, RedbRepository, Repository};
use isems_transport_mqtt::{MqttConfig, MqttTransport};
use rumqttc::{Packet, PubRel, Publish, QoS};

use super::{
    Running, eventually,
    gate::{Gate, gated, gated_behind},
    line, lines,
    peer::Broker,
    seconds, soon,
};

const TOPIC: &str = "/isems/Hut/csvlog";

async fn until_waiting(gate: &Gate, count: usize) {
    let waiting = || async { (gate.waiting() == count).then_some(()) };
    eventually(waiting, || format!("{} instead of {count} wait", gate.waiting())).await;
}

#[tokio::test]
async fn a_message_is_acknowledged_only_when_it_is_stored() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let _running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    peer.publish(7, TOPIC, line("Hut", 0)).await;
    until_waiting(gate, 1).await;
    peer.expect_silence().await;
    assert!(seconds(&*repository, "Hut").await.is_empty());
    gate.open();
    peer.expect_ack(7).await;
    assert_eq!(seconds(&*repository, "Hut").await, [0]);
}

#[tokio::test]
async fn a_message_that_is_done_before_an_earlier_one_waits_for_it() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let _running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    peer.publish(3, TOPIC, line("Hut", 0)).await;
    peer.publish(1, TOPIC, "").await;
    peer.publish(2, "/isems/Hut/unknown", "this is rejected without passing the gate").await;
    until_waiting(gate, 1).await;
    peer.expect_silence().await;
    gate.open();
    for id in [3, 1, 2] {
        peer.expect_ack(id).await;
    }
}

#[tokio::test]
async fn no_more_messages_are_stored_at_a_time_than_configured() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let _running = Running::start(repository.clone(), MqttConfig { max_in_flight: 4, ..broker.config() });
    let mut peer = broker.accept_session().await;
    for id in 1..=50 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
    }
    until_waiting(gate, 4).await;
    peer.expect_silence().await;
    assert_eq!(gate.waiting(), 4);
    gate.open();
    for id in 1..=50 {
        peer.expect_ack(id).await;
    }
    assert_eq!(seconds(&*repository, "Hut").await, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn many_messages_at_once_are_all_acknowledged_in_their_order() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let _running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    for id in 1..=3000 {
        peer.publish(id, TOPIC, lines("Hut", i64::from(id)..i64::from(id) + 5)).await;
    }
    for id in 1..=3000 {
        peer.expect_ack(id).await;
    }
    assert_eq!(seconds(&*repository, "Hut").await, (1..=3004).collect::<Vec<_>>());
}

/// More messages than there are packet ids, from a broker that does not wait.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_keep_up_with_messages() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository, broker.config());
    let mut peer = broker.accept_session().await;
    peer.flood(TOPIC, "", 100_000, &AtomicUsize::new(0)).await;
    assert_eq!(running.status().last_error, None);
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_not_acknowledged_and_stored_when_it_comes_again() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    gate.open();
    gate.set_broken(true);
    let running = Running::start(repository.clone(), broker.config());
    for _ in 0..2 {
        let mut peer = broker.accept_session().await;
        peer.publish(1, TOPIC, line("Hut", 0)).await;
        peer.publish(2, TOPIC, line("Hut", 1)).await;
        peer.expect_close().await;
        let status = running.until(|status| status.last_error.is_some()).await;
        assert!(status.last_error.expect("there is an error").message.contains("the disk is full"));
    }
    gate.set_broken(false);
    let mut peer = broker.accept_session().await;
    for id in 1..=2 {
        peer.publish(id, TOPIC, line("Hut", i64::from(id) - 1)).await;
        peer.expect_ack(id).await;
    }
    let status = running.status();
    assert_eq!((status.received, status.stored), (2, 2));
    assert_eq!(seconds(&*repository, "Hut").await, [0, 1]);
}

#[tokio::test]
async fn messages_in_flight_when_the_connection_is_lost_are_stored_once_and_acknowledged_on_the_next() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    for id in 1..=3 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
    }
    until_waiting(gate, 3).await;
    drop(peer);
    running.until(|status| status.sources.values().all(|source| !source.up)).await;
    assert_eq!(gate.waiting(), 3, "what is being stored is not given up");
    gate.open();
    let mut peer = broker.accept_session().await;
    peer.expect_silence().await;
    for id in 1..=3 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
        peer.expect_ack(id).await;
    }
    let status = running.status();
    assert_eq!((status.stored, status.duplicates), (3, 3));
    assert_eq!(seconds(&*repository, "Hut").await, [1, 2, 3]);
}

/// When they are sent again they are duplicates, so this is their only chance to count as new.
#[tokio::test]
async fn what_is_stored_while_the_connection_is_lost_is_counted_and_told_as_new() {
    let broker = Broker::start().await;
    let repository = gated_behind();
    let gate = &repository.hook;
    let told = Arc::new(Mutex::new(Vec::new()));
    let transport = MqttTransport::new(broker.config()).expect("it is valid");
    let observed = told.clone();
    let collector = Collector::new(repository.clone())
        .backoff(soon())
        .observe(move |new| observed.lock().expect("no observer panics").extend_from_slice(new))
        .transport(transport)
        .unwrap();
    let running = Running::run(collector);
    let mut peer = broker.accept_session().await;
    for id in 1..=3 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
    }
    until_waiting(gate, 3).await;
    assert_eq!(seconds(&*repository, "Hut").await, [1, 2, 3]);
    drop(peer);
    running.until(|status| status.sources.values().all(|source| !source.up)).await;
    gate.open();
    let mut peer = broker.accept_session().await;
    for id in 1..=3 {
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
        peer.expect_ack(id).await;
    }
    let status = running.status();
    assert_eq!((status.received, status.stored, status.duplicates), (6, 3, 3));
    assert_eq!(told.lock().expect("no observer panics").len(), 3);
}

#[tokio::test]
async fn a_redelivery_of_stored_lines_is_acknowledged_as_duplicates() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository.clone(), broker.config());
    for _ in 0..2 {
        let mut peer = broker.accept_session().await;
        peer.publish(1, TOPIC, lines("Hut", 0..5)).await;
        peer.expect_ack(1).await;
    }
    let status = running.until(|status| status.received == 10).await;
    assert_eq!((status.stored, status.duplicates), (5, 5));
}

#[tokio::test]
async fn messages_of_other_qualities_of_service_are_stored_too() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    peer.send(Packet::Publish(Publish::new(TOPIC, QoS::AtMostOnce, line("Hut", 0)))).await;
    let mut publish = Publish::new(TOPIC, QoS::ExactlyOnce, line("Hut", 1));
    publish.pkid = 9;
    peer.send(Packet::Publish(publish)).await;
    let Packet::PubRec(received) = peer.read().await else { panic!("expected PUBREC") };
    assert_eq!(received.pkid, 9);
    peer.send(Packet::PubRel(PubRel::new(9))).await;
    assert!(matches!(peer.read().await, Packet::PubComp(complete) if complete.pkid == 9));
    assert_eq!(running.status().stored, 2);
    assert_eq!(seconds(&*repository, "Hut").await, [0, 1]);
}

#[tokio::test]
async fn being_stopped_leaves_nothing_behind() {
    let broker = Broker::start().await;
    let repository = gated();
    let gate = &repository.hook;
    let transport = MqttTransport::new(broker.config()).expect("it is valid");
    let collector = Collector::new(repository.clone()).transport(transport).unwrap();
    let task = tokio::spawn(collector.run(future::pending()));
    let mut peer = broker.accept_session().await;
    peer.publish(1, TOPIC, line("Hut", 0)).await;
    until_waiting(gate, 1).await;
    task.abort();
    until_waiting(gate, 0).await;
    peer.expect_close().await;
    gate.open();
    assert!(repository.nodes().await.expect("it can be read").is_empty());
}
