//! Messages by their topics and payloads.

use std::sync::{Arc, atomic::AtomicUsize};

use isems_core::{MeasurementQuery, RedbRepository, RejectQuery, RejectReason, Repository, TimeSource};
use isems_transport_mqtt::MqttConfig;
use rumqttc::{Packet, Publish, QoS};

use super::{
    Running, line, lines,
    peer::{Broker, Peer},
    seconds,
};

const TOPIC: &str = "/isems/Hut/csvlog";

const OBJECT: &str = r#"{"timeToShutdown":3592,"isPowerSaveMode":0,"batteryVoltage":12.999,"status":"100"}"#;

struct Setup {
    repository: Arc<RedbRepository>,
    running: Running,
    peer: Peer,
}

impl Setup {
    async fn new(change: impl FnOnce(&mut MqttConfig)) -> Self {
        let broker = Broker::start().await;
        let repository = Arc::new(RedbRepository::in_memory().expect("memory"));
        let mut config = broker.config();
        change(&mut config);
        let running = Running::start(repository.clone(), config);
        let peer = broker.accept_session().await;
        Self { repository, running, peer }
    }

    /// Publishes and waits for the acknowledgement.
    async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.peer.publish(1, topic, payload).await;
        self.peer.expect_ack(1).await;
    }

    async fn publish_retained(&mut self, topic: &str, payload: &str) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = 1;
        publish.retain = true;
        self.peer.send(Packet::Publish(publish)).await;
        self.peer.expect_ack(1).await;
    }

    async fn expect_reject(&self, reason: RejectReason, source: &str) {
        let status = self.running.status();
        assert_eq!((status.received, status.rejected.of(reason)), (1, 1), "{status:?}");
        let rejects = self.repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
        assert_eq!(rejects.len(), 1);
        assert_eq!((rejects[0].reason, rejects[0].source.as_str()), (reason, source));
        assert_eq!(rejects[0].transport, "mqtt");
    }
}

#[tokio::test]
async fn overlapping_messages_of_five_lines_are_stored_once() {
    let mut setup = Setup::new(|_| {}).await;
    for second in 0..20 {
        setup.publish(TOPIC, lines("Hut", second..second + 5)).await;
    }
    assert_eq!(seconds(&*setup.repository, "Hut").await, (0..24).collect::<Vec<_>>());
    let status = setup.running.status();
    assert_eq!((status.received, status.stored, status.duplicates), (100, 24, 76));
    assert_eq!(status.rejected.total(), 0);
}

#[tokio::test]
async fn topics_need_no_leading_slash() {
    let mut setup = Setup::new(|config| config.topics = vec!["isems/+/csvlog".into()]).await;
    setup.publish("isems/Hut/csvlog", line("Hut", 0)).await;
    assert_eq!(seconds(&*setup.repository, "Hut").await, [0]);
}

#[tokio::test]
async fn json_objects_are_of_the_node_of_their_topic() {
    let mut setup = Setup::new(|_| {}).await;
    for topic in ["/isems/Hut/data.json", "isems/testdrive/foobar/Barn/data.json"] {
        setup.publish(topic, OBJECT).await;
    }
    for node in ["Hut", "Barn"] {
        let query = MeasurementQuery::oldest_first(node.parse().expect("a node id"));
        let measurements = setup.repository.measurements(&query).await.expect("it can be read");
        assert_eq!(measurements.len(), 1, "{node}");
        assert_eq!(measurements[0].battery_voltage, Some(12.999));
        assert_eq!(measurements[0].time_source, TimeSource::Arrival);
    }
}

#[tokio::test]
async fn empty_messages_are_not_counted() {
    let mut setup = Setup::new(|_| {}).await;
    for topic in [TOPIC, "/isems/Hut/data.json", "/isems/Hut/unknown"] {
        setup.publish(topic, "").await;
    }
    assert_eq!(setup.running.status().received, 0);
}

