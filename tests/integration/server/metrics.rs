//! Metrics for Prometheus.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use isems_core::{Batch, Measurement, RedbRepository, Repository, testing::sample_measurement, unix_now};
use serde_json::Value;

use super::{TestService, line};

async fn scrape(service: &TestService) -> String {
    let response = service.get("/metrics").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    response.text().await.unwrap()
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn a_node_shows_its_newest_values_and_flags() {
    let before = unix_now();
    let service = TestService::start().await;
    let now = unix_now();
    service.deliver(&line("Küche \"1\"", now)).await;
    let text = scrape(&service).await;
    let node = r#"node="Küche \"1\"""#;
    for (series, expected) in [
        (format!("isems_node_battery_voltage_volts{{{node}}}"), 14.073),
        (format!("isems_node_battery_charge_estimate_ratio{{{node}}}"), 1.0),
        (format!("isems_node_time_to_shutdown_seconds{{{node}}}"), 711.0 * 60.0),
        (format!("isems_node_rate_battery_capacity_coulombs{{{node}}}"), 7.0 * 3600.0),
        (format!("isems_node_power_save_level{{{node}}}"), 0.0),
        (format!("isems_node_status{{{node},flag=\"fullyCharged\"}}"), 1.0),
        (format!("isems_node_status{{{node},flag=\"controllerLost\"}}"), 0.0),
        (format!("isems_node_last_measured_timestamp_seconds{{{node}}}"), now as f64),
        (format!("isems_node_measurements{{{node}}}"), 1.0),
        ("isems_nodes{state=\"active\"}".into(), 1.0),
        ("isems_nodes_left_out".into(), 0.0),
    ] {
        assert_eq!(value(&text, &series), Some(expected), "{series}\n{text}");
    }
    let started = value(&text, "process_start_time_seconds").expect("it is told");
    assert!((before as f64..=now as f64).contains(&started), "{started}");
}

#[tokio::test]
async fn the_values_of_a_silent_node_disappear() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let long_ago = unix_now() - 4000;
    let measurement = Measurement { received_at: long_ago, ..sample_measurement("Hut", long_ago) };
    repository.store(Batch { measurements: vec![measurement], ..Batch::default() }).await.unwrap();
    let service = TestService::with(repository, |service| service, None).await;
    let text = scrape(&service).await;
    assert_eq!(value(&text, "isems_node_last_received_timestamp_seconds{node=\"Hut\"}"), Some(long_ago as f64));
    assert_eq!(value(&text, "isems_nodes{state=\"silent\"}"), Some(1.0));
    assert!(!text.contains("battery_voltage") && !text.contains("isems_node_status"), "{text}");
}

#[tokio::test]
async fn the_number_of_series_has_a_bound() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let now = unix_now();
    let measurements = (0..1200).map(|node| sample_measurement(&format!("Node {node}"), now)).collect();
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    let service = TestService::with(repository, |service| service, None).await;
    for path in ["/nothing", "/measurements/x/latest", "/measurements/y/latest", "/api/v1/nodes/z"] {
        service.get(path).await;
    }
    let text = scrape(&service).await;
    assert_eq!(value(&text, "isems_nodes_left_out"), Some(200.0));
    assert_eq!(text.lines().filter(|line| line.starts_with("isems_node_measurements{")).count(), 1000);
    let requests = |labels: &str| value(&text, &format!("isems_http_requests_total{{{labels}}}"));
    assert_eq!(requests(r#"method="GET",operation="latestMeasurementsOfNode",status="2xx""#), Some(2.0));
    assert_eq!(requests(r#"method="GET",operation="node",status="4xx""#), Some(1.0));
    assert_eq!(requests(r#"method="GET",operation="other",status="4xx""#), Some(1.0));
}

#[tokio::test]
async fn the_dashboard_asks_for_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(RedbRepository::open(folder.path().join("isems.redb")).unwrap());
    let service = TestService::with(database, |service| service, None).await;
    service.deliver(&line("Hut", unix_now())).await;
    let request = service.client.post(format!("{}/api/v1/nodes/Hut/measurements", service.base));
    request.send().await.unwrap();
    let text = scrape(&service).await;
    let served: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .flat_map(|(name, _)| [name])
        // It appears with the first reject.
        .chain(["isems_transport_rejected_total"])
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana-dashboard.json");
    let dashboard = std::fs::read_to_string(path).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            asked.extend(words.filter(|word| word.starts_with("isems_")).map(str::to_owned));
        }
    }
    assert!(asked.len() > 10, "{asked:?}");
    for name in &asked {
        let base = name.trim_end_matches("_bucket").trim_end_matches("_count").trim_end_matches("_sum");
        assert!(served.contains(&**name) || served.contains(base), "{name} is not served: {served:?}");
    }
}
