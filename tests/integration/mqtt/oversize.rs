//! Messages that are too large to be read: their session is discarded.

use std::sync::Arc;

use isems_core::{RedbRepository, RejectReason};
use rumqttc::{Packet, PubRel};

use super::{Running, line, peer::Broker};

const TOPIC: &str = "/isems/Hut/csvlog";

/// The next connection discards the session, and the one after it is an ordinary one.
async fn expect_new_session(broker: &Broker) {
    let mut peer = broker.accept().await;
    assert!(peer.connect.clean_session);
    peer.answer_connect(rumqttc::ConnectReturnCode::Success).await;
    assert_eq!(peer.read().await, Packet::Disconnect);
    peer.expect_close().await;
    for id in 1..=2 {
        let mut peer = broker.accept().await;
        assert!(!peer.connect.clean_session);
        peer.let_in().await;
        peer.publish(id, TOPIC, line("Hut", id.into())).await;
        peer.expect_ack(id).await;
    }
}

#[tokio::test]
async fn a_message_of_sixteen_mebibytes_is_rejected_and_acknowledged() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository, broker.config());
    let mut peer = broker.accept_session().await;
    peer.publish(1, TOPIC, vec![b'x'; 16 << 20]).await;
    peer.expect_ack(1).await;
    assert_eq!(running.status().rejected.of(RejectReason::TooLarge), 1);
    peer.publish(2, TOPIC, line("Hut", 0)).await;
    peer.expect_ack(2).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_to_be_read_ends_the_session() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let running = Running::start(repository, broker.config());
    let mut peer = broker.accept_session().await;
    // The head of a PUBLISH at QoS 1 that announces 20 MiB.
    peer.send_in_vain(&[0x32, 0x80, 0x80, 0x80, 0x0a, 0, 1]).await;
    peer.expect_close().await;
    let status = running.until(|status| status.last_error.is_some()).await;
    let message = status.last_error.expect("there is an error").message;
    assert!(message.contains("a message of 20971520 bytes"), "{message}");
    expect_new_session(&broker).await;
    assert_eq!(running.status().stored, 2);
}

#[tokio::test]
async fn a_handshake_left_over_from_another_program_ends_the_session() {
    let broker = Broker::start().await;
    let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
    let _running = Running::start(repository, broker.config());
    let mut peer = broker.accept_session().await;
    peer.send(Packet::PubRel(PubRel::new(5))).await;
    peer.expect_close().await;
    expect_new_session(&broker).await;
}
