//! The configuration, as it stands in settings.

use isems_homeassistant::{BrokerChoice, HomeAssistantConfig, Language};
use isems_transport_mqtt::MqttConfig;
use serde_json::{Value, json};

fn read(fields: Value) -> Result<HomeAssistantConfig, String> {
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

fn at(address: &str) -> HomeAssistantConfig {
    read(json!({ "broker": address })).unwrap()
}

#[test]
fn without_a_broker_there_is_no_connection() {
    for nothing in [json!({}), json!({ "broker": false }), json!({ "broker": "false" }), json!({ "broker": "" })] {
        let config = read(nothing.clone()).unwrap();
        assert_eq!((config.broker.clone(), config.connection(&[]).unwrap()), (None, None), "{nothing}");
    }
    assert_eq!(read(json!({})).unwrap(), HomeAssistantConfig::default());
}

#[test]
fn an_address_is_that_of_a_broker() {
    let connection = at("mqtts://isems:hunter2@home.example").connection(&[]).unwrap().unwrap();
    assert_eq!(connection.broker.to_string(), "mqtts://home.example:8883");
    assert_eq!(connection.client_id.as_deref(), Some("isems-collector-ha"));
}

#[test]
fn settings_after_an_address_override_fields() {
    let address = "mqtts://home#language=de&discovery_prefix=ha%2Ftest&name=roof&client_id=me&ca_file=/ca.pem\
                   &certificate_file=/c.pem&key_file=/k.pem&keep_alive_seconds=7";
    let config =
        read(json!({ "broker": address, "language": "en", "name": "cellar", "keep_alive_seconds": 9 })).unwrap();
    assert_eq!((config.language, &*config.discovery_prefix, &*config.name), (Language::German, "ha/test", "roof"));
    let connection = config.connection(&[]).unwrap().unwrap();
    assert_eq!((connection.client_id.as_deref(), connection.keep_alive_seconds), (Some("me"), 7));
    assert_eq!(connection.ca_file.as_deref(), Some("/ca.pem".as_ref()));
    assert_eq!(connection.certificate_file.as_deref(), Some("/c.pem".as_ref()));
    assert_eq!(connection.key_file.as_deref(), Some("/k.pem".as_ref()));

    let config = read(json!({ "broker": "home", "language": "de", "keep_alive_seconds": 9 })).unwrap();
    assert_eq!((config.language, config.keep_alive_seconds), (Language::German, 9));
}

#[test]
fn true_is_the_first_broker_of_the_collector_under_another_client_id() {
    let first = MqttConfig::default().at("mqtts://me:hunter2@one#client_id=collector&ca_file=/ca.pem").unwrap();
    let second = MqttConfig::default().at("two").unwrap();
    for config in [read(json!({ "broker": true })).unwrap(), at("true"), at("true#language=de")] {
        assert_eq!(config.broker, Some(BrokerChoice::Collectors));
        let connection = config.connection(&[first.clone(), second.clone()]).unwrap().unwrap();
        assert_eq!((&connection.broker, &connection.ca_file), (&first.broker, &first.ca_file));
        assert_eq!(connection.client_id.as_deref(), Some("isems-collector-ha"));
        let error = config.connection(&[]).unwrap_err().to_string();
        assert!(error.contains("MQTT_SERVER"), "{error}");
    }
    assert_eq!(at("true#language=de").language, Language::German);
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_what_is_expected() {
    for (fields, wanted) in [
        (json!({ "broker": "ftp://home" }), "neither mqtt nor mqtts"),
        (json!({ "broker": 1883 }), "expected the address of a broker, or true"),
        (json!({ "broker": "home#topics=a" }), "\"topics\""),
        (json!({ "broker": "home#language=fr" }), "expected en or de"),
        (json!({ "broker": "home#keep_alive_seconds=soon" }), "keep_alive_seconds"),
        (json!({ "broker": "home", "prefix": "ha" }), "unknown field `prefix`"),
        (json!({ "language": "fr" }), "unknown variant `fr`"),
    ] {
        let error = read(fields.clone()).unwrap_err();
        assert!(error.contains(wanted), "{fields}: {error}");
    }
    for (fields, wanted) in [
        (json!({ "broker": "home", "discovery_prefix": "home/+" }), "home/+"),
        (json!({ "broker": "home", "discovery_prefix": "" }), "without wildcards"),
        (json!({ "broker": "home", "name": "" }), "1 to 64 bytes"),
        (json!({ "broker": "home", "ca_file": "/ca.pem" }), "mqtts://"),
        (json!({ "broker": "home", "keep_alive_seconds": 0 }), "keep_alive_seconds"),
    ] {
        let error = read(fields.clone()).unwrap().connection(&[]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{fields}: {error}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let config = at("mqtt://isems:hunter2@home");
    assert!(!format!("{config:?}{}", serde_json::to_string(&config).unwrap()).contains("hunter2"));
    for broken in [
        "mqtt://isems:hunter2@home:port",
        "mqtt://isems:hun#hunter2@home",
        "mqtt://isems:hun#language=hunter2@home",
        "ftp://isems:hunter2@home",
    ] {
        let error = read(json!({ "broker": broken })).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
