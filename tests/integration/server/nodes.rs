//! Nodes, the network in one look, and answers that need not be sent again.

use std::sync::Arc;

use isems_core::{Batch, Measurement, RedbRepository, Repository, Status, testing::sample_measurement, unix_now};
use isems_server::{
    api::Service,
    states::{NodeState, NodeStates},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{TestService, line};

async fn store(repository: &RedbRepository, measurements: Vec<Measurement>) {
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
}

/// A measurement that arrives some seconds ago.
fn arrived(node: &str, seconds_ago: i64) -> Measurement {
    let now = unix_now();
    Measurement { received_at: now - seconds_ago, ..sample_measurement(node, now - seconds_ago) }
}

async fn state(repository: &RedbRepository, states: &NodeStates, node: &str) -> (NodeState, Option<i64>) {
    let nodes = repository.nodes().await.unwrap();
    states.learn(repository, &nodes, usize::MAX).await.unwrap();
    let node = repository.node(&node.parse().unwrap()).await.unwrap().unwrap();
    (states.state(&node, unix_now()), states.usual_interval(&node.id))
}

#[tokio::test]
async fn a_node_is_silent_after_three_of_its_own_intervals() {
    let repository = RedbRepository::in_memory().unwrap();
    // Every 65 seconds until four minutes ago, as over MQTT; and in lots of fifteen, as when polled.
    store(&repository, (0..30).map(|place| arrived("Broker", 240 + 65 * place)).collect()).await;
    let mut polled = Vec::new();
    for poll in 0..10 {
        for minute in 0..15 {
            let mut measurement = arrived("Polled", 1000 + 900 * poll + 60 * minute);
            measurement.received_at = unix_now() - 1000 - 900 * poll;
            polled.push(measurement);
        }
    }
    store(&repository, polled).await;
    store(&repository, vec![arrived("New", 2000)]).await;
    store(&repository, vec![arrived("Lost", 3000)]).await;
    store(&repository, vec![arrived("Old", 40 * 86_400)]).await;
    let states = NodeStates::new(30);
    assert_eq!(state(&repository, &states, "Broker").await, (NodeState::Silent, Some(65)));
    assert_eq!(state(&repository, &states, "Polled").await, (NodeState::Active, Some(900)));
    assert_eq!(state(&repository, &states, "New").await, (NodeState::Active, None));
    assert_eq!(state(&repository, &states, "Lost").await, (NodeState::Silent, None));
    assert_eq!(state(&repository, &states, "Old").await, (NodeState::Inactive, None));
    assert_eq!(state(&repository, &NodeStates::new(60), "Old").await.0, NodeState::Silent);
}

#[tokio::test]
async fn intervals_follow_what_arrives() {
    let repository = RedbRepository::in_memory().unwrap();
    let states = NodeStates::new(30);
    store(&repository, (0..30).map(|place| arrived("Hut", 20_000 + 65 * place)).collect()).await;
    assert_eq!(state(&repository, &states, "Hut").await, (NodeState::Silent, Some(65)));
    for arrival in (0..20).rev() {
        let new = arrived("Hut", 600 * arrival);
        store(&repository, vec![new.clone()]).await;
        states.hear(&[new]);
    }
    assert_eq!(state(&repository, &states, "Hut").await, (NodeState::Active, Some(600)));
    // After a restart the same is learned from what is stored.
    assert_eq!(state(&repository, &NodeStates::new(30), "Hut").await, (NodeState::Active, Some(600)));
}

#[tokio::test]
async fn a_change_of_state_is_told_once_and_a_deleted_node_is_forgotten() {
    let repository = RedbRepository::in_memory().unwrap();
    let states = NodeStates::new(30);
    store(&repository, (0..30).map(|place| arrived("Hut", 10 + 60 * place)).collect()).await;
    let nodes = repository.nodes().await.unwrap();
    states.learn(&repository, &nodes, usize::MAX).await.unwrap();
    let now = unix_now();
    assert_eq!(states.changes(&nodes, now), [], "a node that is new changes nothing");
    let changes = states.changes(&nodes, now + 300);
    let change = &changes[0];
    assert_eq!((changes.len(), change.node.as_str()), (1, "Hut"));
    assert_eq!((change.previous, change.state, change.at), (NodeState::Active, NodeState::Silent, now + 300));
    assert_eq!(states.changes(&nodes, now + 301), []);
    assert_eq!(states.changes(&nodes, now + 31 * 86_400)[0].state, NodeState::Inactive);
    assert_eq!(states.changes(&[], now), []);
    assert_eq!(states.usual_interval(&"Hut".parse().unwrap()), None);
}

#[tokio::test]
async fn a_node_tells_all_that_is_known_of_it() {
    let service = TestService::start().await;
    let now = unix_now();
    let with_status =
        |node: &str, second: i64, status: &str| line(node, second).replace(";300\n", &format!(";{status}\n"));
    service.deliver(&(with_status("Hut", now - 60, "900") + &with_status("Hut", now, "4d0"))).await;
    service.deliver(&line("Default", now).replace(";52.507309;13.458635;", ";52.52;13.4;")).await;
    service.deliver(&line("Unset", now).replace(";52.507309;13.458635;300", ";0;0")).await;

    let node = service.json("/api/v1/nodes/Hut").await;
    assert_eq!((&node["nodeId"], &node["state"]), (&json!("Hut"), &json!("active")));
    assert_eq!(node["usualIntervalSeconds"], Value::Null);
    assert_eq!(node["measurements"], 2);
    assert_eq!(node["position"], json!({"latitude": 52.507_309, "longitude": 13.458_635}));
    assert_eq!(node["positionState"], "set");
    assert_eq!(node["openMPPTFirmwareVersion"], "ATmega8_A_1");
    assert_eq!((&node["rateBatteryCapacity"], &node["ratedSolarModuleCapacity"]), (&json!(7.0), &json!(20.0)));
    let flags = json!([
        {"flag": "discharging", "severity": "info"},
        {"flag": "batteryLow", "severity": "warning"},
        {"flag": "capacityTooSmall", "severity": "error"},
        {"flag": "controllerLost", "severity": "critical"},
    ]);
    assert_eq!(node["status"], json!({"word": "0x4d0", "flags": flags, "severity": "critical"}));
    assert_eq!(node["latest"]["timestamp"], node["lastTimestamp"]);
    let page = service.json("/api/v1/nodes/Hut/measurements?limit=1").await;
    assert_eq!(node["latest"], page["measurements"][0], "a measurement is the same everywhere");

    let node = service.json("/api/v1/nodes/Default").await;
    assert_eq!((&node["position"], &node["positionState"]), (&Value::Null, &json!("shippedDefault")));
    let node = service.json("/api/v1/nodes/Unset").await;
    assert_eq!((&node["position"], &node["positionState"]), (&Value::Null, &json!("unset")));
    assert_eq!(node["status"], Value::Null);
    let (status, detail) = service.problem("/api/v1/nodes/hut").await;
    assert!(status == StatusCode::NOT_FOUND && detail.contains("case matters"), "{detail}");
}

#[tokio::test]
async fn nodes_come_in_pages_and_by_state() {
    let service = TestService::start().await;
    let now = unix_now();
    for node in ["Küche", "Barn", "a/b"] {
        service.deliver(&line(node, now)).await;
    }
    service.deliver(&line("Old", now - 31 * 86_400)).await;
    let mut names = Vec::new();
    let mut next = json!("/api/v1/nodes?limit=3");
    while let Some(path) = next.as_str() {
        let page = service.json(path).await;
        names.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["nodeId"].clone()));
        next = page["next"].clone();
    }
    assert_eq!(names, ["Barn", "Küche", "Old", "a/b"]);
    let old = service.json("/api/v1/nodes?state=inactive").await;
    assert_eq!((old["nodes"].as_array().unwrap().len(), &old["nodes"][0]["nodeId"]), (1, &json!("Old")));
    assert_eq!(service.json("/api/v1/nodes?state=active").await["nodes"].as_array().unwrap().len(), 3);
    let (status, detail) = service.problem("/api/v1/nodes?state=asleep").await;
    assert!(status == StatusCode::BAD_REQUEST && detail.contains("state"), "{detail}");
}

