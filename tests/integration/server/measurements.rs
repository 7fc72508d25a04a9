//! The original collector's endpoints: its recorded answers, and where the successor is better on purpose.

use std::collections::HashSet;

use isems_core::unix_now;
use isems_insight::WatcherOptions;
use reqwest::StatusCode;
use serde_json::Value;

use super::{TestService, line};

/// Payloads, fed in order, and the answers that the original gave.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    payloads: Vec<String>,
    responses: serde_json::Map<String, Value>,
}

/// Takes the ids out of an answer. They are whole numbers below 2^53, each of its own.
fn without_ids(mut answer: Value) -> (Value, Vec<u64>) {
    let mut ids = Vec::new();
    for measurement in answer["measurements"].as_array_mut().unwrap() {
        ids.push(measurement.as_object_mut().unwrap().remove("id").unwrap().as_u64().unwrap());
    }
    assert!(ids.iter().all(|id| *id < 1 << 53));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    (answer, ids)
}

#[tokio::test]
async fn answers_as_the_original_did() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("goldens.json")).unwrap();
    assert!(cases.len() >= 30);
    for case in cases {
        let service = TestService::start().await;
        for payload in &case.payloads {
            service.deliver(payload).await;
        }
        for (path, expected) in case.responses {
            for base in ["", "/api"] {
                let (answer, ids) = without_ids(service.json(&format!("{base}{path}")).await);
                assert_eq!(answer, without_ids(expected.clone()).0, "{}: {base}{path}", case.name);
                let again = without_ids(service.json(&format!("{base}{path}")).await).1;
                assert_eq!(ids, again, "ids are stable");
            }
        }
    }
}

#[tokio::test]
async fn a_measurement_has_exactly_the_original_names() {
    let service = TestService::start().await;
    service.deliver(&line("Hut", 1_530_364_575)).await;
    let answer = service.get("/measurements/latest?all=true").await.text().await.unwrap();
    let names = [
        "batteryChargeEstimate",
        "batteryHealthEstimate",
        "batteryTemperature",
        "batteryVoltage",
        "id",
        "isPowerSaveMode",
        "isemsRevision",
        "latitude",
        "longitude",
        "lowVoltageDisconnectVoltage",
        "mppVoltage",
        "nodeId",
        "openCircuitVoltage",
        "openMPPTFirmwareVersion",
        "rateBatteryCapacity",
        "ratedSolarModuleCapacity",
        "status",
        "temperatureCorrectedVoltage",
        "timeToShutdown",
        "timestamp",
    ];
    let places: Vec<usize> = names.iter().map(|name| answer.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "they come in this order");
    assert_eq!(
        serde_json::from_str::<Value>(&answer).unwrap()["measurements"][0].as_object().unwrap().len(),
        names.len()
    );
}

#[tokio::test]
async fn hides_nodes_that_have_been_silent_for_long() {
    let watching = WatcherOptions { inactive_after_days: 2, ..WatcherOptions::default() };
    let repository = std::sync::Arc::new(isems_core::RedbRepository::in_memory().unwrap());
    let service = TestService::watching(watching, repository).await;
    let now = unix_now();
    service.deliver(&line("fresh", now - 60)).await;
    service.deliver(&line("nearly two days", now - 2 * 86_400 + 3600)).await;
    service.deliver(&line("two days", now - 2 * 86_400)).await;
    let hidden = ["fresh", "nearly two days"];
    assert_eq!(service.node_ids("/measurements/latest").await, hidden);
    assert_eq!(service.node_ids("/measurements/latest?all=true").await, ["fresh", "nearly two days", "two days"]);
    for query in ["all=True", "all=1", "all=", "all", "all=false&all=true", "all=%ff", "other=x", "all=tru%65%20"] {
        assert_eq!(service.node_ids(&format!("/measurements/latest?{query}")).await, hidden, "{query}");
    }
    let first_counts = service.node_ids("/measurements/latest?all=true&all=false").await;
    assert_eq!(first_counts.len(), 3);
}

