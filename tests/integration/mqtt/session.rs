//! Sessions: who connects, what it subscribes to, and what happens when that fails.

use std::{sync::Arc, time::Duration};

use isems_core::{RedbRepository, TransportState, TransportStatus};
use isems_transport_mqtt::MqttConfig;
use rumqttc::{ConnectReturnCode, Login, Packet, QoS, SubAck, Subscribe, SubscribeReasonCode, UnsubAck};
use tokio::net::TcpListener;

use super::{Running, line, peer::Broker, seconds};

fn memory() -> Arc<RedbRepository> {
    Arc::new(RedbRepository::in_memory().expect("memory"))
}

fn filters(subscribe: &Subscribe) -> Vec<&str> {
    assert!(subscribe.filters.iter().all(|filter| filter.qos == QoS::AtLeastOnce));
    subscribe.filters.iter().map(|filter| filter.path.as_str()).collect()
}

#[tokio::test]
async fn the_session_is_persistent_and_its_client_id_survives_reconnects_and_restarts() {
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("isems.redb");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let repository = Arc::new(RedbRepository::open(&path).expect("it opens"));
        let running = Running::start(repository.clone(), broker.config());
        for _ in 0..2 {
            let mut peer = broker.accept().await;
            assert!(!peer.connect.clean_session);
            assert_eq!(peer.connect.login, None);
            assert_eq!(peer.connect.last_will, None);
            assert_eq!(peer.connect.keep_alive, 30);
            ids.push(peer.connect.client_id.clone());
            assert_eq!(filters(&peer.let_in().await), MqttConfig::default().topics);
            running.until_up().await;
        }
        running.stop().await;
    }
    assert!(ids[0].starts_with("isems-") && ids[0].len() <= 23, "{}", ids[0]);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn two_collectors_have_two_client_ids() {
    let broker = Broker::start().await;
    let _first = Running::start(memory(), broker.config());
    let first = broker.accept().await;
    let _second = Running::start(memory(), broker.config());
    let second = broker.accept().await;
    assert_ne!(first.connect.client_id, second.connect.client_id);
}

#[tokio::test]
async fn the_configuration_is_used() {
    let broker = Broker::start().await;
    let config = MqttConfig {
        broker: format!("mqtt://collec%40tor:p%3aw%25@{}", broker.address()).parse().expect("a broker"),
        client_id: Some("my collector".into()),
        topics: vec!["isems/+/csvlog".into(), "#".into()],
        keep_alive_seconds: 7,
        ..MqttConfig::default()
    };
    let _running = Running::start(memory(), config);
    let mut peer = broker.accept().await;
    assert_eq!(peer.connect.client_id, "my collector");
    assert_eq!(peer.connect.login, Some(Login::new("collec@tor", "p:w%")));
    assert_eq!(peer.connect.keep_alive, 7);
    assert_eq!(filters(&peer.let_in().await), ["isems/+/csvlog", "#"]);
}

#[tokio::test]
async fn filters_that_left_the_settings_are_unsubscribed_until_the_broker_confirms_it() {
    let broker = Broker::start().await;
    let repository = memory();
    let config = |topics: &[&str]| MqttConfig {
        topics: topics.iter().map(|topic| (*topic).into()).collect(),
        ..broker.config()
    };
    let running = Running::start(repository.clone(), config(&["isems/+/csvlog", "old/#", "older/#"]));
    let mut peer = broker.accept().await;
    peer.let_in().await;
    // Stores are in order, so the filters are stored once this message is.
    peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
    peer.expect_ack(1).await;
    running.stop().await;

    // The first time, the connection is lost before the broker has answered.
    let now = config(&["isems/+/csvlog", "new/#"]);
    for confirms in [false, true] {
        let running = Running::start(repository.clone(), now.clone());
        let mut peer = broker.accept().await;
        assert_eq!(filters(&peer.let_in().await), now.topics);
        let Packet::Unsubscribe(unsubscribe) = peer.read().await else { panic!("expected UNSUBSCRIBE") };
        assert_eq!(unsubscribe.topics, ["old/#", "older/#"]);
        if confirms {
            peer.send(Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid))).await;
            peer.publish(1, "/isems/Hut/csvlog", line("Hut", 1)).await;
            peer.expect_ack(1).await;
        }
        running.stop().await;
    }

    let running = Running::start(repository, now);
    let mut peer = broker.accept().await;
    peer.let_in().await;
    running.until_up().await;
    peer.expect_silence().await;
}