#[tokio::test]
async fn the_network_tells_who_needs_somebody() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let with = |node: &str, seconds_ago, status, charge| Measurement {
        status: Status::from_bits(status),
        battery_charge_estimate: charge,
        ..arrived(node, seconds_ago)
    };
    store(
        &repository,
        vec![
            with("Well", 10, 0x900, Some(90.0)),
            with("Low", 10, 0x480, Some(30.0)),
            with("Lower", 10, 0x480, Some(20.0)),
            with("Lost", 10, 0x010, None),
            with("Silent", 4000, 0x900, Some(95.0)),
            with("Forgotten", 40 * 86_400, 0x010, None),
        ],
    )
    .await;
    let service = TestService::with(repository, |service| service, None).await;
    let network = service.json("/api/v1/network").await;
    assert_eq!(network["nodes"], json!({"total": 6, "active": 4, "silent": 1, "inactive": 1}));
    assert_eq!(network["measurements"], 6);
    let worst: Vec<_> = network["worstNodes"].as_array().unwrap().iter().map(|node| &node["nodeId"]).collect();
    assert_eq!(worst, ["Lost", "Lower", "Low", "Silent"]);
    assert_eq!(network["worstNodes"][3]["state"], "silent");
    assert_eq!(network["clock"], "plausible");
    assert_eq!(network["transports"][0]["name"], "push");
}

