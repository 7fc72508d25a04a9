//! Fields over time, in buckets.

use std::sync::Arc;

use isems_core::{Batch, Measurement, NumberField, RedbRepository, Repository, testing::sample_measurement};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{TestService, line};

/// 2018-06-30T00:00:00Z.
const MIDNIGHT: i64 = 1_530_316_800;

async fn serving(measurements: Vec<Measurement>) -> TestService {
    let repository = RedbRepository::in_memory().unwrap();
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    TestService::with(Arc::new(repository), |service| service, None).await
}

/// A measurement with a battery voltage and nothing else.
fn voltage(node: &str, second: i64, voltage: f64) -> Measurement {
    let mut measurement = Measurement::new(node.parse().unwrap(), MIDNIGHT + second, MIDNIGHT + second);
    measurement.battery_voltage = Some(voltage);
    measurement
}

#[tokio::test]
async fn buckets_have_lowest_average_highest_and_count_and_gaps_have_none() {
    let times = [(0, 11.0), (60, 12.0), (3599, 14.5), (7200, 13.0), (7201, 13.1)];
    let service = serving(times.map(|(second, value)| voltage("Hut", second, value)).into()).await;
    let series =
        service.json("/api/v1/nodes/Hut/series?points=4&fields=batteryVoltage,mppVoltage,batteryVoltage").await;
    let none = json!([null, null, null]);
    let wanted = json!({
        "nodeId": "Hut",
        "from": "2018-06-30T00:00:00Z",
        "to": "2018-06-30T03:00:00Z",
        "intervalSeconds": 3600,
        "timestamps": ["2018-06-30T00:00:00Z", "2018-06-30T01:00:00Z", "2018-06-30T02:00:00Z"],
        "fields": [
            {
                "field": "batteryVoltage",
                "unit": "V",
                "min": [11.0, null, 13.0],
                "average": [12.5, null, 13.05],
                "max": [14.5, null, 13.1],
                "count": [3, 0, 2],
            },
            { "field": "mppVoltage", "unit": "V", "min": none, "average": none, "max": none, "count": [0, 0, 0] },
        ],
    });
    assert_eq!(series, wanted);
    let part =
        service.json("/api/v1/nodes/Hut/series?from=2018-06-30T00:01:00Z&to=2018-06-30T02:00:01Z&points=3").await;
    assert_eq!(part["fields"][0]["count"], json!([2, 0, 1]));
    for query in ["from=2018-07-02", "to=2018-01-01", "from=2018-07-01&to=2018-06-01"] {
        let nothing = service.json(&format!("/api/v1/nodes/Hut/series?{query}")).await;
        assert_eq!((&nothing["timestamps"], &nothing["fields"][0]["min"]), (&json!([]), &json!([])), "{query}");
        assert_eq!(nothing["from"], nothing["to"], "{query}");
    }
}

