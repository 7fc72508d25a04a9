//! Targets and configurations: what is accepted, how it is shown, what is refused and why.

use std::time::Duration;

use isems_core::Transport;
use isems_transport_http::{HttpConfig, HttpTransport, Target};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{Station, target};

#[test]
fn targets_have_many_forms() {
    for (text, url) in [
        ("10.0.0.7", "http://10.0.0.7/ISEMS/ffopenmppt.log"),
        (" node.mesh ", "http://node.mesh/ISEMS/ffopenmppt.log"),
        ("Elektra_Dach", "http://elektra_dach/ISEMS/ffopenmppt.log"),
        ("node.mesh:8080", "http://node.mesh:8080/ISEMS/ffopenmppt.log"),
        ("10.0.0.7:80", "http://10.0.0.7/ISEMS/ffopenmppt.log"),
        ("[fe80::1]", "http://[fe80::1]/ISEMS/ffopenmppt.log"),
        ("[fe80::1]:8080", "http://[fe80::1]:8080/ISEMS/ffopenmppt.log"),
        ("fe80::1", "http://[fe80::1]/ISEMS/ffopenmppt.log"),
        ("http://node", "http://node/ISEMS/ffopenmppt.log"),
        ("https://node:8443/", "https://node:8443/ISEMS/ffopenmppt.log"),
        ("http://node/csv.log", "http://node/csv.log"),
        ("http://node/a/b?c=d", "http://node/a/b?c=d"),
        ("http://[fd00::7]:81/csv_log", "http://[fd00::7]:81/csv_log"),
    ] {
        let target = target(text);
        assert_eq!(target.to_string(), url, "{text}");
        assert_eq!(target.as_str(), url);
        assert_eq!(url.parse::<Target>().as_ref(), Ok(&target), "what is shown can be read");
    }
}

#[test]
fn what_is_no_target_is_named_with_what_is_expected() {
    for text in [
        "",
        " ",
        "no spaces",
        ":8080",
        "node:",
        "node:0",
        "node:eighty",
        "node:65536",
        "8080",
        "10.7",
        "10.0.0.256",
        "node/csv.log",
        "fe80::1%eth0",
        "[fe80::1",
        "ftp://node/csv.log",
        "http://",
        "http://node:99999/",
        "file:///etc/passwd",
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(error.starts_with(&format!("invalid target {:?}: ", text.trim())), "{error}");
        assert!(error.contains("expected an address such as 10.0.0.7"), "{error}");
    }
}

#[test]
fn credentials_are_shown_nowhere() {
    let url = "http://admin:s3cret@node:8080/csv.log";
    let target = target(url);
    let config = HttpConfig { targets: vec![target.clone()], ..HttpConfig::default() };
    let json = serde_json::to_string(&config).expect("plain data");
    let transport = HttpTransport::new(config.clone()).expect("a valid configuration");
    for shown in [target.to_string(), format!("{target:?} {config:?} {transport:?}"), json] {
        assert!(shown.contains("http://node:8080/csv.log"), "{shown}");
        assert!(!shown.contains("s3cret") && !shown.contains("admin"), "{shown}");
    }
    for text in [
        "admin:s3cret@node",
        "http://admin:s3cret@node:99999/",
        "ftp://admin:s3cret@node/",
        "http://admin:s3cr/s3cret@node/",
        "http://admin:s3cret@/",
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(!error.contains("s3cret") && !error.contains("admin"), "{error}");
    }
}

