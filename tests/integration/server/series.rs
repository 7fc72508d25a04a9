//! Series over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{TestService, line};

/// 2018-06-30T13:00:00Z.
const START: i64 = 1_530_363_600;

fn with_voltage(node: &str, timestamp: i64, voltage: &str) -> String {
    line(node, timestamp).replace(";14.073;", &format!(";{voltage};"))
}

/// Two hours of one node with a gap, and another node a day later.
async fn service() -> TestService {
    let service = TestService::start().await;
    let mut lines = String::new();
    for minute in 0..120 {
        if !(30..90).contains(&minute) {
            lines += &with_voltage("Hut", START + 60 * minute, if minute % 2 == 0 { "12" } else { "13" });
        }
    }
    service.deliver(&lines).await;
    service.deliver(&with_voltage("Barn", START + 86_400, "-")).await;
    service.deliver(&with_voltage("Barn", START + 86_460, "11.5")).await;
    service
}

#[tokio::test]
async fn a_gap_is_a_gap() {
    let service = service().await;
    let series = service.json("/api/v1/nodes/Hut/series?fields=batteryVoltage,batteryTemperature&points=4").await;
    let expected = json!({
        "nodeId": "Hut",
        "intervalSeconds": 1800,
        "timestamps": ["2018-06-30T13:00:00Z", "2018-06-30T13:30:00Z", "2018-06-30T14:00:00Z", "2018-06-30T14:30:00Z"],
        "fields": [
            {
                "field": "batteryVoltage", "unit": "V",
                "min": [12.0, null, null, 12.0], "average": [12.5, null, null, 12.5], "max": [13.0, null, null, 13.0],
                "count": [30, 0, 0, 30],
            },
            {
                "field": "batteryTemperature", "unit": "degC",
                "min": [28.0, null, null, 28.0], "average": [28.0, null, null, 28.0], "max": [28.0, null, null, 28.0],
                "count": [30, 0, 0, 30],
            },
        ],
    });
    assert_eq!(series, expected);
}

#[tokio::test]
async fn the_range_and_the_points_are_those_that_are_asked_for() {
    let service = service().await;
    let path = "/api/v1/nodes/Hut/series?from=2018-06-30T13:10:00Z&to=2018-06-30T13:20:00Z";
    let series = service.json(path).await;
    assert_eq!(series["intervalSeconds"], 2, "500 points are the default: 300 of 2 s");
    assert_eq!(series["fields"].as_array().unwrap().len(), 3);
    let counts = series["fields"][0]["count"].as_array().unwrap();
    assert_eq!((counts.len(), counts.iter().filter_map(Value::as_u64).sum::<u64>()), (300, 10));
    let empty = service.json("/api/v1/nodes/Hut/series?from=2019-01-01").await;
    assert_eq!((&empty["timestamps"], &empty["fields"][0]["min"]), (&json!([]), &json!([])));
    let twice = service.json("/api/v1/nodes/Hut/series?fields=mppVoltage,mppVoltage").await;
    assert_eq!(twice["fields"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn several_nodes_have_the_same_buckets() {
    let service = service().await;
    for path in [
        "/api/v1/series?fields=batteryVoltage&points=26",
        "/api/v1/series?fields=batteryVoltage&points=26&nodes=Hut&nodes=Barn",
    ] {
        let answer = service.json(path).await;
        let series = answer["series"].as_array().unwrap();
        assert_eq!((&series[0]["nodeId"], &series[1]["nodeId"]), (&json!("Barn"), &json!("Hut")));
        for series in series {
            assert_eq!(series["intervalSeconds"], 3600);
            let timestamps = series["timestamps"].as_array().unwrap();
            assert_eq!((timestamps.len(), &timestamps[24]), (25, &json!("2018-07-01T13:00:00Z")));
        }
        let counts = |series: &Value| {
            let counts = series["fields"][0]["count"].as_array().unwrap();
            counts.iter().map(|count| count.as_u64().unwrap()).collect::<Vec<_>>()
        };
        let mut expected = vec![0; 25];
        expected[24] = 1;
        assert_eq!(counts(&series[0]), expected);
        let mut expected = vec![0; 25];
        (expected[0], expected[1]) = (30, 30);
        assert_eq!(counts(&series[1]), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_can() {
    let service = service().await;
    for (path, status, wanted) in [
        ("/api/v1/nodes/Shed/series", StatusCode::NOT_FOUND, "\"Shed\""),
        ("/api/v1/series?nodes=Hut&nodes=Shed", StatusCode::NOT_FOUND, "\"Shed\""),
        ("/api/v1/nodes/Hut/series?fields=volts", StatusCode::BAD_REQUEST, "batteryVoltage"),
        ("/api/v1/nodes/Hut/series?points=0", StatusCode::BAD_REQUEST, "`points`"),
        ("/api/v1/nodes/Hut/series?points=5001", StatusCode::BAD_REQUEST, "`points`"),
        ("/api/v1/series?node=Hut", StatusCode::BAD_REQUEST, "known are fields, from, to, points, nodes"),
    ] {
        let (found, detail) = service.problem(path).await;
        assert!(found == status && detail.contains(wanted), "{path}: {found} {detail}");
    }
}

#[tokio::test]
async fn too_many_nodes_at_once_are_refused() {
    let service = TestService::start().await;
    let lines: String = (0..101).map(|node| line(&format!("Node {node}"), START)).collect();
    service.deliver(&lines).await;
    let (status, detail) = service.problem("/api/v1/series").await;
    assert!(status == StatusCode::BAD_REQUEST && detail.contains("101 nodes"), "{detail}");
    assert_eq!(service.json("/api/v1/series?nodes=Node%20100").await["series"].as_array().unwrap().len(), 1);
}