#[tokio::test]
async fn without_wishes_a_chart_has_the_battery_and_500_points_at_most() {
    let service = serving((0..1000).map(|minute| sample_measurement("Hut", MIDNIGHT + 60 * minute)).collect()).await;
    let series = service.json("/api/v1/nodes/Hut/series").await;
    let fields: Vec<&str> =
        series["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["batteryVoltage", "batteryChargeEstimate", "batteryTemperature"]);
    assert_eq!((series["timestamps"].as_array().unwrap().len(), &series["intervalSeconds"]), (500, &json!(120)));
    let counts = series["fields"][2]["count"].as_array().unwrap();
    assert_eq!(counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 1000);
}

#[tokio::test]
async fn nodes_of_one_chart_have_the_same_buckets() {
    let service = serving(vec![
        voltage("Barn", 0, 11.0),
        voltage("Barn", 60, 11.5),
        voltage("Hut", 10_000, 12.0),
        voltage("Mill", 35_999, 13.0),
        voltage("Old", -90 * 86_400, 10.0),
    ])
    .await;
    let chart = "/api/v1/series?nodes=Mill&nodes=Barn&nodes=Hut&nodes=Barn&fields=batteryVoltage&points=10";
    let series = service.json(chart).await["series"].clone();
    let names: Vec<&str> = series.as_array().unwrap().iter().map(|one| one["nodeId"].as_str().unwrap()).collect();
    assert_eq!(names, ["Barn", "Hut", "Mill"]);
    let counts = [[2, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]];
    for (one, counts) in series.as_array().unwrap().iter().zip(counts) {
        assert_eq!(one["intervalSeconds"], 3600);
        assert_eq!(one["timestamps"], series[0]["timestamps"]);
        assert_eq!((&one["from"], &one["to"]), (&json!("2018-06-30T00:00:00Z"), &json!("2018-06-30T10:00:00Z")));
        assert_eq!(one["fields"][0]["count"], json!(counts), "{}", one["nodeId"]);
    }
    assert_eq!(series[1]["fields"][0]["average"][2], 12.0);

    // All of them, and a range that one of them has nothing in.
    let all = service.json("/api/v1/series?from=2018-06-30&fields=batteryVoltage&points=10").await;
    let old = &all["series"][3];
    assert_eq!((&old["nodeId"], &old["timestamps"]), (&json!("Old"), &series[0]["timestamps"]));
    assert_eq!(old["fields"][0]["count"], Value::from(vec![0; 10]));
    assert_eq!(service.json("/api/v1/series?to=2018-01-01").await["series"][0]["timestamps"], json!([]));
}

#[tokio::test]
async fn a_chart_of_everything_is_bounded() {
    let service = TestService::start().await;
    assert_eq!(service.json("/api/v1/series").await, json!({ "series": [] }));
    let names: Vec<String> = (0..101).map(|number| format!("node-{number:03}")).collect();
    let lines = |name: &String| line(name, MIDNIGHT) + &line(name, MIDNIGHT + 5000);
    service.deliver(&names.iter().map(lines).collect::<String>()).await;
    let (status, detail) = service.problem("/api/v1/series").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(detail.contains("101 nodes, but at most 100") && detail.contains("nodes="), "{detail}");

    let nodes: Vec<String> = names[1..].iter().map(|name| format!("nodes={name}")).collect();
    let fields: Vec<&str> = NumberField::ALL.iter().map(|field| field.name()).collect();
    let path = format!("/api/v1/series?{}&points=5000&fields={}", nodes.join("&"), fields.join(","));
    let chart = service.json(&path).await;
    let series = chart["series"].as_array().unwrap();
    let buckets: usize = series.iter().map(|one| one["timestamps"].as_array().unwrap().len()).sum();
    assert!(series.len() == 100 && buckets > 0 && buckets * fields.len() <= 250_000, "{buckets}");
    let of_two = service.json("/api/v1/series?nodes=node-001&nodes=node-002&points=5000").await;
    assert_eq!(of_two["series"][1]["timestamps"].as_array().unwrap().len(), 2501, "a few get what they ask for");
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_what_is() {
    let service = serving(vec![voltage("Hut", 0, 12.0)]).await;
    for (path, status, wanted) in [
        ("/api/v1/nodes/Nobody/series", 404, "\"Nobody\""),
        ("/api/v1/series?nodes=Hut&nodes=Nobody", 404, "\"Nobody\""),
        ("/api/v1/series?node=Hut", 400, "expected one of fields, from, to, points, nodes"),
        ("/api/v1/nodes/Hut/series?tz=UTC", 400, "expected one of fields, from, to, points"),
        ("/api/v1/nodes/Hut/series?fields=voltage", 400, "batteryVoltage"),
        ("/api/v1/nodes/Hut/series?fields=", 400, "fields"),
        ("/api/v1/nodes/Hut/series?points=0", 400, "points"),
        ("/api/v1/nodes/Hut/series?points=5001", 400, "points"),
        ("/api/v1/nodes/Hut/series?from=now&from=now", 400, "from is given twice"),
    ] {
        let (found, detail) = service.problem(path).await;
        assert!(found.as_u16() == status && detail.contains(wanted), "{path}: {found} {detail}");
    }
}

#[tokio::test]
async fn the_document_knows_gaps_time_zones_and_what_may_be_missing() {
    let service = TestService::start().await;
    let document = service.json("/openapi.json").await;
    let columns = &document["components"]["schemas"]["SeriesField"]["properties"];
    for column in ["min", "average", "max"] {
        assert_eq!(columns[column]["items"]["nullable"], true, "{column}");
    }
    for path in ["/api/v1/measurements", "/api/v1/series"] {
        for parameter in document["paths"][path]["get"]["parameters"].as_array().unwrap() {
            assert_eq!(parameter["required"], false, "{path}: {}", parameter["name"]);
        }
    }
    let names = document["components"]["schemas"]["TimeZone"]["enum"].as_array().unwrap();
    assert!(names.len() > 400 && names.contains(&json!("Europe/Berlin")));
}
