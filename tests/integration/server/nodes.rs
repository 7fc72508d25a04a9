//! Nodes over HTTP.

use std::sync::Arc;

use isems_core::{Batch, Measurement, RedbRepository, Repository, testing::sample_measurement, unix_now};
use isems_insight::WatcherOptions;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{TestService, line};

const SAMPLE_TIME: i64 = 1_530_364_575;

fn ids(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|node| node["nodeId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_node_tells_all_that_is_known_of_it() {
    let service = TestService::start().await;
    service.deliver(&(line("Elektra-Dach", SAMPLE_TIME - 60) + &line("Elektra-Dach", SAMPLE_TIME))).await;
    let mut node = service.json("/api/v1/nodes/Elektra-Dach").await;
    let arrival = node["lastReceivedAt"].clone();
    assert!(arrival.as_str().unwrap().ends_with('Z'));
    assert_eq!(node["latest"]["receivedAt"], arrival);
    let latest = node["latest"].take();
    let page = service.json("/api/v1/nodes/Elektra-Dach/measurements?limit=1").await;
    assert_eq!(latest, page["measurements"][0], "a measurement is the same everywhere");
    assert_eq!(
        node,
        json!({
            "nodeId": "Elektra-Dach",
            "state": "inactive",
            "usualIntervalSeconds": null,
            "firstTimestamp": "2018-06-30T13:15:15Z",
            "lastTimestamp": "2018-06-30T13:16:15Z",
            "firstReceivedAt": arrival,
            "lastReceivedAt": arrival,
            "measurements": 2,
            "position": { "latitude": 52.507_309, "longitude": 13.458_635 },
            "positionState": "set",
            "openMPPTFirmwareVersion": "ATmega8_A_1",
            "isemsRevision": "1",
            "rateBatteryCapacity": 7.0,
            "ratedSolarModuleCapacity": 20.0,
            "status": {
                "word": "0x300",
                "flags": [
                    { "flag": "fullyCharged", "severity": "info" },
                    { "flag": "healthy", "severity": "info" },
                ],
                "severity": "info",
            },
            "latest": null,
        })
    );
    let list = service.json("/api/v1/nodes").await;
    node["latest"] = latest;
    assert_eq!(list, json!({ "nodes": [node], "next": null }));
}

#[tokio::test]
async fn a_position_is_set_or_unset_or_shipped() {
    let service = TestService::start().await;
    for (node, place, state) in [
        ("set", "52.52;13.41", "set"),
        ("south", "-33.9;18.4", "set"),
        ("zero", "0;0", "unset"),
        ("half", "52.5;0", "unset"),
        ("shipped", "52.52;13.4", "shippedDefault"),
        ("zeros behind", "52.520000;13.400000", "shippedDefault"),
    ] {
        service.deliver(&line(node, SAMPLE_TIME).replace("52.507309;13.458635", place)).await;
        let answer = service.json(&format!("/api/v1/nodes/{node}")).await;
        assert_eq!(answer["positionState"], state, "{node}");
        assert_eq!(answer["position"].is_null(), state != "set", "{node}");
    }
}

#[tokio::test]
async fn a_status_is_decoded_with_its_worst_severity() {
    let service = TestService::start().await;
    for (status, flags, severity) in [
        ("000", vec![], "info"),
        ("001", vec![], "info"),
        ("880", vec!["charging", "batteryLow"], "warning"),
        ("0c0", vec!["batteryLow", "capacityTooSmall"], "error"),
        ("412", vec!["discharging", "controllerLost", "upgradeNotAllowed"], "critical"),
    ] {
        service.deliver(&line(status, SAMPLE_TIME).replace(";300\n", &format!(";{status}\n"))).await;
        let answer = service.json(&format!("/api/v1/nodes/{status}")).await;
        let told = answer["status"]["flags"].as_array().unwrap();
        let told: Vec<&str> = told.iter().map(|flag| flag["flag"].as_str().unwrap()).collect();
        assert_eq!(told, flags, "{status}");
        assert_eq!(answer["status"]["severity"], severity, "{status}");
        assert_eq!(answer["status"]["word"], format!("0x{status}"));
    }
    service.deliver(&line("none", SAMPLE_TIME).replace(";300\n", "\n")).await;
    assert_eq!(service.json("/api/v1/nodes/none").await["status"], Value::Null);
}

#[tokio::test]
async fn pages_lead_through_all_nodes_whatever_their_names() {
    let service = TestService::start().await;
    let names = ["a", "a b", "a&b=c", "a,b", "a/b", "aü", "b+c", "cursor=d", "e%41"];
    let lines: String = names.iter().map(|name| line(name, SAMPLE_TIME)).collect();
    assert_eq!(service.deliver(&lines).await.stored, names.len() as u64);
    for limit in 1..=names.len() + 1 {
        let mut found: Vec<String> = Vec::new();
        let mut next = Some(format!("/api/v1/nodes?limit={limit}&state=inactive"));
        while let Some(path) = next {
            let response = service.get(&path).await;
            let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let page: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            found.extend(ids(&page).into_iter().map(Into::into));
            next = page["next"].as_str().map(Into::into);
            assert_eq!(link, next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")));
            assert!(ids(&page).len() == limit || next.is_none());
        }
        assert_eq!(found, names, "{limit} a page");
    }
    assert_eq!(ids(&service.json("/api/v1/nodes?cursor=b").await), ["b+c", "cursor=d", "e%41"]);
    assert_eq!(service.json("/api/v1/nodes/a%2Fb").await["nodeId"], "a/b");
    assert_eq!(service.json("/api/v1/nodes/a%C3%BC").await["nodeId"], "aü");
}

/// Measurements that a node brings one by one.
fn measured(node: &str, times: impl IntoIterator<Item = i64>) -> Vec<Measurement> {
    times.into_iter().map(|time| sample_measurement(node, time)).collect()
}

#[tokio::test]
async fn a_state_is_by_what_arrives_and_filters_the_list() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let now = unix_now();
    let often = |last: i64| (0..10).rev().map(move |back| now - last - back * 60);
    let measurements = [
        measured("Active", often(10)),
        measured("Silent", often(500)),
        measured("Seldom", [now - 2000]),
        measured("Inactive", [now - 3 * 86_400]),
    ];
    repository.store(Batch { measurements: measurements.concat(), ..Batch::default() }).await.unwrap();
    let watching = WatcherOptions { inactive_after_days: 2, ..WatcherOptions::default() };
    let service = TestService::watching(watching, repository).await;

    for (state, nodes) in
        [("active", vec!["Active", "Seldom"]), ("silent", vec!["Silent"]), ("inactive", vec!["Inactive"])]
    {
        let page = service.json(&format!("/api/v1/nodes?state={state}")).await;
        assert_eq!(ids(&page), nodes, "{state}");
        assert!(page["nodes"].as_array().unwrap().iter().all(|node| node["state"] == state));
    }
    assert_eq!(service.node_ids("/measurements/latest").await, ["Active", "Seldom", "Silent"], "the rule is the same");
    assert_eq!(service.json("/api/v1/nodes/Active").await["usualIntervalSeconds"], 60);
    assert_eq!(service.json("/api/v1/nodes/Seldom").await["usualIntervalSeconds"], Value::Null);

    service.store(measured("Silent", [now - 1])).await;
    service.store(measured("Seldom", [1500, 1000, 500].map(|back| now - back))).await;
    assert_eq!(service.json("/api/v1/nodes/Silent").await["state"], "active");
    assert_eq!(service.json("/api/v1/nodes/Seldom").await["usualIntervalSeconds"], 500);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_what_to_do() {
    let service = TestService::start().await;
    service.deliver(&line("Hut", SAMPLE_TIME)).await;
    for (path, status, wanted) in [
        ("/api/v1/nodes/hut", StatusCode::NOT_FOUND, "/api/v1/nodes lists"),
        ("/api/v1/nodes/a%3Bb", StatusCode::NOT_FOUND, "there is no node"),
        ("/api/v1/nodes/Hut?fields=x", StatusCode::BAD_REQUEST, "unknown query parameter \"fields\""),
        ("/api/v1/nodes?all=true", StatusCode::BAD_REQUEST, "expected one of state, limit, cursor"),
        ("/api/v1/nodes?state=lost", StatusCode::BAD_REQUEST, "state"),
        ("/api/v1/nodes?limit=0", StatusCode::BAD_REQUEST, "limit"),
        ("/api/v1/nodes?limit=10001", StatusCode::BAD_REQUEST, "limit"),
        ("/api/v1/nodes?limit=1&limit=2", StatusCode::BAD_REQUEST, "given twice"),
        ("/api/v1/network?limit=1", StatusCode::BAD_REQUEST, "this operation has none"),
    ] {
        let response = service.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(!response.headers().contains_key("etag"), "{path}");
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(wanted), "{path}: {problem}");
    }
}
