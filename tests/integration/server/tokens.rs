//! Tokens and what each of them allows.

use std::{future::pending, sync::Arc};

use isems_core::RedbRepository;
use isems_server::{
    api::Access,
    serve::{ConnectionLimits, serve},
    tokens::Tokens,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{TestService, answer, line};

const TOKEN: &str = "correct-horse-battery";
const OTHER: &str = "staple.0123456789/=";

/// A service that knows two tokens.
async fn service(protect_reading: bool) -> TestService {
    let tokens = Tokens::parse([&*format!("admin:{TOKEN}"), &*format!("backup:{OTHER}")]).unwrap();
    let access = Access { tokens, protect_reading, ..Access::default() };
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    TestService::with(repository, |service| service.access(access), None).await
}

async fn get(service: &TestService, path: &str, authorization: Option<&str>) -> Response {
    let request = service.client.get(format!("{}{path}", service.base));
    authorization
        .into_iter()
        .fold(request, |request, value| request.header("authorization", value))
        .send()
        .await
        .unwrap()
}

async fn detail(response: Response) -> String {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    problem["detail"].as_str().unwrap().into()
}

#[tokio::test]
async fn each_of_several_tokens_opens_and_nothing_else_does() {
    let service = service(false).await;
    for good in [format!("Bearer {TOKEN}"), format!("Bearer {OTHER}"), format!("bearer {TOKEN}")] {
        assert_eq!(get(&service, "/api/v1/rejects", Some(&good)).await.status(), StatusCode::OK, "{good}");
    }
    for bad in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer wrong-token-that-is-long"),
        Some("Bearer correct-horse-batter"),
        Some("Bearer correct-horse-batteryy"),
        Some("Bearer admin:correct-horse-battery"),
        Some("Bearer admin"),
        Some("Basic correct-horse-battery"),
        Some("correct-horse-battery"),
    ] {
        let response = get(&service, "/api/v1/rejects", bad).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{bad:?}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"isems\"");
        let detail = detail(response).await;
        assert!(!detail.contains("horse") && detail.to_ascii_lowercase().contains("token"), "{detail}");
    }
}

#[tokio::test]
async fn a_server_without_tokens_says_which_setting_is_missing() {
    let service = TestService::start().await;
    for authorization in [None, Some("Bearer correct-horse-battery")] {
        let response = get(&service, "/api/v1/rejects", authorization).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert!(detail(response).await.contains("ISEMS_API_TOKENS"));
    }
}

#[tokio::test]
async fn reading_is_open_unless_it_is_protected() {
    let open = service(false).await;
    assert_eq!(get(&open, "/measurements/latest", None).await.status(), StatusCode::OK);
    let protected = service(true).await;
    let token = format!("Bearer {TOKEN}");
    for path in ["/measurements/latest", "/api/measurements/latest", "/measurements/Hut/latest"] {
        assert_eq!(get(&protected, path, None).await.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(get(&protected, path, Some(&token)).await.status(), StatusCode::OK, "{path}");
    }
    for path in ["/nothing", "/healthz/", "//measurements/latest", "/docs/../measurements/latest", "/api/healthz/../x"]
    {
        let answer = super::exchange(
            protected.address,
            format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
    }
    for path in ["/healthz", "/readyz", "/docs", "/openapi.json"] {
        assert_eq!(get(&protected, path, None).await.status(), StatusCode::OK, "{path}");
    }
    let preflight = protected.client.request(Method::OPTIONS, format!("{}/measurements/latest", protected.base));
    let preflight = preflight
        .header("origin", "https://map.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-headers"], "authorization");
}

#[tokio::test]
async fn another_listener_can_let_everybody_do_everything() {
    let guarded = service(true).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = guarded.service.endpoint_for(Access::unrestricted());
    let server = serve(listener, None, endpoint, ConnectionLimits::default(), pending());
    let ask = async {
        let client = &guarded.client;
        for path in ["/api/v1/rejects", "/measurements/latest"] {
            let response = client.get(format!("{base}{path}")).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(get(&guarded, path, None).await.status(), StatusCode::UNAUTHORIZED, "{path}");
        }
        let push = client.post(format!("{base}/api/v1/nodes/Hut/measurements")).header("content-type", "text/plain");
        let (status, receipt) = answer(push.body(line("Hut", 1_530_364_575)).send().await.unwrap()).await;
        assert_eq!((status, &receipt["stored"]), (StatusCode::OK, &json!(1)));
        let delete = client.delete(format!("{base}/api/v1/nodes/Hut")).send().await.unwrap();
        assert_eq!(delete.status(), StatusCode::OK);
        let delete = client.delete(format!("{}/api/v1/nodes/Hut", guarded.base)).send().await.unwrap();
        assert_eq!(delete.status(), StatusCode::UNAUTHORIZED);
    };
    tokio::select! {
        result = server => panic!("it does not end: {result:?}"),
        () = ask => {}
    }
}

#[tokio::test]
async fn the_document_tells_which_operations_need_a_token() {
    let service = TestService::start().await;
    let document = service.json("/openapi.json").await;
    let scheme = &document["components"]["securitySchemes"]["token"];
    assert_eq!((scheme["type"].as_str(), scheme["scheme"].as_str()), (Some("http"), Some("bearer")));
    assert!(document["paths"]["/api/v1/rejects"]["get"]["security"][0]["token"].is_array());
    assert!(document["paths"]["/measurements/latest"]["get"]["security"].is_null());
}

#[test]
fn a_bad_list_is_refused_with_the_place_and_without_the_token() {
    for (pairs, wanted) in [
        (vec!["secretsecretsecret"], "entry 1 is not a pair"),
        (vec!["admin:secretsecretsecret", ":secretsecretsecret2"], "entry 2 has no valid name"),
        (vec!["ad min:secretsecretsecret"], "entry 1 has no valid name"),
        (vec!["admin:secret"], "admin is shorter than 16"),
        (vec!["admin:"], "admin is shorter than 16"),
        (vec!["admin:secret secret secret"], "characters other than"),
        (vec!["admin:secretsecretsecret\u{e4}"], "characters other than"),
        (vec!["admin:secretsecretsecret", "admin:secretsecretsecret2"], "named admin"),
        (vec!["admin:secretsecretsecret", "other:secretsecretsecret"], "other has the same token as admin"),
    ] {
        let error = Tokens::parse(pairs.iter().copied()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(error.to_string().contains(wanted), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    let tokens = Tokens::parse(["admin:secretsecretsecret"]).unwrap();
    assert!(!format!("{tokens:?}").contains("secret"));
    assert!(Tokens::parse([]).unwrap().is_empty());
}
