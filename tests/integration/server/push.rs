//! Measurements that nodes and scripts send.

use std::{io::Write, sync::Arc};

use flate2::{Compression, write::GzEncoder};
use isems_core::{RedbRepository, unix_now};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN, TestService, answer, line};

const HUT: &str = "hut-hut-hut-hut-hut";
const ALL: &str = "all-all-all-all-all";

async fn service() -> TestService {
    let tokens = [format!("Hut:{HUT}"), format!("*:{ALL}")];
    let tokens: Vec<&str> = tokens.iter().map(|token| &**token).collect();
    TestService::guarded(Arc::new(RedbRepository::in_memory().unwrap()), &tokens).await
}

fn post(service: &TestService, path: &str) -> RequestBuilder {
    service.client.post(format!("{}{path}", service.base))
}

async fn push(
    service: &TestService,
    node: &str,
    token: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> (StatusCode, Value) {
    let request = post(service, &format!("/api/v1/nodes/{node}/measurements")).bearer_auth(token);
    answer(request.header("content-type", kind).body(body).send().await.unwrap()).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_the_service_answers_can_be_pushed_to_another_one() {
    let from = service().await;
    let now = unix_now();
    let lines: String = (0..5).map(|minute| line("Hut", now - 60 * minute)).collect();
    push(&from, "Hut", ADMIN, "text/plain", lines).await;
    let wanted = from.json("/api/v1/nodes/Hut/measurements").await["measurements"].clone();
    for (query, kind) in [
        ("", "application/json"),
        ("?format=ndjson", "application/x-ndjson"),
        ("?format=csv&tz=Europe/Berlin", "text/csv"),
    ] {
        let text = from.get(&format!("/api/v1/nodes/Hut/measurements{query}")).await.text().await.unwrap();
        let to = service().await;
        let (status, receipt) = push(&to, "Hut", ADMIN, kind, text.clone()).await;
        assert_eq!(
            (status, &receipt["stored"], &receipt["dropped"]),
            (StatusCode::OK, &json!(5), &json!([])),
            "{kind}"
        );
        let mut found = to.json("/api/v1/nodes/Hut/measurements").await["measurements"].clone();
        // A node cannot say when it arrived.
        for (found, wanted) in found.as_array_mut().unwrap().iter_mut().zip(wanted.as_array().unwrap()) {
            assert!(found["receivedAt"].as_str().unwrap() >= wanted["receivedAt"].as_str().unwrap());
            found["receivedAt"] = wanted["receivedAt"].clone();
        }
        assert_eq!(found, wanted, "{kind}");
        let (_, receipt) = push(&to, "Hut", ADMIN, kind, text.clone()).await;
        assert_eq!(receipt["duplicates"], json!(5), "{kind}");
        let (status, problem) = push(&to, "Barn", ADMIN, kind, text).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{kind}");
        assert_eq!(problem["receipt"]["rejected"], json!([{"reason": "node_mismatch", "count": 5}]), "{kind}");
    }
}

#[tokio::test]
async fn a_batch_of_readings_without_a_time_loses_none_and_can_be_repeated() {
    let service = service().await;
    let batch = "{\"batteryVoltage\":12.1}\n{\"batteryVoltage\":12.2}\nrubbish\n{\"batteryVoltage\":12.3}\n";
    for (stored, duplicates) in [(3, 0), (0, 3)] {
        let (status, receipt) = push(&service, "Hut", ADMIN, "application/json", batch).await;
        let counts = (status, &receipt["stored"], &receipt["duplicates"]);
        assert_eq!(counts, (StatusCode::OK, &json!(stored), &json!(duplicates)));
        assert_eq!((&receipt["rejects"][0]["line"], &receipt["rejects"][0]["text"]), (&json!(3), &json!("rubbish")));
    }
}

#[tokio::test]
async fn a_bad_line_costs_itself_only() {
    let service = service().await;
    let now = unix_now();
    let conflict = line("Hut", now).replace("14.073", "9.9");
    let bad = line("Hut", now - 60).replace("14.073", "14.o73");
    let lines = format!("{}{bad}\n{}{conflict}{}", line("Hut", now), line("Hut", now), line("Barn", now));
    let (status, receipt) = push(&service, "Hut", ADMIN, "text/plain", lines.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let reject = |line: u32, reason: &str, field: Value, text: &str| json!({"line": line, "reason": reason, "field": field, "text": text.trim_end()});
    let expected = json!({
        "received": 5, "stored": 2, "duplicates": 1,
        "rejected": [{"reason": "node_mismatch", "count": 1}, {"reason": "conflict", "count": 1}],
        "rejects": [
            reject(5, "conflict", Value::Null, &conflict),
            reject(6, "node_mismatch", json!("nodeId"), &line("Barn", now)),
        ],
        "dropped": [{"field": "batteryVoltage", "reason": "number_invalid", "count": 1}],
        "droppedValues": [{"line": 2, "field": "batteryVoltage", "reason": "number_invalid", "text": "14.o73"}],
    });
    assert_eq!(receipt, expected);
    let (status, receipt) = push(&service, "Hut", ADMIN, "text/csv; charset=utf-8", line("Hut", now)).await;
    assert_eq!((status, &receipt["duplicates"]), (StatusCode::OK, &json!(1)));

    let transports = service.json("/api/v1/transports").await;
    let account = &transports["transports"][0];
    assert_eq!((&account["name"], &account["received"], &account["stored"]), (&json!("push"), &json!(6), &json!(2)));
    assert_eq!(account["dropped"], json!([{"field": "batteryVoltage", "reason": "number_invalid", "count": 1}]));
    let (_, rejects) = service.send(reqwest::Method::GET, "/api/v1/rejects?reason=conflict&transport=push").await;
    assert_eq!(
        (&rejects["rejects"][0]["line"], &rejects["rejects"][0]["source"]),
        (&json!(5), &json!("127.0.0.1 (admin)"))
    );
}

#[tokio::test]
async fn where_nothing_can_be_taken_the_problem_has_the_receipt() {
    let service = service().await;
    let (status, problem) = push(&service, "Hut", ADMIN, "text/plain", "rubbish\n").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((&problem["status"], &problem["receipt"]["rejects"][0]["reason"]), (&json!(422), &json!("field_count")));
    let (status, receipt) = push(&service, "Hut", ADMIN, "text/plain", "").await;
    assert_eq!((status, &receipt["received"]), (StatusCode::OK, &json!(0)));
}

#[tokio::test]
async fn a_nodes_object_is_dated_by_its_arrival() {
    let service = service().await;
    let before = unix_now();
    let body = r#"{"batteryVoltage":12.999,"isPowerSaveMode":2,"status":"100","news":true}"#;
    let (status, receipt) = push(&service, "Hut", HUT, "application/json", body).await;
    assert_eq!((status, &receipt["stored"]), (StatusCode::OK, &json!(1)), "{receipt}");
    let node = service.json("/api/v1/nodes/Hut").await;
    assert_eq!((&node["latest"]["timeSource"], &node["latest"]["batteryVoltage"]), (&json!("arrival"), &json!(12.999)));
    let known = service.watcher.repository().nodes().await.unwrap();
    assert!((before..=unix_now()).contains(&known[0].latest.timestamp));
}

#[tokio::test]
async fn bodies_come_compressed_and_within_bounds() {
    let service = service().await;
    let start = unix_now() - 1_000_000;
    let lines: String = (0..5000).map(|minute| line("Hut", start + 60 * minute)).collect();
    let send = async |body: Vec<u8>| {
        let request = post(&service, "/api/v1/nodes/Hut/measurements").bearer_auth(ADMIN);
        let request = request.header("content-type", "text/plain").header("content-encoding", "gzip").body(body);
        answer(request.send().await.unwrap()).await
    };
    let (status, receipt) = send(gzip(lines.as_bytes())).await;
    assert_eq!((status, &receipt["stored"]), (StatusCode::OK, &json!(5000)));
    let (status, problem) = send(gzip(&vec![b'\n'; (4 << 20) + 1])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
    let (status, problem) = send(b"this is no gzip".to_vec()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    let (status, _) = push(&service, "Hut", ADMIN, "text/plain", vec![b'\n'; (1 << 20) + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, problem) = push(&service, "Hut", ADMIN, "text/html", lines).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(problem["detail"].as_str().unwrap().contains("text/csv"), "{problem}");
}

#[tokio::test]
async fn a_token_for_pushing_can_do_nothing_else() {
    let service = service().await;
    let lines = |node| line(node, unix_now());
    assert_eq!(push(&service, "Hut", HUT, "text/plain", lines("Hut")).await.0, StatusCode::OK);
    let (status, problem) = push(&service, "Barn", HUT, "text/plain", lines("Barn")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(problem["detail"].as_str().unwrap().contains("\"Hut\", not of \"Barn\""), "{problem}");
    assert_eq!(push(&service, "Barn", ALL, "text/plain", lines("Barn")).await.0, StatusCode::OK);
    assert_eq!(
        push(&service, "Hut", "unknown-unknown-unknown", "text/plain", lines("Hut")).await.0,
        StatusCode::UNAUTHORIZED
    );
    let request = post(&service, "/api/v1/nodes/Hut/measurements").header("content-type", "text/plain");
    let response = request.body(lines("Hut")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    for token in [HUT, ALL] {
        let request = service.client.delete(format!("{}/api/v1/nodes/Hut", service.base)).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let open = TestService::start().await;
    let (status, problem) = push(&open, "Hut", HUT, "text/plain", lines("Hut")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(problem["detail"].as_str().unwrap().contains("ISEMS_PUSH_TOKENS"), "{problem}");
}

#[tokio::test]
async fn the_firmware_needs_another_host_name_only() {
    let service = service().await;
    let path = "/api/isems/testdrive/foobar/Hut/data";
    let send = async |request: RequestBuilder| {
        let request = request.header("content-type", "application/json").body(r#"{"batteryVoltage":12.5}"#);
        request.send().await.unwrap().status()
    };
    // What stands in a URL as http://Hut:TOKEN@host, or as http://TOKEN@host.
    assert_eq!(send(post(&service, path).basic_auth("Hut", Some(HUT))).await, StatusCode::OK);
    let other = "/api/isems/testdrive/foobar/K%C3%BCche%2F1/data";
    assert_eq!(send(post(&service, other).basic_auth(ALL, None::<&str>)).await, StatusCode::OK);
    assert_eq!(send(post(&service, other).bearer_auth(HUT)).await, StatusCode::FORBIDDEN);
    assert_eq!(send(post(&service, path)).await, StatusCode::UNAUTHORIZED);
    let nodes = service.watcher.repository().nodes().await.unwrap();
    let names: Vec<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(names, ["Hut", "Küche/1"]);
}
