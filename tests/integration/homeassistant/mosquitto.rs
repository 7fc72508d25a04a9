//! The bridge with a real Mosquitto. These tests need the package mosquitto.

use isems_homeassistant::{HomeAssistantConfig, Language, topics::object_id};
use serde_json::json;

use super::{
    AVAILABILITY, Bridge, at,
    listener::{Listener, Messages, json},
    memory,
};
use crate::{
    insight::{START, Watched, arrived},
    programs::{Mosquitto, Publisher, Server},
};

fn config(node: &str) -> String {
    topic("homeassistant/device/isems-collector", node, "config")
}

fn state(node: &str) -> String {
    topic("isems/collector", node, "state")
}

fn availability(node: &str) -> String {
    topic("isems/collector", node, "availability")
}

fn topic(prefix: &str, node: &str, end: &str) -> String {
    format!("{prefix}/{}/{end}", object_id(&node.parse().expect("a node id")))
}

fn has(messages: &Messages, topic: &str) -> bool {
    messages.get(topic).is_some_and(|heard| !heard.payload.is_empty())
}

fn count(messages: &Messages, topic: &str) -> usize {
    messages.get(topic).map_or(0, |heard| heard.count)
}

async fn watched(nodes: &[&str]) -> Watched {
    let watched = Watched::start(memory(), 8192).await;
    watched.store(nodes.iter().map(|node| arrived(node, START, START)).collect()).await;
    watched.refresh_at(START).await;
    watched
}