#[tokio::test]
async fn many_long_topic_filters_are_subscribed_to() {
    let broker = Broker::start().await;
    let topics: Vec<String> = (0..200).map(|number| format!("{}/{number}/csvlog", "x".repeat(500))).collect();
    let _running = Running::start(memory(), MqttConfig { topics: topics.clone(), ..broker.config() });
    assert_eq!(filters(&broker.accept().await.let_in().await), topics);
}

#[tokio::test]
async fn refused_credentials_are_reported_and_tried_again() {
    let broker = Broker::start().await;
    let address = broker.address();
    let config =
        MqttConfig { broker: format!("mqtt://u:s3cret@{address}").parse().expect("a broker"), ..broker.config() };
    let running = Running::start(memory(), config);
    for _ in 0..2 {
        let mut peer = broker.accept().await;
        peer.answer_connect(ConnectReturnCode::BadUserNamePassword).await;
        peer.expect_close().await;
        let status = running.until(|status| status.state == TransportState::Waiting).await;
        let source = &status.sources[&format!("mqtt://{address}")];
        assert!(!source.up);
        let error = source.error.as_deref().expect("there is an error");
        assert!(error.contains("refuses the user or password"), "{error}");
        let message = status.last_error.as_ref().expect("there is an error").message.as_str();
        assert_eq!(message, format!("mqtt://{address}: {error}"), "the transport fails in the words of the source");
        assert!(!format!("{status:?}").contains("s3cret"));
    }
    let mut peer = broker.accept_session().await;
    running.until_up().await;
    peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
    peer.expect_ack(1).await;
}

#[tokio::test]
async fn a_refused_topic_filter_is_named() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), broker.config());
    let mut peer = broker.accept().await;
    peer.answer_connect(ConnectReturnCode::Success).await;
    let subscribe = peer.read_subscribe().await;
    let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
    let codes = vec![granted, SubscribeReasonCode::Failure, granted];
    peer.send(Packet::SubAck(SubAck::new(subscribe.pkid, codes))).await;
    peer.expect_close().await;
    let status = running.until(|status| status.last_error.is_some()).await;
    let message = status.last_error.expect("there is an error").message;
    assert!(message.contains(r#""/isems/+/data.json""#), "{message}");
    assert!(status.sources.values().all(|source| !source.up));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_subscription_is_an_error() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), broker.config());
    let mut peer = broker.accept().await;
    peer.answer_connect(ConnectReturnCode::Success).await;
    let subscribe = peer.read_subscribe().await;
    peer.send(Packet::SubAck(SubAck::new(subscribe.pkid, vec![SubscribeReasonCode::Failure]))).await;
    peer.expect_close().await;
    running.until(|status| status.last_error.is_some()).await;
}

#[tokio::test]
async fn a_lost_connection_is_reported_and_made_again() {
    let broker = Broker::start().await;
    let repository = memory();
    let running = Running::start(repository.clone(), broker.config());
    let mut peer = broker.accept_session().await;
    running.until_up().await;
    peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
    peer.expect_ack(1).await;
    drop(peer);
    let status = running.until(|status| status.sources.values().any(|source| !source.up)).await;
    assert!(status.last_error.expect("there is an error").message.contains("closed the connection"));
    let mut peer = broker.accept_session().await;
    running.until_up().await;
    peer.publish(1, "/isems/Hut/csvlog", line("Hut", 1)).await;
    peer.expect_ack(1).await;
    assert_eq!(seconds(&*repository, "Hut").await, [0, 1]);
}