#[test]
fn durations_are_text_or_seconds() {
    let json = r#"{ "targets": ["node"], "interval": 60, "slow_after": 0.25, "total_timeout": "1h 30m" }"#;
    let config: HttpConfig = serde_json::from_str(json).expect("a configuration");
    assert_eq!(config.interval, Duration::from_mins(1));
    assert_eq!(config.slow_after, Duration::from_millis(250));
    assert_eq!(config.total_timeout, Duration::from_mins(90));
    assert_eq!(config.concurrency, HttpConfig::default().concurrency);
    let json = serde_json::to_string(&config).expect("plain data");
    assert!(json.contains(r#""interval":"1m""#) && json.contains(r#""total_timeout":"1h 30m""#), "{json}");
    assert_eq!(serde_json::from_str::<HttpConfig>(&json).expect("what was written"), config);
}

#[test]
fn what_is_no_configuration_is_refused() {
    for (json, expected) in [
        (r#"{ "intervall": 60 }"#, "intervall"),
        (r#"{ "interval": -1 }"#, "invalid duration \"-1\""),
        (r#"{ "interval": 0 }"#, "more than 0 seconds and at most 366 days"),
        (r#"{ "interval": "soon" }"#, "invalid duration \"soon\": expected a duration such as 90s, 15m or 1h"),
        (r#"{ "interval": true }"#, "expected a duration such as 90s, 15m or 1h, or a number of seconds"),
        (r#"{ "concurrency": 0 }"#, "expected 1 or more"),
        (r#"{ "targets": [{ "timeout": "5m" }] }"#, "missing field `url`"),
        (r#"{ "targets": [{ "url": "node", "path": "/x" }] }"#, "unknown field `path`"),
        (r#"{ "targets": [{ "url": "node", "headers": { "X Key": "s3cret" } }] }"#, "its header is not of the form"),
        (r#"{ "targets": ["node/x"] }"#, "invalid target \"node/x\""),
    ] {
        let error = serde_json::from_str::<HttpConfig>(json).expect_err(json).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let default = HttpConfig::default;
    for (config, expected) in [
        (HttpConfig { interval: Duration::ZERO, ..default() }, "invalid interval 0ns"),
        (HttpConfig { connect_timeout: Duration::ZERO, ..default() }, "invalid connect_timeout"),
        (HttpConfig { total_timeout: Duration::MAX, ..default() }, "invalid total_timeout"),
        (HttpConfig { slow_after: Duration::ZERO, ..default() }, "invalid slow_after"),
        (HttpConfig { concurrency: 0, ..default() }, "invalid concurrency 0"),
        (HttpConfig { max_body_bytes: 0, ..default() }, "invalid max_body_bytes 0"),
    ] {
        let error = HttpTransport::new(config).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_target_as_a_table_is_that_of_its_text() {
    let json =
        r#"{ "url": "http://admin:s3cret@node", "timeout": "5m", "interval": 3600, "headers": { "X-Key": "s3, &" } }"#;
    let table: Target = serde_json::from_str(json).expect("a target");
    assert_eq!(table, target("http://admin:s3cret@node#timeout=5m&interval=1h&header=X-Key:s3,%20%26"));
    assert!(!format!("{table:?}").contains("s3"));
    let json = r#"{ "url": "node#timeout=5m&interval=1h", "timeout": "1m" }"#;
    let both: Target = serde_json::from_str(json).expect("a target");
    assert_eq!(both, target("node#timeout=1m&interval=1h"));
}

#[test]
fn a_target_that_is_listed_twice_is_polled_once() {
    let targets = vec![target("node"), target("other"), target("http://node/ISEMS/ffopenmppt.log")];
    let transport = HttpTransport::new(HttpConfig { targets, ..HttpConfig::default() }).expect("a valid configuration");
    assert_eq!(transport.targets(), [target("node"), target("other")]);
}

#[test]
fn it_has_the_name_and_follows_the_targets_that_it_is_told() {
    let config: HttpConfig = serde_json::from_str(r#"{ "name": "roofs", "targets": ["roof"] }"#).expect("JSON");
    let transport = HttpTransport::new(config).expect("a valid configuration");
    assert_eq!((transport.name(), transport.follows()), ("roofs", vec!["http://roof/ISEMS/ffopenmppt.log".into()]));
    let transport = HttpTransport::new(HttpConfig::default()).expect("a valid configuration");
    assert_eq!((transport.name(), transport.follows()), ("http", Vec::new()));
}

#[tokio::test]
async fn a_transport_without_targets_ends() {
    let station = Station::new();
    let mut transport = HttpTransport::new(HttpConfig::default()).expect("a valid configuration");
    transport.run(&station.inbox).await.expect("nothing to fail");
}

/// Texts that look a bit like addresses.
fn anything() -> impl Strategy<Value = String> {
    let words = [
        "http",
        "https",
        "ftp",
        "://",
        "/",
        "@",
        ":",
        "[",
        "]",
        "fd00::7",
        "10.0.0.7",
        "node.mesh",
        "csv.log",
        "?",
        "#",
        "%",
        "%40",
        " ",
        "ä",
        "\0",
        "8080",
        "65536",
        "0x7f",
        "..",
        "\\",
    ];
    let piece =
        prop_oneof![8 => select(words.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_of_a_target_reads_back_and_has_no_password(text in anything()) {
        for text in [text.clone(), format!("http://name:hunter2@{text}")] {
            match text.parse::<Target>() {
                Ok(target) => {
                    let shown = target.to_string();
                    prop_assert_eq!(shown.parse::<Target>().map(|again| again.to_string()), Ok(shown.clone()));
                    let debug = format!("{target:?}");
                    prop_assert!(!shown.contains("hunter2") && !debug.contains("hunter2"));
                }
                Err(error) => prop_assert!(!error.to_string().contains("hunter2"), "{}", error),
            }
        }
    }
}