#[tokio::test]
async fn gives_the_newest_1440_newest_first_whatever_the_order_of_arrival() {
    let service = TestService::start().await;
    let start = 1_530_000_000;
    let late: String = (0..1000).map(|minute| line("Hut", start + 60 * minute)).collect();
    let early: String = (1000..2000).map(|minute| line("Hut", start + 60 * minute)).collect();
    service.deliver(&early).await;
    assert_eq!(service.deliver(&late).await.stored, 1000);
    let answer = service.json("/measurements/Hut/latest").await;
    let measurements = answer["measurements"].as_array().unwrap();
    assert_eq!(measurements.len(), 1440);
    let ids: Vec<u64> = measurements.iter().map(|measurement| measurement["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b));
    assert_eq!(measurements[0]["timestamp"], "2018-06-27T19:19:00");
}

#[tokio::test]
async fn nodes_with_any_name_can_be_fetched_percent_encoded() {
    let service = TestService::start().await;
    for (name, encoded) in [
        ("a/b", "a%2Fb"),
        ("what?", "what%3F"),
        ("no#1", "no%231"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("\"quoted\" 'too'", "%22quoted%22%20%27too%27"),
        ("Küche <b>", "K%C3%BCche%20%3Cb%3E"),
        ("latest", "latest"),
        ("a+b", "a+b"),
        ("a\\b", "a%5Cb"),
        ("☀️", "%E2%98%80%EF%B8%8F"),
    ] {
        service.deliver(&line(name, 1_530_364_575)).await;
        assert_eq!(service.node_ids(&format!("/measurements/{encoded}/latest")).await, [name]);
        assert_eq!(service.node_ids(&format!("/api/measurements/{encoded}/latest")).await, [name]);
    }
    for unknown in ["nobody", "KÜCHE", "%00", "%3B", "x%0Ay"] {
        assert!(service.node_ids(&format!("/measurements/{unknown}/latest")).await.is_empty(), "{unknown}");
    }
}

#[tokio::test]
async fn both_hours_of_an_autumn_night_are_kept() {
    let service = TestService::start().await;
    // 2018-10-28 02:30 in Berlin, first with summer time, then without.
    service.deliver(&[line("Hut", 1_540_686_600), line("Hut", 1_540_690_200)].concat()).await;
    let answer = service.json("/measurements/Hut/latest").await;
    let times: Vec<&Value> =
        answer["measurements"].as_array().unwrap().iter().map(|measurement| &measurement["timestamp"]).collect();
    assert_eq!(times, ["2018-10-28T02:30:00", "2018-10-28T02:30:00"]);
}

#[tokio::test]
async fn every_power_save_level_above_zero_is_power_saving() {
    let service = TestService::start().await;
    for (node, level, expected) in [("0", "0", false), ("1", "1", true), ("4", "4", true), ("none", "-", false)] {
        let line = line(node, 1_530_364_575).replace(";711;0;", &format!(";711;{level};"));
        service.deliver(&line).await;
        let answer = service.json(&format!("/measurements/{node}/latest")).await;
        assert_eq!(answer["measurements"][0]["isPowerSaveMode"], expected, "{level}");
    }
}

#[tokio::test]
async fn everything_is_served_below_api_too_unless_it_is_there_anyway() {
    let service = TestService::start().await;
    service.deliver(&line("Hut", 1_530_364_575)).await;
    for (path, wanted) in [
        ("/api/measurements/latest?all=true", StatusCode::OK),
        ("/api/healthz", StatusCode::OK),
        ("/api/metrics", StatusCode::OK),
        ("/api/v1/nodes/Hut", StatusCode::OK),
        ("/api/api/v1/nodes/Hut", StatusCode::OK),
        ("/api", StatusCode::TEMPORARY_REDIRECT),
        ("/api/?all=true", StatusCode::TEMPORARY_REDIRECT),
        ("/api?all=true", StatusCode::TEMPORARY_REDIRECT),
        ("/api/v1", StatusCode::NOT_FOUND),
        ("/api/v1/nothing", StatusCode::NOT_FOUND),
        ("/v1/nodes/Hut", StatusCode::NOT_FOUND),
        ("/apis/measurements/latest", StatusCode::NOT_FOUND),
        ("/api/a/b/c/d/data", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(service.get(path).await.status(), wanted, "{path}");
    }
    assert_eq!(service.node_ids("/api/measurements/latest?all=true").await, ["Hut"], "with its query");
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems() {
    let service = TestService::start().await;
    let response = service.get("/measurement/latest").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["status"], 404);
    assert!(problem["detail"].as_str().unwrap().contains("/docs"));
    for (path, allowed) in [
        ("/measurements/latest", "GET, HEAD"),
        ("/api/measurements/Elektra-Dach/latest", "GET, HEAD"),
        ("/api/v1/transports/http/poll", "POST"),
        ("/docs", "GET, HEAD"),
    ] {
        let response = service.client.patch(format!("{}{path}", service.base)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(response.headers()["allow"], allowed, "{path}");
    }
}
