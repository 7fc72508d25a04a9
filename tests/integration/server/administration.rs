//! Statistics, checks, deletions, backups, and polling now.

use std::sync::Arc;

use isems_core::{MeasurementQuery, RedbRepository, Repository, testing::FailingRepository};
use isems_server::api::ServiceBuilder;
use isems_transport_http::{HttpConfig, HttpTransport};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{ADMIN, TestService, access, in_time, line};

/// 2018-06-30T13:00:00Z.
const START: i64 = 1_530_363_600;

#[tokio::test]
async fn a_node_or_a_part_of_it_is_deleted() {
    let service = TestService::guarded(Arc::new(RedbRepository::in_memory().unwrap()), &[]).await;
    for node in ["Hut", "Barn"] {
        service.deliver(&(0..60).map(|minute| line(node, START + 60 * minute)).collect::<String>()).await;
    }
    let delete = async |path: &str| service.send(Method::DELETE, path).await;
    let part = "/api/v1/nodes/Hut/measurements?from=2018-06-30T13:10:00Z&to=2018-06-30T13:20:00Z";
    assert_eq!(delete(part).await, (StatusCode::OK, json!({"deleted": 10})));
    assert_eq!(delete(part).await.1, json!({"deleted": 0}));
    let (status, problem) = delete("/api/v1/nodes/Hut/measurements").await;
    assert!(
        status == StatusCode::BAD_REQUEST && problem["detail"].as_str().unwrap().contains("from, to or both"),
        "{problem}"
    );
    assert_eq!(service.json("/api/v1/nodes/Hut").await["measurements"], 50);
    assert_eq!(delete("/api/v1/nodes/Hut").await, (StatusCode::OK, json!({"deleted": 50})));
    assert_eq!(delete("/api/v1/nodes/Hut").await.0, StatusCode::NOT_FOUND);
    assert_eq!(service.json("/api/v1/nodes/Barn").await["measurements"], 60);
    let unauthorized = service.client.delete(format!("{}/api/v1/nodes/Barn", service.base)).send().await.unwrap();
    assert_eq!(unauthorized.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_deleted_node_takes_older_measurements_again() {
    let service = TestService::guarded(Arc::new(RedbRepository::in_memory().unwrap()), &[]).await;
    service.deliver(&line("Hut", START + 3600)).await;
    assert_eq!(service.send(Method::DELETE, "/api/v1/nodes/Hut").await, (StatusCode::OK, json!({"deleted": 1})));
    for timestamp in [START, START + 3600] {
        service.deliver(&line("Hut", timestamp)).await;
    }
    let node = service.json("/api/v1/nodes/Hut").await;
    assert_eq!((&node["measurements"], &node["firstTimestamp"]), (&json!(2), &json!("2018-06-30T13:00:00Z")), "{node}");
}

#[tokio::test]
async fn statistics_and_a_check_tell_how_the_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(RedbRepository::open(folder.path().join("isems.redb")).unwrap());
    let service = TestService::guarded(database, &[]).await;
    for node in ["Hut", "Barn"] {
        service.deliver(&(0..60).map(|minute| line(node, START + 60 * minute)).collect::<String>()).await;
    }
    let (status, statistics) = service.send(Method::GET, "/api/v1/statistics").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&statistics["nodes"][1]["nodeId"], &statistics["nodes"][1]["measurements"]),
        (&json!("Hut"), &json!(60))
    );
    assert_eq!(statistics["total"]["recentMeasurements"], 120);
    assert_eq!(statistics["total"]["firstTimestamp"], "2018-06-30T13:00:00Z");
    assert!(statistics["fileBytes"].as_u64() >= statistics["liveBytes"].as_u64(), "{statistics}");
    let sound = json!({"nodes": 2, "measurements": 120, "blocks": 0, "damages": []});
    assert_eq!(service.send(Method::POST, "/api/v1/check").await, (StatusCode::OK, sound));
    for (method, path) in [(Method::GET, "/api/v1/statistics"), (Method::POST, "/api/v1/check")] {
        let response = service.client.request(method, format!("{}{path}", service.base)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let in_memory = TestService::guarded(Arc::new(RedbRepository::in_memory().unwrap()), &[]).await;
    assert_eq!(in_memory.send(Method::POST, "/api/v1/check").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_backup_is_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(RedbRepository::open(folder.path().join("isems.redb")).unwrap());
    let service = TestService::guarded(database.clone(), &[]).await;
    let lines: String = (0..3000).map(|minute| line("Hut", START + 60 * minute)).collect();
    service.deliver(&lines).await;
    let request = service.client.post(format!("{}/api/v1/backup", service.base)).bearer_auth(ADMIN);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["isems-damages"], "0");
    let disposition = response.headers()["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"isems-2"), "{disposition}");
    let path = folder.path().join("copy.redb");
    std::fs::write(&path, response.bytes().await.unwrap()).unwrap();
    let copy = RedbRepository::open(&path).unwrap();
    assert_eq!(copy.check().await.unwrap().damages, []);
    let all = MeasurementQuery::oldest_first("Hut".parse().unwrap());
    let (copied, kept) = (copy.measurements(&all).await.unwrap(), database.measurements(&all).await.unwrap());
    assert!(copied == kept && kept.len() == 3000);
    let mut names: Vec<_> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["copy.redb", "isems.redb"], "nothing is left behind");
}

#[tokio::test]
async fn where_there_is_no_file_nothing_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let file = Arc::new(RedbRepository::open(folder.path().join("isems.redb")).unwrap());
    let in_memory = Arc::new(RedbRepository::in_memory().unwrap());
    // What is around a file may do other things than it.
    let around = Arc::new(FailingRepository::new(file, 0));
    for repository in [in_memory.clone() as Arc<dyn Repository>, around] {
        let service = TestService::guarded(repository, &[]).await;
        assert_eq!(service.send(Method::POST, "/api/v1/backup").await.0, StatusCode::CONFLICT);
    }
    let service = TestService::guarded(in_memory, &[]).await;
    assert_eq!(service.send(Method::POST, "/api/v1/transports/http/poll").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn nodes_are_polled_now() {
    // Nobody listens there: that it was polled shows in what failed.
    let target = "http://127.0.0.1:9/csv.log";
    let targets = vec![target.parse().unwrap()];
    let transport = HttpTransport::new(HttpConfig { targets, ..HttpConfig::default() }).unwrap();
    let trigger = transport.trigger();
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let configure = |service: ServiceBuilder| service.access(access(&[])).poll(trigger);
    let service = TestService::with(repository, configure, Some(Box::new(transport))).await;
    in_time(async {
        while service.watcher.monitor().transports()[0].sources.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(service.json("/api/v1/transports").await["transports"][0]["follows"], json!([target]));
    let (status, answer) = service.send(Method::POST, "/api/v1/transports/http/poll").await;
    assert_eq!((status, answer), (StatusCode::ACCEPTED, json!({"targets": 1})));
    let (status, _) = service.send(Method::POST, "/api/v1/transports/mqtt/poll").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
