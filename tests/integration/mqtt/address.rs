//! The address of a broker as text.

use isems_transport_mqtt::Broker;

fn broker(text: &str) -> Broker {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn everything_but_the_host_may_be_left_out() {
    for (text, expected) in [
        ("mesh.example", "mqtt://mesh.example:1883"),
        ("mesh.example:1884", "mqtt://mesh.example:1884"),
        ("mqtt://mesh.example", "mqtt://mesh.example:1883"),
        ("mqtt://mesh.example/", "mqtt://mesh.example:1883"),
        ("MQTTS://mesh.example", "mqtts://mesh.example:8883"),
        ("mqtts://mesh.example:443", "mqtts://mesh.example:443"),
        ("user:password@mesh.example", "mqtt://mesh.example:1883"),
        ("mqtt://user@192.0.2.1", "mqtt://192.0.2.1:1883"),
        ("[2001:db8::1]", "mqtt://[2001:db8::1]:1883"),
        ("mqtts://u:p@[2001:db8::1]:8884", "mqtts://[2001:db8::1]:8884"),
        ("[fe80::1%eth0]:1", "mqtt://[fe80::1%eth0]:1"),
    ] {
        assert_eq!(broker(text).to_string(), expected, "{text}");
    }
}

#[test]
fn its_parts_are_known() {
    let broker = broker("mqtts://[2001:db8::1]:8884");
    assert_eq!((broker.host(), broker.port(), broker.is_encrypted()), ("2001:db8::1", 8884, true));
    assert_eq!(Broker::default().to_string(), "mqtt://localhost:1883");
}

#[test]
fn what_is_no_broker_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", "host is missing"),
        ("mqtt://", "host is missing"),
        ("mqtt://:1883", "host is missing"),
        ("http://mesh.example", "neither mqtt nor mqtts"),
        ("mesh.example:0", "no number from 1 to 65535"),
        ("mesh.example:65536", "no number from 1 to 65535"),
        ("mesh.example:mqtt", "no number from 1 to 65535"),
        ("mesh.example:", "no number from 1 to 65535"),
        ("2001:db8::1", "must stand in brackets"),
        ("[2001:db8::1", "not closed"),
        ("[mesh.example]", "no IPv6 address"),
        ("[::1]1883", "only a port"),
        ("mesh.example/isems", "a character that a host cannot have"),
        ("mesh example", "a character that a host cannot have"),
        ("mqtt://:password@mesh.example", "user is empty"),
        ("mqtt://%ff:x@mesh.example", "no UTF-8"),
    ] {
        let error = text.parse::<Broker>().expect_err(text).to_string();
        assert!(error.contains(reason) && error.contains("expected host, host:port"), "{text}: {error}");
    }
    let error = "mesh.example:99999".parse::<Broker>().expect_err("it is refused").to_string();
    assert!(error.contains("mesh.example:99999"), "{error}");
}

#[test]
fn secrets_are_in_no_text() {
    let broker = broker("mqtt://collector:s3cret@mesh.example");
    for text in [broker.to_string(), format!("{broker:?}"), serde_json::to_string(&broker).expect("it can be written")]
    {
        assert!(text.contains("mesh.example") && !text.contains("s3cret") && !text.contains("collector"), "{text}");
    }
    for text in [
        "mqtt://collector:s3cret@mesh.example:99999",
        "http://collector:s3cret@mesh.example",
        "collector:s3cret://s3cret@mesh.example",
        "mqtt://collector:s3cret@s3cret@mesh.example:x",
        "mqtt://collector:s3cret@",
        "mqtt://collector:s3cret",
        "collector:s3cret",
        "collector:s3cret://",
    ] {
        let error = text.parse::<Broker>().expect_err(text);
        assert!(!error.to_string().contains("s3cret") && !format!("{error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn it_is_text_in_a_configuration() {
    let broker: Broker = serde_json::from_str(r#""mqtts://mesh.example""#).expect("it can be read");
    assert_eq!(serde_json::to_string(&broker).expect("it can be written"), r#""mqtts://mesh.example:8883""#);
    let error = serde_json::from_str::<Broker>(r#""mqtt://u:s3cret@h:x""#).expect_err("it is refused").to_string();
    assert!(error.contains("invalid broker") && !error.contains("s3cret"), "{error}");
}
