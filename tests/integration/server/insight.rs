//! The condition of the nodes, over HTTP.

use std::{sync::Arc, time::Duration};

use isems_core::{
    Batch, Measurement, RedbRepository, Repository,
    simulation::{TrueMesh, TrueMeshOptions},
};
use isems_insight::WatcherOptions;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use tokio::time;

use super::{Surroundings, TestService, in_time};

/// 2026-03-08T12:00:00Z.
const NOON: i64 = 1_772_971_200;
const DAY: i64 = 86_400;

/// Some simulated nodes from twelve days before noon to a day after it.
struct Mesh {
    before: Vec<Measurement>,
    after: Vec<Measurement>,
    /// The nodes whose load is off at noon.
    off: Vec<String>,
}

fn mesh() -> Mesh {
    let options = TrueMeshOptions {
        seed: 7,
        nodes: 4,
        place: (52.5, 13.4),
        start: NOON - 12 * DAY,
        end: NOON + DAY,
        has_events: false,
    };
    let mut mesh = TrueMesh::new(options);
    let mut measurements = mesh.advance(NOON);
    let off = mesh.ids().filter(|node| mesh.is_load_on(node) == Some(false)).map(ToString::to_string).collect();
    measurements.extend(mesh.advance(NOON + DAY));
    let (before, after) = measurements.into_iter().partition(|measurement| measurement.timestamp < NOON);
    Mesh { before, after, off }
}

/// A service at noon.
async fn service(measurements: Vec<Measurement>) -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    let watching = WatcherOptions { clock: Arc::new(|| NOON), ..WatcherOptions::default() };
    let surroundings = Surroundings { watching, ..Surroundings::default() };
    TestService::within(surroundings, repository, |service| service, None).await
}

/// The newest assessments, once there is one of each node.
async fn assessed(service: &TestService, nodes: usize) -> Value {
    let assessed = async {
        loop {
            let insight = service.json("/api/v1/insight").await;
            if insight["nodes"].as_array().unwrap().len() == nodes {
                return insight;
            }
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    in_time(assessed).await
}

#[tokio::test]
async fn every_node_is_assessed_and_the_worst_comes_first() {
    let Mesh { before, off, .. } = mesh();
    let service = service(before).await;
    let insight = assessed(&service, 4).await;
    let nodes = insight["nodes"].as_array().unwrap();
    let rank = |node: &Value| ["urgent", "attention", "unknown", "ok"].iter().position(|level| node["level"] == *level);
    assert!(nodes.iter().map(|node| rank(node).unwrap()).is_sorted(), "{insight}");
    for node in nodes {
        assert_eq!(node["at"], "2026-03-08T12:00:00Z");
        let has_run_empty = off.iter().any(|name| node["nodeId"] == **name);
        assert_eq!(node["silence"]["cause"] == "ranEmpty", has_run_empty, "{node}");
        let usable = node["energy"]["usablePercent"].as_f64().unwrap();
        assert!((0.0..=100.0).contains(&usable), "{node}");
        assert!(node["data"]["completenessPercent"].as_f64().unwrap() > 90.0);
        let name = node["nodeId"].as_str().unwrap();
        assert_eq!(service.json(&format!("/api/v1/nodes/{name}/insight")).await, *node);
    }
    let level = nodes[0]["level"].as_str().unwrap();
    let same = service.json(&format!("/api/v1/insight?level={level}")).await;
    assert!(same["nodes"].as_array().unwrap().iter().all(|node| node["level"] == level));
    assert_eq!(same["nodes"][0], nodes[0]);
    assert_eq!(service.json("/api/v1/insight?code=idDefault").await, json!({ "nodes": [] }));
}

#[tokio::test]
async fn network_and_metrics_speak_of_the_same() {
    let service = service(mesh().before).await;
    let insight = assessed(&service, 4).await;
    let nodes = insight["nodes"].as_array().unwrap();
    let is_told = |node: &&Value| node["level"] == "attention" || node["level"] == "urgent";
    let told: Vec<&Value> = nodes.iter().filter(is_told).map(|node| &node["nodeId"]).collect();
    let network = service.json("/api/v1/network").await;
    let worst = network["worstNodes"].as_array().unwrap();
    assert_eq!(worst.len(), told.len());
    assert!(worst.iter().all(|node| told.contains(&&node["nodeId"])), "{network}");
    assert_eq!(worst[0]["level"], nodes[0]["level"]);
    let metrics = service.get("/metrics").await.text().await.unwrap();
    for node in nodes {
        let (name, level) = (node["nodeId"].as_str().unwrap(), node["level"].as_str().unwrap());
        assert!(metrics.contains(&format!("isems_node_level{{node=\"{name}\",level=\"{level}\"}} 1\n")), "{metrics}");
        let urgent = node["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "urgent").count();
        let line = format!("isems_node_findings{{node=\"{name}\",severity=\"urgent\"}} {urgent}\n");
        assert!(metrics.contains(&line), "{metrics}");
        let is_off_soon = metrics.contains(&format!("isems_node_load_off_seconds{{node=\"{name}\"}}"));
        assert_eq!(is_off_soon, !node["energy"]["loadOff"].is_null());
    }
}

/// So every forecast can be checked afterwards.
#[tokio::test]
async fn what_was_measured_later_changes_no_earlier_assessment() {
    let Mesh { before, after, .. } = mesh();
    let service = service(before).await;
    let now = assessed(&service, 4).await;
    let path = "/api/v1/insight?at=2026-03-08T12:00Z";
    let then = service.json(path).await;
    for (then, now) in then["nodes"].as_array().unwrap().iter().zip(now["nodes"].as_array().unwrap()) {
        for (name, value) in then.as_object().unwrap() {
            assert_eq!(*value, now[name], "{name}: the newest assessment is made from the same");
        }
    }
    let node = format!("/api/v1/nodes/{}/insight?at={NOON}", then["nodes"][0]["nodeId"].as_str().unwrap());
    let node_then = service.json(&node).await;
    assert_eq!(node_then, then["nodes"][0]);
    service.watcher.repository().store(Batch { measurements: after, ..Batch::default() }).await.unwrap();
    assert_eq!(service.json(path).await, then);
    assert_eq!(service.json(&node).await, node_then);
    let later = service.json(&format!("/api/v1/insight?at={}", NOON + DAY)).await;
    assert_ne!(later["nodes"][0]["energy"], then["nodes"][0]["energy"]);
}

#[tokio::test]
async fn nothing_is_said_of_nodes_that_there_are_not() {
    let service = service(mesh().before).await;
    let insight = assessed(&service, 4).await;
    let name = insight["nodes"][0]["nodeId"].as_str().unwrap();
    for path in ["/api/v1/nodes/Nowhere/insight".into(), format!("/api/v1/nodes/{name}/insight?at=2020-01-01")] {
        assert_eq!(service.get(&path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(service.json("/api/v1/insight?at=2020-01-01").await, json!({ "nodes": [] }));
    for query in ["at=yesterday", "level=bad", "code=bad", "node=Hut"] {
        assert_eq!(service.get(&format!("/api/v1/insight?{query}")).await.status(), StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn an_assessment_that_is_known_is_not_sent_again() {
    let service = service(mesh().before).await;
    assessed(&service, 4).await;
    let tag = service.get("/api/v1/insight").await.headers()[header::ETAG].clone();
    let request = service.client.get(format!("{}/api/v1/insight", service.base)).header(header::IF_NONE_MATCH, tag);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
}
