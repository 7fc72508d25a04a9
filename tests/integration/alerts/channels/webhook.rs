//! Webhooks.

use isems_alerts::Message;
use serde_json::json;

use super::{config, message, notify, recorder::Recorder};

#[tokio::test]
async fn the_body_is_the_message_and_its_id_the_idempotency_key() {
    let mut recorder = Recorder::start(Some("204 No Content\r\n\r\n")).await;
    notify(&format!("webhook+http://{}/hooks?to=us", recorder.address), &message()).await.expect("accepted");
    let request = recorder.request().await;
    assert_eq!((&*request.method, &*request.path), ("POST", "/hooks?to=us"));
    assert_eq!((request.header("idempotency-key"), request.header("content-type")), ("7b-1", "application/json"));
    assert_eq!(request.header("webhook-signature"), "", "nothing is signed without a secret");
    assert_eq!(serde_json::from_str::<Message>(&request.body).expect("a message"), message());
    let item = &request.json()["items"][0];
    assert_eq!((&item["subject"], &item["change"]), (&json!({"node": "Dorf/Kirche"}), &json!("raised")));
}

#[tokio::test]
async fn a_template_makes_json_whatever_the_texts_contain() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    let mut config =
        config(&format!("webhook+http://{}/rooms/{{{{id}}}}?k={{{{severity}}}}#method=PUT", recorder.address));
    config.template =
        Some(r#"{"a": "{{title}}: {{ text }}", "n": {{priority}}, "l": "{{link}}", "at": {{at}}}"#.into());
    config.open().expect("a channel").notifier.notify(&message()).await.expect("accepted");
    let request = recorder.request().await;
    assert_eq!((&*request.method, &*request.path), ("PUT", "/rooms/7b%2D1?k=urgent"));
    let text = format!("{}: {}", message().title, message().text);
    assert_eq!(request.json(), json!({"a": text, "n": 8, "l": message().link, "at": message().at}));
}

#[tokio::test]
async fn the_content_type_decides_how_values_are_written() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    for (kind, wanted) in [
        ("text/plain", "t=Dorf/Kirche läuft leer"),
        ("application/x-www-form-urlencoded", "t=Dorf%2FKirche%20l%C3%A4uft%20leer"),
    ] {
        let mut config = config(&format!("webhook+http://{}/#header=Content-Type:{kind}", recorder.address));
        config.template = Some("t={{title}}".into());
        config.open().expect("a channel").notifier.notify(&message()).await.expect("accepted");
        let request = recorder.request().await;
        assert_eq!((request.header("content-type"), &*request.body), (kind, wanted));
    }
}

#[tokio::test]
async fn a_login_of_the_address_becomes_basic_authentication() {
    let mut recorder = Recorder::start(Some("200 OK\r\n\r\n")).await;
    notify(&format!("webhook+http://roof:s%40fe@{}/", recorder.address), &message()).await.expect("accepted");
    let request = recorder.request().await;
    assert_eq!((&*request.path, request.header("authorization")), ("/", "Basic cm9vZjpzQGZl"));
}

#[test]
fn a_template_that_cannot_work_is_an_error_that_does_not_show_it() {
    for (template, wanted) in [
        (r#"{"a": "{{heading}}"}"#, "the placeholder number 1 is unknown: known are {{id}}, "),
        (r#"{"a": "{{title"}"#, "a {{ is not closed"),
        (r#"{"a": {{title}}}"#, "its template is not JSON at line 1, column 7"),
    ] {
        let config = isems_alerts::ChannelConfig { template: Some(template.into()), ..config("webhook+http://host/") };
        let error = config.open().expect_err(template).to_string();
        assert!(error.starts_with("channel \"webhook-host\": ") && error.contains(wanted), "{error}");
        assert!(!error.contains("heading"), "{error}");
    }
    for (settings, wanted) in [
        ("method=P%20T", "its method is none of HTTP"),
        ("header=X%20Y:1", "\"X Y\" is no name of a header"),
        ("secret=whsec_%3F", "is no Base64"),
        ("secret=", "its secret is empty"),
    ] {
        let error = config(&format!("webhook+http://host/#{settings}")).open().expect_err(settings).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
