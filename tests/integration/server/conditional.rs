//! Answers that are sent again only if they have changed.

use std::time::Duration;

use isems_core::unix_now;
use reqwest::{Response, StatusCode, header};
use tokio::time;

use super::{TestService, in_time, line};

const PATHS: [&str; 5] = [
    "/measurements/latest",
    "/api/measurements/latest",
    "/api/v1/nodes?limit=1",
    "/api/v1/nodes/Hut",
    "/api/v1/network",
];

async fn get_if(service: &TestService, path: &str, known: &[&str]) -> Response {
    let request = service.client.get(format!("{}{path}", service.base));
    known.iter().fold(request, |request, known| request.header(header::IF_NONE_MATCH, *known)).send().await.unwrap()
}

/// Returns the tag of an answer that must not be cached without revalidation.
fn tag(response: &Response) -> String {
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
    response.headers()[header::ETAG].to_str().unwrap().into()
}

async fn service_with_nodes() -> TestService {
    let service = TestService::start().await;
    let now = unix_now();
    service.deliver(&(line("Hut", now - 60) + &line("Other", now - 60))).await;
    // That the transport of what is pushed has been started is a change, too.
    in_time(async {
        while service.json("/api/v1/network").await["transports"][0]["state"] != "running" {
            time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    service
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let service = service_with_nodes().await;
    for path in PATHS {
        let first = service.get(path).await;
        assert_eq!(first.status(), StatusCode::OK, "{path}");
        let weak = tag(&first);
        let strong = weak.strip_prefix("W/").unwrap();
        assert!(strong.len() > 2 && strong.starts_with('"') && strong.ends_with('"'), "{weak}");
        let list = format!("\"other\" ,{weak}, W/\"more\"");
        for known in [vec![&*weak], vec![strong], vec!["*"], vec![&*list], vec!["\"other\"", &*weak]] {
            let response = get_if(&service, path, &known).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{path} {known:?}");
            assert_eq!(tag(&response), weak);
            assert!(response.headers().contains_key(header::VARY), "{path}");
            assert!(response.bytes().await.unwrap().is_empty());
        }
        let half = &weak[..weak.len() - 2];
        for known in [vec![], vec!["\"other\""], vec![""], vec!["W/"], vec![half], vec!["\"*\""], vec!["\"a", "\"b"]] {
            let response = get_if(&service, path, &known).await;
            assert_eq!(response.status(), StatusCode::OK, "{path} {known:?}");
            assert_eq!(tag(&response), weak);
            assert!(!response.bytes().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_new_measurement_changes_the_tag() {
    let service = service_with_nodes().await;
    for path in PATHS {
        let before = tag(&service.get(path).await);
        assert_eq!(tag(&service.get(path).await), before, "{path}: nothing has changed");
        let newest = unix_now() - 59 + PATHS.iter().position(|other| *other == path).unwrap() as i64;
        service.deliver(&line("Hut", newest)).await;
        let response = get_if(&service, path, &[&before]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_ne!(tag(&response), before, "{path}");
    }
}

#[tokio::test]
async fn the_tag_holds_for_compressed_answers_as_well() {
    let service = TestService::start().await;
    let now = unix_now();
    service.deliver(&(0..20).map(|node| line(&format!("{node}"), now - 60)).collect::<String>()).await;
    for path in ["/measurements/latest", "/api/v1/nodes"] {
        let plain = tag(&service.get(path).await);
        let request = |known: &str| {
            let request = service.client.get(format!("{}{path}", service.base));
            request.header(header::ACCEPT_ENCODING, "gzip").header(header::IF_NONE_MATCH, known)
        };
        let compressed = request("\"other\"").send().await.unwrap();
        assert_eq!(compressed.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(tag(&compressed), plain);
        let known = request(&plain).send().await.unwrap();
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert!(!known.headers().contains_key(header::CONTENT_ENCODING));
    }
}

#[tokio::test]
async fn the_document_tells_of_it() {
    let service = TestService::start().await;
    let document = service.json("/openapi.json").await;
    for path in ["/measurements/latest", "/api/v1/nodes", "/api/v1/nodes/{nodeId}", "/api/v1/network"] {
        let operation = &document["paths"][path]["get"];
        let parameters = operation["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|one| one["name"] == "If-None-Match" && one["in"] == "header"), "{path}");
        for status in ["200", "304"] {
            assert!(operation["responses"][status]["headers"]["ETag"].is_object(), "{path} {status}");
        }
        assert!(operation["responses"]["304"]["content"].as_object().is_none_or(serde_json::Map::is_empty), "{path}");
    }
}
