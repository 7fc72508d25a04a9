//! Measurements in pages, and as text.

use std::{io::Read, sync::Arc};

use flate2::read::GzDecoder;
use isems_core::{
    Batch, Measurement, MeasurementQuery, RedbRepository, Repository, RepositoryError, Stored, async_trait,
    testing::{HookedRepository, StoreHook, sample_measurement},
};
use reqwest::StatusCode;
use serde_json::Value;

use super::{TestService, line};

/// 2018-06-30T13:00:00Z.
const START: i64 = 1_530_363_600;

/// Minutes of the hour of each node.
async fn service() -> TestService {
    let service = TestService::start().await;
    let lines: String = (0..60).map(|minute| line("Hut", START + 60 * minute)).collect();
    service.deliver(&lines).await;
    let lines: String = (0..30).map(|minute| line("Elektra/Dach, Süd", START + 120 * minute)).collect();
    service.deliver(&lines).await;
    service
}

/// Stores so many minutes of one node.
async fn store_minutes(repository: &dyn Repository, minutes: i64) {
    let measurements = (0..minutes).map(|minute| sample_measurement("Hut", START + 60 * minute)).collect();
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
}

fn seconds(answer: &Value) -> Vec<(String, i64)> {
    let measurements = answer["measurements"].as_array().unwrap().iter();
    let second = |time: &str| (time[14..16].parse::<i64>().unwrap()) * 60;
    measurements
        .map(|measurement| {
            let time = measurement["timestamp"].as_str().unwrap();
            assert!(time.starts_with("2018-06-30T13:") && time.ends_with('Z'), "{time}");
            (measurement["nodeId"].as_str().unwrap().to_owned(), second(time))
        })
        .collect()
}

/// All pages from a path on.
async fn follow(service: &TestService, path: &str) -> Vec<Vec<(String, i64)>> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let response = service.get(&path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        next = answer["next"].as_str().map(Into::into);
        assert_eq!(link, next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")));
        pages.push(seconds(&answer));
    }
    pages
}

#[tokio::test]
async fn pages_lead_through_all_in_either_order() {
    let service = service().await;
    for (order, newest_first) in [("", true), ("&order=desc", true), ("&order=asc", false)] {
        let pages = follow(&service, &format!("/api/v1/nodes/Hut/measurements?limit=25{order}")).await;
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [25, 25, 10]);
        let mut found: Vec<i64> = pages.into_iter().flatten().map(|(_, second)| second).collect();
        if newest_first {
            found.reverse();
        }
        assert_eq!(found, (0..60).map(|minute| 60 * minute).collect::<Vec<_>>(), "{order}");
    }
    // A page that has just all of them is the last one.
    assert_eq!(follow(&service, "/api/v1/nodes/Hut/measurements?limit=60").await.len(), 1);
}

#[tokio::test]
async fn pages_of_several_nodes_go_from_node_to_node() {
    let service = service().await;
    let all: Vec<_> = follow(&service, "/api/v1/measurements?limit=7&order=asc").await.concat();
    let mut expected: Vec<(String, i64)> = (0..30).map(|m| ("Elektra/Dach, Süd".into(), 120 * m)).collect();
    expected.extend((0..60).map(|minute| ("Hut".into(), 60 * minute)));
    assert_eq!(all, expected);
    let named = "/api/v1/measurements?limit=50&nodes=Hut&nodes=Elektra%2FDach%2C%20S%C3%BCd&nodes=Hut";
    assert_eq!(follow(&service, named).await.concat().len(), 90);
    let one = follow(&service, "/api/v1/measurements?nodes=Hut").await.concat();
    assert_eq!((one.len(), one[0].1), (60, 59 * 60));
    let (status, detail) = service.problem("/api/v1/measurements?nodes=Hut&nodes=Barn").await;
    assert!(status == StatusCode::NOT_FOUND && detail.contains("\"Barn\""), "{detail}");
}

#[tokio::test]
async fn what_is_stored_meanwhile_is_met_once() {
    let service = service().await;
    let first = service.json("/api/v1/nodes/Hut/measurements?limit=20&order=asc").await;
    service.deliver(&(line("Hut", START + 30) + &line("Hut", START + 59 * 60 + 30))).await;
    let rest = follow(&service, first["next"].as_str().unwrap()).await.concat();
    assert_eq!(rest.len(), 41, "what lies before the page is past");
}