#[tokio::test]
async fn a_broker_that_restarts_at_its_port_is_found_again() {
    let broker = Broker::start().await;
    let address = broker.address();
    let running = Running::start(memory(), broker.config());
    let peer = broker.accept_session().await;
    running.until_up().await;
    drop((peer, broker));
    let refused = |message: &str| message.contains("connection refused: no broker listens there");
    running.until(|status| status.last_error.as_ref().is_some_and(|error| refused(&error.message))).await;
    let broker = Broker::at(address).await;
    let _peer = broker.accept_session().await;
    running.until_up().await;
}

#[tokio::test]
async fn a_broker_that_does_not_answer_pings_is_given_up() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), MqttConfig { keep_alive_seconds: 1, ..broker.config() });
    let _deaf = broker.accept_session().await;
    running.until_up().await;
    running.until(|status| status.sources.values().any(|source| !source.up)).await;
    let mut peer = broker.accept_session().await;
    running.until_up().await;
    // Pings over this connection are answered while it is read.
    peer.expect_silence().await;
}

#[tokio::test]
async fn an_unknown_host_is_called_so() {
    // No host name can be that long, so no name server is asked.
    let host = "x".repeat(64);
    let broker = format!("mqtt://{host}").parse().expect("a broker");
    let running = Running::start(memory(), MqttConfig { broker, ..MqttConfig::default() });
    let status = running.until(|status| status.last_error.is_some()).await;
    let message = status.last_error.expect("there is an error").message;
    assert!(message.starts_with(&format!("mqtt://{host}:1883: unknown host")), "{message}");
}

#[tokio::test]
async fn something_else_at_the_port_is_an_error() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), broker.config());
    let mut peer = broker.accept().await;
    let answer = format!("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{}", "<p>".repeat(100));
    peer.send_in_vain(answer.as_bytes()).await;
    let status = running.until(|status| status.last_error.is_some()).await;
    let message = status.last_error.expect("there is an error").message;
    assert!(message.contains("no MQTT broker"), "{message}");
}

#[tokio::test]
async fn a_broker_is_reached_by_ipv6() {
    // Not every machine has IPv6.
    let Ok(free) = TcpListener::bind("[::1]:0").await else { return };
    let address = free.local_addr().expect("it listens");
    drop(free);
    let broker = Broker::at(address).await;
    let running = Running::start(memory(), broker.config());
    let _peer = broker.accept_session().await;
    running.until_up().await;
}

#[tokio::test]
async fn stopping_closes_the_connection() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), broker.config());
    let mut peer = broker.accept_session().await;
    running.until_up().await;
    running.stop().await;
    peer.expect_close().await;
}

#[tokio::test]
async fn a_failing_start_waits_between_attempts() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), broker.config());
    let started = tokio::time::Instant::now();
    for _ in 0..10 {
        drop(broker.accept().await);
    }
    // At least three quarters of 20, 40, 80, 160 and five times 200 ms: the shortest waits of the back-off.
    assert!(started.elapsed() > Duration::from_millis(900));
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_delivers_nothing_is_up_with_a_note_until_something_comes() {
    let broker = Broker::start().await;
    let running = Running::start(memory(), MqttConfig { quiet_after_seconds: 1, ..broker.config() });
    let mut peer = broker.accept().await;
    peer.let_in().await;
    let note = |status: &TransportStatus| status.sources.values().next().and_then(|source| source.note.clone());
    let status = running.until(|status| note(status).is_some()).await;
    let text = note(&status).expect("what was waited for");
    assert!(text.starts_with("subscribed ") && text.contains("nothing received yet: check topic filters"), "{text}");
    assert!(status.sources.values().all(|source| source.up && source.error.is_none()));
    peer.publish(1, "/isems/Hut/csvlog", line("Hut", 0)).await;
    running.until(|status| status.sources.values().all(|source| source.last_received_at.is_some())).await;
}
