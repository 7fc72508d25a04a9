//! Retained messages at a real Mosquitto. These tests need the package mosquitto.

use std::{collections::BTreeMap, fs, process::Command, time::Duration};

use isems_alerts::{Change, Message, MessageKind, Trouble};
use isems_insight::FindingCode;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use serde_json::Value;

use super::{item, message, notify, trouble};
use crate::{mqtt::certificates::Certificates, programs::Mosquitto};

/// Subscribes to everything, and returns once that is so.
async fn subscribe(port: u16) -> EventLoop {
    let mut options = MqttOptions::new("reader", "127.0.0.1", port);
    options.set_max_packet_size(1 << 24, 1 << 24).set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 1);
    client.try_subscribe("#", QoS::AtLeastOnce).expect("there is room");
    while !matches!(events.poll().await.expect("the broker is there"), Event::Incoming(Packet::SubAck(_))) {}
    events
}

/// Reads messages up to one of a topic, and returns them by topic, with whether they were retained.
async fn read(events: &mut EventLoop, last: &str) -> BTreeMap<String, (Value, bool)> {
    let mut messages = BTreeMap::new();
    while !messages.contains_key(last) {
        if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.expect("the broker is there") {
            let payload = serde_json::from_slice(&publish.payload).expect("JSON");
            messages.insert(publish.topic, (payload, publish.retain));
        }
    }
    messages
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn each_item_is_retained_and_the_message_is_not() {
    let broker = Mosquitto::start("");
    let address = format!("mqtt://127.0.0.1:{}/isems/alerts/", broker.port());
    let code = FindingCode::ALL[0];
    let items = vec![
        item("Dorf/Kirche +1 #2 100% ä", code, Change::Raised),
        item("Hut", code, Change::Cleared),
        trouble("", Trouble::DatabaseFull),
        trouble("mqtt", Trouble::SourcesAway),
    ];
    let mut watcher = subscribe(broker.port()).await;
    let message = Message { items, ..message() };
    let answer = notify(&address, &message).await.expect("accepted");
    assert_eq!(answer, format!("127.0.0.1:{} accepted 5 messages", broker.port()));
    let live = read(&mut watcher, "isems/alerts/alert").await;
    assert_eq!(live["isems/alerts/alert"].0, serde_json::to_value(&message).expect("JSON"));
    let name = code.name();
    let topics = [
        format!("isems/alerts/Dorf%2FKirche %2B1 %232 100%25 ä/{name}"),
        format!("isems/alerts/Hut/{name}"),
        "isems/alerts/collector/databaseFull".into(),
        "isems/alerts/collector-mqtt/sourcesAway".into(),
    ];
    // Whoever comes later gets the items alone.
    let test = Message { kind: MessageKind::Test, items: Vec::new(), ..message };
    let mut late = subscribe(broker.port()).await;
    notify(&address, &test).await.expect("accepted");
    let late = read(&mut late, "isems/alerts/test").await;
    assert_eq!(late.len(), topics.len() + 1, "{late:?}");
    for (topic, item) in topics.iter().zip(&message.items) {
        assert_eq!(late[topic], (serde_json::to_value(item).expect("JSON"), true), "{topic}");
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_thousand_items_are_accepted_before_it_is_done() {
    let broker = Mosquitto::start("");
    let items = (0..1000).map(|number| item(&format!("Node-{number}"), FindingCode::ALL[0], Change::Raised)).collect();
    let address = format!("mqtt://127.0.0.1:{}/alerts", broker.port());
    let answer = notify(&address, &Message { items, ..message() }).await.expect("accepted");
    assert!(answer.ends_with("accepted 1001 messages"), "{answer}");
    let mut reader = subscribe(broker.port()).await;
    notify(&address, &Message { kind: MessageKind::Test, items: Vec::new(), ..message() }).await.expect("accepted");
    assert_eq!(read(&mut reader, "alerts/test").await.len(), 1001);
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn logins_and_certificates_are_checked_on_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trusted, other) = (Certificates::new(), Certificates::new());
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("it can be written");
        file.display().to_string()
    };
    let passwords = folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["isems", "s3cret/"]).status();
    assert!(made.expect("mosquitto_passwd can be run").success());
    let broker = Mosquitto::start(&format!(
        "allow_anonymous false\npassword_file {}\ncertfile {}\nkeyfile {}",
        passwords.display(),
        write("server.pem", &trusted.server),
        write("server.key", &trusted.key)
    ));
    let address = |login: &str, authority: &str| {
        format!("mqtts://{login}@127.0.0.1:{}/alerts#ca_file={authority}", broker.port())
    };
    let authority = write("ca.pem", &trusted.authority);
    notify(&address("isems:s3cret%2F", &authority), &message()).await.expect("accepted");
    let error = notify(&address("isems:wrong-one", &authority), &message()).await.expect_err("refused");
    assert!(error.problem.contains("check user and password") && !error.problem.contains("wrong-one"), "{error}");
    let error = notify(&address("isems:s3cret%2F", &write("other.pem", &other.authority)), &message()).await;
    assert!(error.as_ref().is_err_and(|error| error.problem.contains("set ca_file")), "{error:?}");
    let error = notify(&format!("mqtt://127.0.0.1:{}/alerts", broker.port()), &message()).await;
    assert!(error.as_ref().is_err_and(|error| error.problem.contains("takes no messages")), "{error:?}");
}
