//! Addresses and settings of channels, and their secrets.

use std::time::Duration;

use isems_alerts::{AlertsConfig, ChannelConfig};
use isems_insight::FindingSeverity;
use proptest::prelude::*;
use serde_json::json;

use super::config;

#[test]
fn settings_follow_the_address() {
    let config = config(
        "ntfys://tk@ntfy.example:8443/roof#name=ops&severity=attention&nodes=A%26B*&nodes=C&findings=silent&\
         language=de&quiet=22:00-07:00&repeat=12h&digest=mon%2008:00&ca_file=/etc/ca.pem",
    );
    let shown = serde_json::to_value(&config).expect("it can be serialized");
    let wanted = json!({
        "name": "ops", "to": "ntfys://ntfy.example:8443", "ca_file": "/etc/ca.pem", "severity": "attention",
        "nodes": ["A&B*", "C"], "findings": ["silent"], "language": "de", "quiet": "22:00-07:00", "repeat": "12h",
        "digest": "mon 08:00",
    });
    assert_eq!(shown, wanted);
    assert_eq!(config.options.severity, FindingSeverity::Attention);
    assert_eq!(config.options.repeat, Some(Duration::from_hours(12)));
}

#[test]
fn a_table_is_the_same_as_a_text() {
    let table = json!({
        "to": "webhook+http://host/x", "method": "PUT", "headers": {"X-Key": "s3cret"}, "secret": "abc",
        "template": "{}", "nodes": ["A"],
    });
    let of_table: ChannelConfig = serde_json::from_value(table).expect("a channel");
    let text = "webhook+http://host/x#method=PUT&header=X-Key:%20s3cret&secret=abc&template={}&nodes=A";
    assert_eq!(of_table, config(text));
    assert_eq!(of_table, serde_json::from_value(json!(text)).expect("a channel"));
}

