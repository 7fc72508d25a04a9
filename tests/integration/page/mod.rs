//! The pages for people, over HTTP.

mod assets;
mod base_path;
mod collector;
mod deletion;
mod map;
mod node;
mod overview;
mod preferences;
mod sign_in;
mod tiles;

use std::{sync::Arc, time::Duration};

use isems_core::{
    Batch, Measurement, RedbRepository, Repository,
    simulation::{TrueMesh, TrueMeshOptions},
};
use isems_insight::WatcherOptions;
use reqwest::{Method, StatusCode};
use tokio::time;

use crate::server::{TestService, in_time};

/// 2026-03-08T12:00:00Z.
const NOON: i64 = 1_772_971_200;
const DAY: i64 = 86_400;

/// A service with these measurements at noon.
async fn at_noon(measurements: Vec<Measurement>) -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    let watching = WatcherOptions { clock: Arc::new(|| NOON), ..WatcherOptions::default() };
    TestService::watching(watching, repository).await
}

/// The measurements of simulated nodes in the days before noon.
fn simulated(nodes: u32, days: i64) -> Vec<Measurement> {
    let options =
        TrueMeshOptions { seed: 7, nodes, place: (52.5, 13.4), start: NOON - days * DAY, end: NOON, has_events: false };
    TrueMesh::new(options).advance(NOON)
}

/// A measurement at noon with nothing in it but a voltage.
fn measured(node: &str) -> Measurement {
    let mut measurement = Measurement::new(node.parse().unwrap(), NOON - 60, NOON - 60);
    measurement.battery_voltage = Some(12.9);
    measurement
}

/// The text of a page as a viewer with some headers gets it.
async fn page(service: &TestService, path: &str, headers: &[(&str, &str)]) -> String {
    let request =
        headers.iter().fold(service.request(Method::GET, path), |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{path}");
    response.text().await.unwrap()
}

/// Waits until every node is assessed.
async fn assessed(service: &TestService) {
    let nodes = service.json("/api/v1/nodes").await["nodes"].as_array().unwrap().len();
    in_time(async {
        while service.json("/api/v1/insight").await["nodes"].as_array().unwrap().len() < nodes {
            time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