#[tokio::test]
async fn times_come_in_every_form() {
    let service = service().await;
    for (range, count) in [
        ("from=2018-06-30T13:10:00Z&to=2018-06-30T13:20:00Z", 10),
        ("from=2018-06-30T15:10:00%2B02:00&to=2018-06-30T13:20:00Z", 10),
        ("from=1530364200&to=1530364800", 10),
        ("from=2018-06-30&to=2018-07-01", 60),
        // In Kiribati that day is over already.
        ("from=2018-06-30&to=2018-07-01&tz=Pacific/Kiritimati", 0),
        ("from=2018-07-01&tz=Pacific/Kiritimati", 60),
        ("from=-24h", 0),
        ("to=now", 60),
        ("from=2018-06-30T13:59:00.5Z", 0),
        ("from=2018-07-01&to=2018-06-30", 0),
    ] {
        let answer = service.json(&format!("/api/v1/nodes/Hut/measurements?{range}")).await;
        assert_eq!(answer["measurements"].as_array().unwrap().len(), count, "{range}");
    }
    for (query, wanted) in [
        ("from=yesterday", "expected a time"),
        ("to=2018-06-30T13:00:00", "offset"),
        ("from=-24", "-24h"),
        ("tz=Mars/Olympus", "Europe/Berlin"),
        ("limit=0", "`limit`"),
        ("limit=10001", "`limit`"),
        ("order=up", "order"),
        ("cursor=x", "cursor"),
        ("since=now", "known are from, to, order, limit, cursor, format, tz"),
        ("from=now&from=now", "given twice"),
    ] {
        let (status, detail) = service.problem(&format!("/api/v1/nodes/Hut/measurements?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(detail.contains(wanted), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_measurement_is_what_it_says_in_every_format() {
    let service = service().await;
    let node = "/api/v1/nodes/Elektra%2FDach%2C%20S%C3%BCd/measurements";
    let response = service.get(&format!("{node}?format=csv&order=asc&tz=Europe/Berlin&limit=1")).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let disposition = response.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"Elektra_Dach_ S_d.csv\"; filename*=UTF-8''Elektra%2FDach%2C%20S%C3%BCd.csv");
    let csv = response.text().await.unwrap();
    let mut lines = csv.split("\r\n");
    assert!(lines.next().unwrap().starts_with("nodeId,timestamp,timeSource,receivedAt,"), "{csv}");
    assert!(lines.next().unwrap().starts_with("\"Elektra/Dach, Süd\",2018-06-30T15:00:00+02:00,node,"), "{csv}");
    assert!(csv.ends_with(",0x300\r\n") && lines.next() == Some(""), "{csv}");

    let page = service.json(&format!("{node}?limit=30")).await;
    let response = service.client.get(format!("{}{node}", service.base)).header("accept", "application/x-ndjson");
    let response = response.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let lines = response.text().await.unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(page["measurements"], Value::Array(lines));
}

#[tokio::test]
async fn the_client_says_what_it_accepts() {
    let service = service().await;
    for (accept, content_type) in [
        ("*/*", "application/json"),
        ("text/html, application/json;q=0.5", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/json;q=0.3, text/csv;q=0.8", "text/csv; charset=utf-8"),
        ("application/x-ndjson, */*;q=0.1", "application/x-ndjson"),
    ] {
        let request = service.client.get(format!("{}/api/v1/nodes/Hut/measurements", service.base));
        let response = request.header("accept", accept).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], content_type, "{accept}");
    }
    for accept in ["image/png", "text/csv;q=0"] {
        let request = service.client.get(format!("{}/api/v1/nodes/Hut/measurements", service.base));
        assert_eq!(request.header("accept", accept).send().await.unwrap().status(), StatusCode::NOT_ACCEPTABLE);
    }
    let request = service.client.get(format!("{}/api/v1/measurements?format=csv", service.base));
    let response = request.header("accept", "image/png").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8", "the parameter goes before the header");
}

#[tokio::test]
async fn a_stream_is_the_same_compressed() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store_minutes(&*repository, 20_000).await;
    let service = TestService::with(repository, |service| service, None).await;
    let url = format!("{}/api/v1/nodes/Hut/measurements?format=csv", service.base);
    let plain = service.client.get(&url).send().await.unwrap();
    assert!(plain.headers().get("content-length").is_none());
    let plain = plain.bytes().await.unwrap();
    assert_eq!(plain.split(|byte| *byte == b'\n').count(), 20_002);
    let packed = service.client.get(&url).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain);
    assert!(packed.len() < plain.len() / 4, "{} of {}", packed.len(), plain.len());
}

/// A repository that cannot be read before a time.
struct Failing;

const FIRST_READABLE: i64 = START + 60 * 25_000;

#[async_trait]
impl StoreHook for Failing {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        repository.store(batch).await
    }

    async fn measurements(
        &self,
        repository: &dyn Repository,
        query: &MeasurementQuery,
    ) -> Result<Vec<Measurement>, RepositoryError> {
        if query.to < FIRST_READABLE {
            return Err(RepositoryError::Storage { action: "read", source: "the disk is gone".into() });
        }
        repository.measurements(query).await
    }
}

#[tokio::test]
async fn a_stream_that_cannot_go_on_breaks_off() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    store_minutes(&*repository, 30_000).await;
    let failing = HookedRepository::over(repository, Failing);
    let service = TestService::with(Arc::new(failing), |service| service, None).await;
    for encoding in ["identity", "gzip"] {
        let request = service.client.get(format!("{}/api/v1/measurements?format=ndjson", service.base));
        let response = request.header("accept-encoding", encoding).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{encoding}");
        assert!(response.bytes().await.is_err(), "{encoding}");
    }
}