#[test]
fn a_bad_address_says_what_is_expected() {
    for (text, wanted) in [
        ("", "it begins with no known kind of channel; expected ntfys://TOKEN@HOST/TOPIC, smtp://"),
        ("telegram://chat", "it begins with no known kind of channel"),
        ("ntfy:host/topic", "its host is missing; expected ntfys://TOKEN@HOST/TOPIC"),
        ("ntfy://host", "its topic is not made of"),
        ("ntfy://host/a.b", "its topic is not made of"),
        ("ntfy://host/roof?priority=5", "settings follow a #"),
        ("ntfy://:pass@host/roof", "it has a password, but no user"),
        ("ntfy://host:99999/roof", "host or port cannot be read"),
        ("smtp://host", "from= or to= is missing; expected smtp://USER:PASSWORD@HOST/?from=A@B&to=C@D"),
        ("smtp://host/?from=a@b", "from= or to= is missing"),
        ("smtp://host/?from=a&to=c@d", "no mail address"),
        ("smtp://host/inbox?from=a@b&to=c@d", "only ?from= and &to="),
        ("smtps://host/?from=a@b&to=c@d&tls=none", "after its ? can be"),
        ("webhook+https://tok/en@host/", "a / in user, password or token as %2F"),
        ("mqtt://host", "its prefix is missing"),
        ("mqtt://host/a/%2B/b", "its prefix contains"),
        ("exec:bin/tell", "it is no absolute path"),
        ("ntfy://host/roof#loud=yes", "unknown setting after the #; known are name, template, method, header, secret"),
        ("ntfy://host/roof#severity=loud", "unknown severity \"loud\": expected info, attention or urgent"),
        ("ntfy://host/roof#quiet=late", "invalid time \"late\": expected two times of day"),
        ("ntfy://host/roof#repeat=often", "invalid duration \"often\""),
        ("ntfy://tok#en@host/roof", "a # is %23"),
    ] {
        let error = text.parse::<ChannelConfig>().expect_err(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_setting_that_is_not_used_is_an_error() {
    for (text, wanted) in [
        ("ntfy://host/roof#secret=x", "channel \"ntfy-host\": secret is only for webhooks"),
        ("exec:/bin/tell#template=x", "channel \"command-tell\": template is only for webhooks"),
        ("ntfy://host/roof#ca_file=x", "ca_file is of no use without TLS"),
        ("smtp://host/?from=a@b&to=c@d&tls=none#ca_file=x", "ca_file is of no use without TLS"),
        ("ntfys://host/roof#ca_file=/no/such.pem", "cannot use ca_file \"/no/such.pem\""),
        ("smtps://host/?from=a@b&to=c@d#ca_file=/no/such.pem", "cannot use ca_file \"/no/such.pem\""),
        ("smtp://user@host/?from=a@b&to=c@d", "its user has no password"),
        ("ntfy://host/roof#name=%20", "invalid name"),
    ] {
        let error = config(text).open().expect_err(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn every_channel_has_a_name_of_its_own() {
    let names = |addresses: &[&str]| -> Result<Vec<String>, String> {
        let channels = addresses.iter().map(|address| config(address)).collect();
        let opened = AlertsConfig { channels, ..AlertsConfig::default() }.open().map_err(|error| error.to_string())?;
        Ok(opened.into_iter().map(|channel| channel.name).collect())
    };
    let (a, given) = ("ntfy://a/x", "exec:/bin/tell#name=ntfy-a-2");
    assert_eq!(names(&[a, "ntfy://a/y", "ntfy://b/x", given]).unwrap(), ["ntfy-a", "ntfy-a-3", "ntfy-b", "ntfy-a-2"]);
    let error = names(&[given, "ntfy://a/y#name=ntfy-a-2"]).unwrap_err();
    assert_eq!(error, "two channels are named \"ntfy-a-2\": rename one of them");
}

/// Returns addresses with a secret wherever there can be one.
fn addresses(secret: &str) -> [String; 12] {
    [
        format!("ntfys://{secret}@host/topic"),
        format!("ntfy://user:{secret}@host/topic#severity=info"),
        format!("ntfy://host/{secret}"),
        format!("smtp://user:{secret}@host:25/?from=a@b&to=c@d#quiet=22:00-07:00"),
        format!("smtps://{secret}:{secret}@host/?from=a@b&to=c@d"),
        format!("webhook+https://host/{secret}?a={secret}"),
        format!("webhook+http://user:{secret}@host/"),
        format!("webhook+http://host/#secret={secret}&method={secret}"),
        format!("webhook+http://host/#header=X-Key:{secret}&template={secret}"),
        format!("mqtts://user:{secret}@host/prefix#nodes=a"),
        format!("mqtt://{secret}@host/prefix#severity=some"),
        format!("{secret}://{secret}@host/topic"),
    ]
}

proptest! {
    /// It may be encoded as it should be, or not.
    #[test]
    fn a_secret_is_never_shown(before in "[a-z0-9/?#@:%&=+ \\\\]{0,4}", after in "[a-z0-9/?#@:%&=+ \\\\]{0,4}") {
        for address in addresses(&format!("{before}hunter2{after}")) {
            let (shown, opened) = match address.parse::<ChannelConfig>() {
                // The method is no secret, but is not shown in errors either.
                Ok(config) => {
                    let config = ChannelConfig { method: config.method.as_ref().map(|_| "POST".into()), ..config };
                    let alerts = AlertsConfig { channels: vec![config.clone()], ..AlertsConfig::default() };
                    let serialized = serde_json::to_string(&alerts).expect("it can be serialized");
                    let opened = match config.open() {
                        Ok(channel) => format!("{channel:?}"),
                        Err(error) => format!("{error} {error:?}"),
                    };
                    (format!("{config:?} {alerts:?} {} {serialized}", config.to), opened)
                }
                Err(error) => (format!("{error} {error:?}"), String::new()),
            };
            prop_assert!(!shown.contains("hunter2") && !opened.contains("hunter2"), "{address}: {shown} {opened}");
        }
    }
}
