//! Notifications through an ntfy server, as its documentation describes publishing as JSON.

use isems_alerts::Change;
use isems_insight::{FindingCode, FindingSeverity};
use serde_json::json;

use super::{item, message, notify, recorder::Recorder};

#[tokio::test]
async fn a_message_becomes_a_notification() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let answer = notify(&format!("ntfy://{}/roof", recorder.address), &message()).await.expect("accepted");
    assert_eq!(answer, format!("{} answered 200 OK", recorder.address));
    let request = recorder.request().await;
    assert_eq!((&*request.method, &*request.path, request.header("authorization")), ("POST", "/", ""));
    let wanted = json!({
        "topic": "roof",
        "title": "Dorf/Kirche läuft leer",
        "message": message().text,
        "priority": 5,
        "tags": ["rotating_light"],
        "click": "https://isems.example/nodes/Dorf%2FKirche",
        "sequence_id": "7b-1",
    });
    assert_eq!(request.json(), wanted);
}

#[tokio::test]
async fn the_login_is_a_token_or_a_user_with_a_password() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    for (login, header) in [("tk_a%2Fb", "Bearer tk_a/b"), ("roof:s%40fe", "Basic cm9vZjpzQGZl")] {
        notify(&format!("ntfy://{login}@{}/roof", recorder.address), &message()).await.expect("accepted");
        assert_eq!(recorder.request().await.header("authorization"), header);
    }
}

#[tokio::test]
async fn the_priority_follows_the_severity() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let address = format!("ntfy://{}/below/a/path/roof", recorder.address);
    for (severity, change, wanted) in [
        (FindingSeverity::Urgent, Change::Raised, json!([5, ["rotating_light"]])),
        (FindingSeverity::Attention, Change::Worsened, json!([3, ["warning"]])),
        (FindingSeverity::Info, Change::Repeated, json!([2, ["information_source"]])),
        (FindingSeverity::Info, Change::Cleared, json!([2, ["white_check_mark"]])),
    ] {
        let message =
            isems_alerts::Message { severity, items: vec![item("Hut", FindingCode::ALL[0], change)], ..message() };
        notify(&address, &message).await.expect("accepted");
        let request = recorder.request().await;
        let body = request.json();
        assert_eq!(json!([body["priority"], body["tags"]]), wanted);
        assert_eq!((&*request.path, &body["topic"]), ("/below/a/path/", &json!("roof")));
    }
}

#[tokio::test]
async fn a_long_text_is_cut_at_a_character() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let message = isems_alerts::Message { text: "x".repeat(4092) + &"ä".repeat(10), ..message() };
    notify(&format!("ntfy://{}/roof", recorder.address), &message).await.expect("accepted");
    assert_eq!(recorder.request().await.json()["message"], json!("x".repeat(4092) + "…"));
}
