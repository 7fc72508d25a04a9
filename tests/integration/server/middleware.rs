//! Compression and cross-origin access, which surround the operations.

use std::{io::Read, sync::Arc};

use isems_core::RedbRepository;
use reqwest::{Method, StatusCode};

use super::{TestService, line};

#[tokio::test]
async fn compresses_for_clients_that_accept_it() {
    let service = TestService::start().await;
    let lines: String = (0..200).map(|minute| line("Hut", 1_530_000_000 + 60 * minute)).collect();
    service.deliver(&lines).await;
    let plain = service.get("/measurements/Hut/latest").await;
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.headers()["vary"], "Accept-Encoding");
    let plain = plain.bytes().await.unwrap();
    for (accept, expected) in [
        ("gzip", true),
        ("br, gzip;q=0.5", true),
        ("GZIP", true),
        ("x-gzip", true),
        ("gzip;q=1, identity;q=0.5", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true),
        ("gzip; q=0.001, identity;q=0", true),
        // What is liked better goes first, and any coding may be none.
        ("identity;q=1, gzip;q=0.5", false),
        ("*", false),
        ("*;q=0", false),
        ("gzip;q=0", false),
        ("gzip; q=0.000", false),
        ("gzip;q=0, *;q=1", false),
        ("identity", false),
        ("br", false),
        ("", false),
    ] {
        let request = service.client.get(format!("{}/measurements/Hut/latest", service.base));
        let response = request.header("accept-encoding", accept).send().await.unwrap();
        let compressed = response.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
        assert_eq!(compressed, expected, "{accept}");
        let body = response.bytes().await.unwrap();
        if compressed {
            assert!(body.len() * 10 < plain.len());
            let mut decoded = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut decoded).unwrap();
            assert!(decoded == plain);
        } else {
            assert!(body == plain, "{accept}");
        }
    }
}

#[tokio::test]
async fn streams_are_compressed_and_events_are_not() {
    let service = TestService::start().await;
    let lines: String = (0..5000).map(|minute| line("Hut", 1_530_000_000 + 60 * minute)).collect();
    service.deliver(&lines).await;
    let get = async |path: &str| {
        let request = service.client.get(format!("{}{path}", service.base));
        request.header("accept-encoding", "gzip").send().await.unwrap()
    };
    let path = "/api/v1/nodes/Hut/measurements?format=csv";
    let plain = service.get(path).await.bytes().await.unwrap();
    let response = get(path).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let body = response.bytes().await.unwrap();
    assert!(body.len() * 10 < plain.len());
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(&*body).read_to_end(&mut decoded).unwrap();
    assert!(decoded == plain);
    assert!(!get("/healthz").await.headers().contains_key("content-encoding"), "what is short");
    let mut events = get("/api/v1/live").await;
    assert!(!events.headers().contains_key("content-encoding"));
    assert!(events.chunk().await.unwrap().unwrap().starts_with(b"retry"), "what has happened comes at once");
}

#[tokio::test]
async fn any_web_page_may_read_by_default() {
    let service = TestService::start().await;
    let request = service.client.get(format!("{}/measurements/latest", service.base));
    let response = request.header("origin", "https://map.example").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let preflight = service.client.request(Method::OPTIONS, format!("{}/measurements/latest", service.base));
    let preflight = preflight.header("origin", "https://map.example").header("access-control-request-method", "GET");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn only_named_origins_may_read_when_some_are_named() {
    let service = TestService::with(
        Arc::new(RedbRepository::in_memory().unwrap()),
        |service| service.cors_origins(vec!["https://map.example".into()]),
        None,
    )
    .await;
    let get = |origin: &'static str| {
        let request = service.client.get(format!("{}/measurements/latest", service.base));
        async move { request.header("origin", origin).send().await.unwrap() }
    };
    let allowed = get("https://map.example").await;
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://map.example");
    let refused = get("https://other.example").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(refused.text().await.unwrap().contains("ISEMS_CORS_ORIGINS"));
    assert_eq!(service.get("/measurements/latest").await.status(), StatusCode::OK, "scripts send no origin");
}
