//! Configurations, valid and invalid.

use isems_core::Transport;
use isems_transport_mqtt::{MqttConfig, MqttTransport};

use super::certificates::Certificates;

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
fn files_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificates, others) = (Certificates::new(), Certificates::new());
    for (name, text) in [
        ("empty.pem", ""),
        ("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("ca.pem", &certificates.authority),
        ("client.pem", &certificates.client),
        ("client.key", &certificates.client_key),
        ("other.key", &others.client_key),
    ] {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
    }
    let config = |scheme: &str, [ca, certificate, key]: [&str; 3]| {
        let file = |name: &str| (!name.is_empty()).then(|| folder.path().join(name));
        MqttConfig {
            broker: format!("{scheme}://mesh.example").parse().expect("a broker"),
            ca_file: file(ca),
            certificate_file: file(certificate),
            key_file: file(key),
            ..MqttConfig::default()
        }
    };
    assert!(MqttTransport::new(config("mqtts", ["ca.pem", "client.pem", "client.key"])).is_ok());
    for (scheme, files, reasons) in [
        ("mqtts", ["missing.pem", "", ""], ["ca_file", "missing.pem"]),
        ("mqtts", ["empty.pem", "", ""], ["ca_file", "no certificate"]),
        ("mqtts", ["bad.pem", "", ""], ["ca_file", "bad.pem"]),
        ("mqtt", ["ca.pem", "", ""], ["ca_file", "write mqtts://"]),
        ("mqtt", ["", "client.pem", "client.key"], ["certificate_file", "write mqtts://"]),
        ("mqtts", ["ca.pem", "client.pem", ""], ["client.pem", "set key_file too"]),
        ("mqtts", ["ca.pem", "", "client.key"], ["client.key", "set certificate_file too"]),
        ("mqtts", ["ca.pem", "missing.pem", "client.key"], ["certificate_file", "missing.pem"]),
        ("mqtts", ["ca.pem", "client.key", "client.key"], ["certificate_file", "no certificate"]),
        ("mqtts", ["ca.pem", "client.pem", "missing.key"], ["key_file", "missing.key"]),
        ("mqtts", ["ca.pem", "client.pem", "client.pem"], ["key_file", "no private key"]),
        ("mqtts", ["ca.pem", "client.pem", "other.key"], ["certificate_file", "client.pem"]),
    ] {
        let error = error(config(scheme, files));
        for reason in reasons {
            assert!(error.contains(reason), "{files:?}: {error}");
        }
    }
}

#[test]
fn a_transport_has_the_name_and_follows_the_topics_that_it_is_told() {
    let config: MqttConfig =
        serde_json::from_str(r#"{ "name": "uplink", "topics": ["/isems/+/csvlog"] }"#).expect("JSON");
    let transport = MqttTransport::new(config).expect("it is valid");
    assert_eq!((transport.name(), transport.follows()), ("uplink", vec!["/isems/+/csvlog".into()]));
    assert_eq!(MqttTransport::new(MqttConfig::default()).expect("it is valid").name(), "mqtt");
}

#[test]
fn a_transport_shows_no_secrets() {
    let broker = "mqtt://collector:s3cret@mesh.example".parse().expect("a broker");
    let transport = MqttTransport::new(MqttConfig { broker, ..MqttConfig::default() }).expect("it is valid");
    assert!(!format!("{transport:?}").contains("s3cret"));
}
