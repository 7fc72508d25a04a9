//! Configurations that make a transport, and those that do not.

use isems_core::Transport;
use isems_transport_mqtt::{MqttConfig, MqttTransport};

fn error(config: MqttConfig) -> String {
    MqttTransport::new(config).expect_err("it is refused").to_string()
}

fn with_topic(filter: &str) -> MqttConfig {
    MqttConfig { topics: vec![filter.into()], ..MqttConfig::default() }
}

#[test]
fn everything_has_a_default() {
    let config: MqttConfig = serde_json::from_str("{}").expect("it can be read");
    assert_eq!(config, MqttConfig::default());
    assert_eq!(config.topics, ["/isems/+/csvlog", "/isems/+/data.json", "isems/+/+/+/data.json"]);
    assert_eq!(MqttTransport::new(config).expect("it is valid").name(), "mqtt");
}

#[test]
fn unknown_fields_are_refused() {
    let error = serde_json::from_str::<MqttConfig>(r#"{"brocker":"mesh.example"}"#).expect_err("it is refused");
    assert!(error.to_string().contains("brocker"), "{error}");
}

#[test]
fn topic_filters_are_checked() {
    for filter in ["#", "+/csvlog", "Hut/csvlog", "isems/#", "isems/+/+", "isems/Hut/+", "a/b/c/+/data.json"] {
        assert!(MqttTransport::new(with_topic(filter)).is_ok(), "{filter}");
    }
    for (filter, reason) in [
        ("", "empty"),
        ("isems/#/csvlog", "last level"),
        ("isems/a+/csvlog", "level of its own"),
        ("isems/a#", "level of its own"),
        ("isems/++/csvlog", "level of its own"),
        ("isems/+/temperature", "tells the format"),
        ("isems/+/csvlog/", "tells the format"),
        ("csvlog", "tells the node"),
        ("/csvlog", "tells the node"),
        ("+", "tells the node"),
        ("isems/a;b/csvlog", "tells the node"),
        ("isems/\n/csvlog", "control character"),
    ] {
        let error = error(with_topic(filter));
        assert!(error.contains(reason) && error.contains(&format!("{filter:?}")), "{filter}: {error}");
    }
    assert!(error(MqttConfig { topics: Vec::new(), ..MqttConfig::default() }).contains("topics is empty"));
}

#[test]
fn numbers_are_checked() {
    let default = MqttConfig::default;
    for (config, text) in [
        (MqttConfig { max_packet_bytes: 0, ..default() }, "max_packet_bytes 0"),
        (MqttConfig { max_packet_bytes: usize::MAX, ..default() }, "max_packet_bytes"),
        (MqttConfig { max_in_flight: 0, ..default() }, "max_in_flight 0"),
        (MqttConfig { max_in_flight: 65_536, ..default() }, "expected 1 to 65535"),
        (MqttConfig { keep_alive_seconds: 0, ..default() }, "keep_alive_seconds 0"),
    ] {
        let error = error(config);
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn client_ids_are_checked() {
    for id in ["", "a\nb"] {
        let error = error(MqttConfig { client_id: Some(id.into()), ..MqttConfig::default() });
        assert!(error.contains("client_id"), "{error}");
    }
}

#[test]
fn files_of_authorities_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let with_file = |broker: &str, name: &str| MqttConfig {
        broker: broker.parse().expect("a broker"),
        ca_file: Some(folder.path().join(name)),
        ..MqttConfig::default()
    };
    std::fs::write(folder.path().join("empty.pem"), "").expect("it can be written");
    std::fs::write(folder.path().join("bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .expect("it can be written");
    for (broker, name, reason) in [
        ("mqtts://mesh.example", "missing.pem", "missing.pem"),
        ("mqtts://mesh.example", "empty.pem", "no certificate"),
        ("mqtts://mesh.example", "bad.pem", "bad.pem"),
        ("mqtt://mesh.example", "empty.pem", "write mqtts://"),
    ] {
        let error = error(with_file(broker, name));
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_transport_shows_no_secrets() {
    let broker = "mqtt://collector:s3cret@mesh.example".parse().expect("a broker");
    let transport = MqttTransport::new(MqttConfig { broker, ..MqttConfig::default() }).expect("it is valid");
    assert!(!format!("{transport:?}").contains("s3cret"));
    assert_eq!(transport.named("mesh").name(), "mesh");
}
