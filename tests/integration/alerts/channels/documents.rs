//! The examples of `docs/alerts.md`.

use isems_alerts::{AlertsConfig, Message};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{config, documented, message, recorder::Recorder};

#[derive(Deserialize)]
struct Settings {
    alerts: AlertsConfig,
}

/// Opens the documented channel of a name at a recorder instead of its host, and returns what arrives there.
async fn deliver(name: &str) -> (String, String, String, Value) {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let all = documented("toml");
    let text = all.iter().find(|text| text.contains(&format!("name = \"{name}\""))).expect("it is documented");
    let (before, address) = text.split_once("webhook+https://").expect("a webhook");
    let (_, path) = address.split_once('/').expect("a path");
    let text = format!("{before}webhook+http://{}/{path}", recorder.address);
    let settings: Settings = toml::from_str(&text).expect("settings");
    let [channel] = &settings.alerts.open().expect("channels")[..] else { panic!("there is one channel") };
    channel.notifier.notify(&message()).await.expect("accepted");
    let request = recorder.request().await;
    (request.method.clone(), request.path.clone(), request.header("authorization").into(), request.json())
}

/// Returns title and text, as the templates join them.
fn title_and_text() -> String {
    let Message { title, text, .. } = message();
    format!("{title}\n\n{text}")
}

#[tokio::test]
async fn telegram_gets_a_message_to_a_chat() {
    let (method, path, _, body) = deliver("telegram").await;
    assert_eq!((&*method, &*path), ("POST", "/bot123456:ABC-DEF/sendMessage"));
    let preview = json!({"is_disabled": true});
    assert_eq!(body, json!({"chat_id": "-1001234567890", "text": title_and_text(), "link_preview_options": preview}));
}

#[tokio::test]
async fn matrix_gets_an_event_once() {
    let (method, path, authorization, body) = deliver("matrix").await;
    let room = "/_matrix/client/v3/rooms/%21room:example.org/send/m.room.message/7b%2D1";
    assert_eq!((&*method, &*path, &*authorization), ("PUT", room, "Bearer syt_token"));
    assert_eq!(body, json!({"msgtype": "m.text", "body": title_and_text()}));
}

#[tokio::test]
async fn slack_gets_a_text() {
    let (method, path, _, body) = deliver("slack").await;
    assert_eq!((&*method, &*path), ("POST", "/services/T0000/B0000/XXXX"));
    let Message { title, text, .. } = message();
    assert_eq!(body, json!({"text": format!("*{title}*\n{text}")}));
}

#[tokio::test]
async fn gotify_gets_a_priority() {
    let (method, path, _, body) = deliver("gotify").await;
    assert_eq!((&*method, &*path), ("POST", "/message?token=APP_TOKEN"));
    let click = json!({"client::notification": {"click": {"url": message().link}}});
    let Message { title, text, .. } = message();
    assert_eq!(body, json!({"title": title, "message": text, "priority": 8, "extras": click}));
}

#[test]
fn every_documented_setting_is_one() {
    for text in documented("toml") {
        let settings: Settings = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for channel in &settings.alerts.channels {
            channel.open().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
    let lines = documented("sh");
    let lines = lines.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("ISEMS_NOTIFY="));
    let mut count = 0;
    for address in lines.flat_map(|list| list.trim_matches('\'').split(',')) {
        config(address).open().unwrap_or_else(|error| panic!("{address}: {error}"));
        count += 1;
    }
    assert!(count > 5, "{count}");
}