#[tokio::test]
async fn a_line_of_another_node_is_rejected() {
    let mut setup = Setup::new(|_| {}).await;
    setup.publish(TOPIC, line("Barn", 0)).await;
    setup.expect_reject(RejectReason::NodeMismatch, TOPIC).await;
    assert!(setup.repository.nodes().await.expect("it can be read").is_empty());
}

#[tokio::test]
async fn garbage_is_rejected() {
    let mut setup = Setup::new(|_| {}).await;
    setup.publish(TOPIC, b"\x00\xff\xfe garbage").await;
    assert_eq!(setup.running.status().rejected.total(), 1);
    setup.publish("/isems/Hut/data.json", "{").await;
    assert_eq!(setup.running.status().rejected.of(RejectReason::JsonInvalid), 1);
    setup.publish(TOPIC, line("Hut", 0)).await;
    assert_eq!(setup.running.status().stored, 1);
}

/// Payloads that people publish beside their measurements.
#[tokio::test]
async fn messages_that_hold_no_measurement_are_rejected_with_the_reason() {
    let mut setup = Setup::new(|_| {}).await;
    let payloads = [
        (r#"{"message":"Alive"}"#, RejectReason::Empty),
        (r#"{"wlan":{"rssi":-63}}"#, RejectReason::Empty),
        ("online", RejectReason::JsonInvalid),
        ("-63", RejectReason::JsonInvalid),
        ("{'batteryVoltage': 12.9}", RejectReason::JsonInvalid),
    ];
    for (payload, _) in payloads {
        setup.publish("/isems/Hut/data.json", payload).await;
    }
    let rejects = setup.repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    let told = rejects.iter().rev().map(|reject| (reject.text.as_str(), reject.reason));
    assert_eq!(told.collect::<Vec<_>>(), payloads);
    assert!(setup.repository.nodes().await.expect("it can be read").is_empty());
}

#[tokio::test]
async fn a_good_message_behind_thousands_of_bad_ones_is_stored() {
    const BAD: usize = 5000;
    let mut setup = Setup::new(|_| {}).await;
    setup.peer.flood("/isems/Bad/csvlog", "online", BAD, &AtomicUsize::new(0)).await;
    setup.publish(TOPIC, line("Hut", 0)).await;
    assert_eq!(seconds(&*setup.repository, "Hut").await, [0]);
    let status = setup.running.status();
    assert_eq!((status.rejected.of(RejectReason::FieldCount), status.stored), (BAD as u64, 1));
    assert!(status.sources.values().all(|source| source.up));
}

#[tokio::test]
async fn a_topic_without_a_format_is_rejected() {
    let mut setup = Setup::new(|config| config.topics = vec!["#".into()]).await;
    setup.publish("/isems/Hut/state", line("Hut", 0)).await;
    setup.expect_reject(RejectReason::TopicUnknown, "/isems/Hut/state").await;
}

#[tokio::test]
async fn a_topic_without_a_node_is_rejected() {
    let mut setup = Setup::new(|config| config.topics = vec!["#".into()]).await;
    setup.publish("/isems//csvlog", line("Hut", 0)).await;
    setup.expect_reject(RejectReason::NodeIdInvalid, "/isems//csvlog").await;
}

#[tokio::test]
async fn a_message_up_to_the_largest_size_is_stored_and_one_above_is_rejected() {
    let text = lines("Hut", 0..10);
    let mut setup = Setup::new(|config| config.max_packet_bytes = text.len()).await;
    setup.publish(TOPIC, format!("{text}\n")).await;
    setup.expect_reject(RejectReason::TooLarge, TOPIC).await;
    setup.publish(TOPIC, text).await;
    assert_eq!(setup.running.status().stored, 10);
}

#[tokio::test]
async fn retained_lines_are_stored_and_retained_objects_are_not() {
    let mut setup = Setup::new(|_| {}).await;
    setup.publish_retained("/isems/Hut/data.json", OBJECT).await;
    setup.expect_reject(RejectReason::TimestampInvalid, "/isems/Hut/data.json").await;
    setup.publish_retained(TOPIC, &line("Hut", 0)).await;
    assert_eq!(seconds(&*setup.repository, "Hut").await, [0]);
}