/// Deletes a node. Something else must happen for it to be noticed at once.
async fn delete(watched: &Watched, node: &str) {
    let deleted = watched.watcher.repository().delete(&node.parse().expect("a node id"), 0, i64::MAX).await;
    assert!(deleted.expect("it can be deleted") > 0);
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn devices_are_kept_for_who_comes_later_whatever_they_are_called() {
    let broker = Mosquitto::start("");
    let nodes = ["Hut", "Küche/1", "Küche_1", "a+b#", "a b", "/", "$SYS"];
    let watched = watched(&nodes).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    let mut early = Listener::start(broker.port()).await;
    early.until_payload(AVAILABILITY, "online").await;

    let mut late = Listener::start(broker.port()).await;
    let messages = late.until(|messages| messages.len() == 3 * (nodes.len() + 1)).await;
    assert!(messages.values().all(|heard| heard.is_retained && !heard.payload.is_empty()), "{messages:#?}");
    for node in nodes {
        let config = json(&messages, &config(node));
        assert_eq!(config["device"]["name"], node);
        assert_eq!(config["device"]["via_device"], "isems-collector_collector");
        assert_eq!(config["state_topic"], state(node));
        assert_eq!(config["availability"], json!([{ "topic": AVAILABILITY }, { "topic": availability(node) }]));
        let state = json(&messages, &state(node));
        assert_eq!((&state["connectivity"], &state["last_seen"]), (&json!("ON"), &json!("2018-06-26T08:00:00Z")));
        assert_eq!(messages[&availability(node)].payload, "online");
    }
    let collector = json(&messages, "isems/collector/collector/state");
    assert_eq!((&collector["active"], &collector["silent"]), (&json!(nodes.len()), &json!(0)));
    bridge.stop().await;
    early.until_payload(AVAILABILITY, "offline").await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_silent_node_is_unavailable_until_it_comes_back() {
    let broker = Mosquitto::start("");
    let watched = watched(&["Hut", "Barn"]).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    let mut listener = Listener::start(broker.port()).await;
    listener.until_payload(&availability("Hut"), "online").await;
    let later = START + 3600;
    watched.store(vec![arrived("Barn", later, later)]).await;
    watched.refresh_at(later).await;
    listener.until_payload(&availability("Hut"), "offline").await;
    let messages = listener.until(|messages| json(messages, &state("Hut"))["connectivity"] == "OFF").await;
    assert_eq!(messages[&availability("Barn")].payload, "online");
    watched.store(vec![arrived("Hut", later, later)]).await;
    listener.until_payload(&availability("Hut"), "online").await;
    listener.until(|messages| json(messages, &state("Hut"))["connectivity"] == "ON").await;
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_deleted_node_is_removed() {
    let broker = Mosquitto::start("");
    let watched = watched(&["Hut", "Barn"]).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    let mut listener = Listener::start(broker.port()).await;
    listener.until_payload(AVAILABILITY, "online").await;
    delete(&watched, "Hut").await;
    watched.store(vec![arrived("Barn", START + 60, START + 60)]).await;
    for topic in [config("Hut"), state("Hut"), availability("Hut")] {
        listener.until_payload(&topic, "").await;
    }
    watched.store(vec![arrived("Hut", START + 60, START + 60)]).await;
    listener.until(|messages| has(messages, &config("Hut")) && has(messages, &state("Hut"))).await;
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_node_that_was_deleted_meanwhile_is_removed_and_others_devices_stay() {
    let broker = Mosquitto::start("");
    let watched = watched(&["Hut", "Barn"]).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    let mut listener = Listener::start(broker.port()).await;
    listener.until_payload(AVAILABILITY, "online").await;
    let name = "roof".into();
    let another = HomeAssistantConfig { name, broker: Some(at(broker.port())), ..HomeAssistantConfig::default() };
    let another = Bridge::with(watched.watcher.clone(), &another);
    let of_another = config("Hut").replace("isems-collector", "isems-roof");
    listener.until(|messages| has(messages, &of_another)).await;
    let foreign = "homeassistant/device/lamp/config";
    let mut publisher = Publisher::connect(broker.port());
    publisher.publish_retained(foreign, "{}").await;
    publisher.finish().await;
    another.stop().await;
    bridge.stop().await;

    delete(&watched, "Hut").await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    for topic in [config("Hut"), state("Hut"), availability("Hut")] {
        listener.until_payload(&topic, "").await;
    }
    let messages = listener.until_payload(AVAILABILITY, "online").await;
    assert!(has(&messages, &config("Barn")) && has(&messages, foreign) && has(&messages, &of_another), "{messages:#?}");
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_home_assistant_that_starts_is_told_everything_again() {
    let broker = Mosquitto::start("");
    let watched = watched(&["Hut"]).await;
    let prefix = "ha/discovery";
    let settings = HomeAssistantConfig {
        broker: Some(at(broker.port())),
        discovery_prefix: prefix.into(),
        language: Language::German,
        ..HomeAssistantConfig::default()
    };
    let bridge = Bridge::with(watched.watcher.clone(), &settings);
    let mut listener = Listener::start(broker.port()).await;
    let config = config("Hut").replacen("homeassistant", prefix, 1);
    let messages = listener.until_payload(AVAILABILITY, "online").await;
    assert_eq!(json(&messages, &config)["components"]["voltage"]["name"], "Akkuspannung");
    for birth in ["homeassistant/status".into(), format!("{prefix}/status")] {
        let before = listener.so_far();
        let mut publisher = Publisher::connect(broker.port());
        publisher.publish(&birth, "online").await;
        publisher.finish().await;
        let all = [config.clone(), state("Hut"), availability("Hut"), AVAILABILITY.into()];
        listener.until(|now| all.iter().all(|topic| count(now, topic) > count(&before, topic))).await;
    }
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn new_firmware_is_a_new_description_and_new_values_are_not() {
    let broker = Mosquitto::start("");
    let watched = watched(&["Hut"]).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    let mut listener = Listener::start(broker.port()).await;
    let before = listener.until_payload(AVAILABILITY, "online").await;
    watched.store(vec![arrived("Hut", START + 60, START + 60)]).await;
    let seen = "2018-06-26T08:01:00Z";
    let messages = listener.until(|now| json(now, &state("Hut"))["last_seen"] == seen).await;
    assert_eq!(count(&messages, &config("Hut")), count(&before, &config("Hut")));
    let mut updated = arrived("Hut", START + 120, START + 120);
    updated.firmware_version = Some("ESP_3.0".into());
    watched.store(vec![updated]).await;
    listener.until(|now| json(now, &config("Hut"))["device"]["sw_version"] == "ESP_3.0").await;
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_broker_that_has_forgotten_everything_is_told_again() {
    let mut broker = Mosquitto::start("autosave_interval 0");
    let watched = watched(&["Hut"]).await;
    let bridge = Bridge::start(watched.watcher.clone(), broker.port());
    let mut listener = Listener::start(broker.port()).await;
    listener.until_payload(AVAILABILITY, "online").await;
    broker.kill();
    bridge.until(false).await;
    let error = bridge.connection.status().error.expect("it says why");
    assert!(!error.is_empty());
    broker.start_again();
    let mut listener = Listener::start(broker.port()).await;
    let messages = listener.until_payload(AVAILABILITY, "online").await;
    assert!(has(&messages, &config("Hut")) && has(&messages, &state("Hut")), "{messages:#?}");
    assert!(bridge.connection.status().up);
    bridge.stop().await;
}

/// The same with the program, through the broker that it collects from, whose measurements and states do not mix.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_collector_that_is_killed_is_unavailable_until_it_is_back() {
    let broker = Mosquitto::start("");
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("mqtt://isems:hunter2@127.0.0.1:{}", broker.port());
    let settings = [("MQTT_SERVER", &*address), ("ISEMS_HOMEASSISTANT", "true#language=de")];
    let mut server = Server::start(folder.path(), &settings);
    server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;
    let mut listener = Listener::start(broker.port()).await;
    let mut publisher = Publisher::connect(broker.port());
    let line = "Hut;1;1530364575;v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300";
    publisher.publish("/isems/Hut/csvlog", line).await;
    publisher.finish().await;
    let messages = listener.until(|messages| has(messages, &availability("Hut"))).await;
    assert_eq!(json(&messages, &config("Hut"))["components"]["charge"]["name"], "Ladung");
    listener.until_payload(AVAILABILITY, "online").await;
    let ready = server.until("/readyz", |ready| ready["homeAssistant"]["up"] == true).await;
    assert_eq!(ready["homeAssistant"]["name"], format!("mqtt://127.0.0.1:{}", broker.port()));
    let transport = server.until_transport("mqtt", |status| status["stored"] == 1).await;
    assert_eq!(transport["received"], 1, "what is published to Home Assistant does not come back: {transport}");
    assert!(!format!("{ready}{}", server.log()).contains("hunter2"));
    server.kill();
    listener.until_payload(AVAILABILITY, "offline").await;

    let _server = Server::start(folder.path(), &settings);
    listener.until_payload(AVAILABILITY, "online").await;
}
