//! The network in one look.

use std::{sync::Arc, time::Duration};

use isems_core::{
    Batch, BoxError, Inbox, Measurement, NumberField, Payload, RedbRepository, Repository, Transport, async_trait,
    testing::sample_measurement, unix_now,
};
use isems_insight::WatcherOptions;
use serde_json::{Value, json};
use tokio::time;

use super::{Surroundings, TestService, in_time, line};

/// A node that last said something some seconds ago, with a status and a charge.
fn node(name: &str, seconds_ago: i64, status: &str, charge: f64) -> Measurement {
    let mut measurement = sample_measurement(name, unix_now() - seconds_ago);
    measurement.status = status.parse().ok();
    *measurement.number_mut(NumberField::BatteryChargeEstimate) = Some(charge);
    measurement
}

async fn service(measurements: Vec<Measurement>) -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    let watching = WatcherOptions { assesses: false, ..WatcherOptions::default() };
    let surroundings = Surroundings { watching, ..Surroundings::default() };
    TestService::within(surroundings, repository, |service| service, None).await
}

fn worst(network: &Value) -> Vec<&str> {
    network["worstNodes"].as_array().unwrap().iter().map(|node| node["nodeId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn counts_the_nodes_and_names_the_worst_in_order() {
    let hours = 3600;
    let nodes = vec![
        node("fine", 10, "900", 95.0),
        node("empty but fine", 10, "500", 36.0),
        node("silent", 2 * hours, "900", 99.0),
        node("silent, lower", 2 * hours, "900", 50.0),
        node("low", 10, "480", 41.0),
        node("lower", 10, "480", 40.0),
        node("low and silent", 2 * hours, "480", 90.0),
        node("worn", 10, "840", 80.0),
        node("lost", 10, "010", 0.0),
        node("gone", 40 * 24 * hours, "010", 0.0),
    ];
    let service = service(nodes).await;
    let network = service.json("/api/v1/network").await;
    assert_eq!(network["nodes"], json!({ "total": 10, "active": 6, "silent": 3, "inactive": 1 }));
    assert_eq!(network["measurements"], 10);
    let order = ["lost", "worn", "low and silent", "lower", "low", "silent, lower", "silent"];
    assert_eq!(worst(&network), order);
    let low = &network["worstNodes"][2];
    assert_eq!(low["state"], "silent");
    assert_eq!(low["severity"], "warning");
    assert_eq!(
        low["flags"],
        json!([{ "flag": "discharging", "severity": "info" }, { "flag": "batteryLow", "severity": "warning" }])
    );
    assert_eq!(low["batteryChargeEstimate"], 90.0);
    assert!(low["batteryVoltage"].is_number() && low["lastReceivedAt"].is_string());
    assert_eq!(network["clock"], "plausible");
    assert_eq!(network["ingest"], json!({ "lastMinute": 0, "lastHour": 0, "perSecond": 0.0 }));
    assert_eq!(network["rejects"], json!({ "lastHour": 0, "byReason": [] }));
}

#[tokio::test]
async fn names_ten_at_most() {
    let service =
        service((0..25).map(|number| node(&format!("{number}"), 10, "480", f64::from(number))).collect()).await;
    let network = service.json("/api/v1/network").await;
    assert_eq!(worst(&network), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[tokio::test]
async fn an_empty_network_is_no_error() {
    let network = TestService::start().await.json("/api/v1/network").await;
    assert_eq!(network["nodes"], json!({ "total": 0, "active": 0, "silent": 0, "inactive": 0 }));
    assert_eq!(network["worstNodes"], json!([]));
}

/// A transport that delivers once, and goes on.
struct Once(String);

#[async_trait]
impl Transport for Once {
    fn name(&self) -> &'static str {
        "once"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        inbox.source_up("10.36.0.7");
        inbox.source_down("10.36.0.9", &"connection refused");
        inbox.deliver(Payload::csvlog(self.0.as_bytes(), "10.36.0.7")).await?;
        std::future::pending().await
    }
}

#[tokio::test]
async fn tells_what_came_in_and_what_did_not() {
    let now = unix_now();
    let good: String = (1..=119).map(|back| line("Hut", now - back * 60)).collect();
    let bad = line("Hut", now).replace("14.073", "14.o73") + "what is this?\n" + "and this?\n";
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let service = TestService::with(repository, |service| service, Some(Box::new(Once(good + &bad)))).await;
    let network = in_time(async {
        loop {
            let network = service.json("/api/v1/network").await;
            if network["ingest"]["lastHour"] == 120 {
                return network;
            }
            time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(network["ingest"]["lastMinute"], 120);
    assert!(network["ingest"]["perSecond"].as_f64().unwrap() > 0.0);
    let rejects = json!({ "lastHour": 2, "byReason": [{ "reason": "field_count", "count": 2 }] });
    assert_eq!(network["rejects"], rejects);
    let dropped = json!({ "field": "batteryVoltage", "reason": "number_invalid", "count": 1 });
    assert_eq!(network["droppedValues"], json!({ "lastHour": 1, "byField": [dropped] }));
    assert_eq!(
        network["transports"][0],
        json!({ "name": "once", "state": "running", "sourcesUp": 1, "sourcesDown": 1 })
    );
}
