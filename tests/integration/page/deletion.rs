//! Deleting a node from its page.

use std::sync::Arc;

use isems_core::RedbRepository;
use isems_server::{api::Access, tokens::Tokens};
use reqwest::{Method, Response, StatusCode};

use super::page;
use crate::server::{ADMIN, TestService, line};

/// A service with measurements of two nodes in a file.
async fn service(file: &tempfile::TempDir) -> TestService {
    let repository = Arc::new(RedbRepository::open(file.path().join("isems.redb")).unwrap());
    let access = Access { tokens: Tokens::parse([&*format!("admin:{ADMIN}")]).unwrap(), ..Access::default() };
    let service = TestService::with(repository, |service| service.access(access), None).await;
    for (node, time) in [("Hafen", 1_530_364_575), ("Hafen", 1_530_450_975), ("a/<b>", 1_530_364_575)] {
        service.deliver(&line(node, time)).await;
    }
    service
}

async fn send(service: &TestService, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = service.request(method, path).header("accept", "text/html");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

/// The cookie of somebody who has signed in.
async fn session(service: &TestService) -> String {
    let request = service.request(Method::POST, "/sign-in").body(format!("token={ADMIN}"));
    let response = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().into()
}

async fn names(service: &TestService) -> Vec<String> {
    let nodes = service.json("/api/v1/nodes").await;
    nodes["nodes"].as_array().unwrap().iter().map(|node| node["nodeId"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn a_page_says_what_will_go_before_a_button_deletes_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let session = session(&service).await;
    let viewer = [("cookie", &*session), ("accept-language", "en")];
    let node = page(&service, "/nodes/Hafen", &viewer).await;
    assert!(node.contains("href=\"/nodes/Hafen/delete\""), "{node}");
    assert!(node.contains("href=\"/alerts?node=Hafen#mutes\""), "{node}");
    let question = page(&service, "/nodes/Hafen/delete", &viewer).await;
    assert!(question.contains("<h1>Delete Hafen?</h1>") && question.contains("<dd>2</dd>"), "{question}");
    assert!(
        question.contains("2018-06-30") && question.contains("2018-07-01") && question.contains("kB</dd>"),
        "{question}"
    );
    assert!(question.contains("<form method=\"post\" action=\"/nodes/Hafen/delete\">"), "{question}");
    assert_eq!(names(&service).await.len(), 2, "asking deletes nothing");
    let done = send(&service, Method::POST, "/nodes/Hafen/delete", &viewer).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    assert_eq!(done.headers()["location"], "/");
    assert_eq!(names(&service).await, ["a/<b>"]);
    assert_eq!(send(&service, Method::GET, "/nodes/Hafen", &viewer).await.status(), StatusCode::NOT_FOUND);
    for method in [Method::GET, Method::POST] {
        let gone = send(&service, method, "/nodes/Hafen/delete", &viewer).await;
        assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn any_name_can_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let session = session(&service).await;
    let viewer = [("cookie", &*session), ("accept-language", "de")];
    let question = page(&service, "/nodes/a%2F%3Cb%3E/delete", &viewer).await;
    assert!(question.contains("a/&lt;b&gt; löschen?") && !question.contains("<b>"), "{question}");
    assert!(question.contains("action=\"/nodes/a%2F%3Cb%3E/delete\""), "{question}");
    send(&service, Method::POST, "/nodes/a%2F%3Cb%3E/delete", &viewer).await;
    assert_eq!(names(&service).await, ["Hafen"]);
}

#[tokio::test]
async fn only_who_has_signed_in_deletes_and_only_from_a_page_of_this_server() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let stranger = page(&service, "/nodes/Hafen", &[]).await;
    assert!(!stranger.contains("/delete\""), "{stranger}");
    let question = send(&service, Method::GET, "/nodes/Hafen/delete", &[]).await;
    assert_eq!(question.status(), StatusCode::SEE_OTHER);
    assert_eq!(question.headers()["location"], "/sign-in?back=%2Fnodes%2FHafen%2Fdelete");
    assert_eq!(send(&service, Method::POST, "/nodes/Hafen/delete", &[]).await.status(), StatusCode::UNAUTHORIZED);
    let session = session(&service).await;
    for foreign in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let response = send(&service, Method::POST, "/nodes/Hafen/delete", &[("cookie", &session), foreign]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{foreign:?}");
    }
    assert_eq!(names(&service).await.len(), 2);
}