#[tokio::test]
async fn the_network_counts_what_comes_in() {
    let service = TestService::guarded(Arc::new(RedbRepository::in_memory().unwrap()), &[]).await;
    let lines = format!("{}rubbish\n{}", line("Hut", unix_now()), line("Hut", unix_now() - 60));
    let request = service.client.post(format!("{}/api/v1/nodes/Hut/measurements", service.base));
    let request = request.bearer_auth(super::ADMIN).header("content-type", "text/plain").body(lines);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let network = service.json("/api/v1/network").await;
    assert_eq!((&network["ingest"]["lastMinute"], &network["ingest"]["lastHour"]), (&json!(2), &json!(2)));
    assert!(network["ingest"]["perSecond"].as_f64().unwrap() > 0.0);
    assert_eq!(network["rejects"], json!({"lastHour": 1, "byReason": [{"reason": "field_count", "count": 1}]}));
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let service = TestService::start().await;
    service.deliver(&line("Hut", unix_now() - 60)).await;
    let get = async |path: &str, tags: &str| {
        let request = service.client.get(format!("{}{path}", service.base)).header("if-none-match", tags);
        request.send().await.unwrap()
    };
    for path in ["/measurements/latest", "/api/measurements/latest", "/api/v1/nodes", "/api/v1/nodes/Hut"] {
        let response = service.get(path).await;
        assert_eq!(response.headers()["cache-control"], "no-cache", "{path}");
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        for tags in [tag.clone(), format!("\"other\", {tag}"), tag.trim_start_matches("W/").into(), "*".into()] {
            let response = get(path, &tags).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert_eq!(response.headers()["etag"], tag, "{path}");
            assert!(response.bytes().await.unwrap().is_empty());
        }
        assert_eq!(get(path, "\"other\"").await.status(), StatusCode::OK);
    }
    let before = service.get("/api/v1/nodes").await.headers()["etag"].to_str().unwrap().to_owned();
    service.deliver(&line("Hut", unix_now())).await;
    assert_eq!(get("/api/v1/nodes", &before).await.status(), StatusCode::OK);
    assert!(service.get("/api/v1/network").await.headers().contains_key("etag"));
}

#[tokio::test]
async fn the_days_of_inactivity_are_a_setting() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store(&repository, vec![arrived("Hut", 3 * 86_400)]).await;
    let states = Arc::new(NodeStates::new(2));
    let service = TestService::with(repository, |service| Service { states, ..service }, None).await;
    assert_eq!(service.json("/api/v1/nodes/Hut").await["state"], "inactive");
}
