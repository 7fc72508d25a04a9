//! The reject log over HTTP.

use std::sync::Arc;

use isems_core::{Batch, Inbox, Payload, RedbRepository, Reject, RejectKind, RejectReason, Repository};
use isems_server::{api::Access, tokens::Tokens};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use super::{TestService, line};

async fn service(repository: Arc<RedbRepository>) -> TestService {
    let tokens = Tokens::parse(["admin:0123456789abcdef"]).unwrap();
    let access = Access { tokens, ..Access::default() };
    TestService::with(repository, |service| service.access(access), None).await
}

async fn get(service: &TestService, query: &str) -> (StatusCode, Value) {
    let request = service.client.get(format!("{}/api/v1/rejects{query}", service.base));
    let response = request.header(header::AUTHORIZATION, "Bearer 0123456789abcdef").send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn texts(service: &TestService, query: &str) -> Vec<String> {
    let (status, answer) = get(service, query).await;
    assert_eq!(status, StatusCode::OK, "{query}: {answer}");
    let rejects = answer["rejects"].as_array().unwrap();
    rejects.iter().map(|reject| reject["text"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn gives_the_newest_first_filtered_and_at_most_as_many_as_asked() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let service = service(repository.clone()).await;
    let short = line("Hut", 1_530_364_575).replace(";300", "");
    service.deliver("first\n").await;
    service.deliver(&line("Hut", 1_530_364_575).replace("18.614", "18.o14")).await;
    service.deliver(&short.replace(";13.458635", "")).await;
    let other = Inbox::new("other", repository);
    other.deliver(Payload::csvlog(b"last\n", "elsewhere")).await.unwrap();

    let all = texts(&service, "").await;
    assert_eq!((all.len(), &*all[0], &*all[4]), (5, "last", "first"));
    assert_eq!(texts(&service, "?limit=1").await, ["last"]);
    assert_eq!(texts(&service, "?transport=other").await, ["last"]);
    // The voltages of panel and tracker.
    assert_eq!(texts(&service, "?reason=number_invalid&node=Hut").await, ["18.o14", "18.o14"]);
    assert_eq!(texts(&service, "?transport=test&reason=field_count&limit=1").await, [&*all[1]]);
    assert!(texts(&service, "?node=nobody").await.is_empty());

    let (_, answer) = get(&service, "?reason=number_invalid").await;
    let reject = &answer["rejects"][0];
    assert_eq!((&reject["kind"], &reject["field"]), (&json!("value"), &json!("mppVoltage")));
    assert_eq!(reject["node"], "Hut");
    assert_eq!(reject["transport"], "test");
    assert_eq!(reject["source"], "test");
    assert_eq!(reject["line"], 1);
    let received_at = reject["receivedAt"].as_str().unwrap();
    assert!(received_at > "2026" && received_at.ends_with('Z'), "{received_at}");
    assert!(reject["field"].is_string());
}

#[tokio::test]
async fn a_hundred_unless_more_are_asked_for_and_never_more_than_a_thousand() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let reject = |line| Reject {
        kind: RejectKind::Line,
        received_at: 1_800_000_000,
        transport: "test".into(),
        source: "a test".into(),
        node: None,
        reason: RejectReason::FieldCount,
        field: None,
        line,
        text: "rubbish".into(),
    };
    repository.store(Batch { rejects: (0..1200).map(reject).collect(), ..Batch::default() }).await.unwrap();
    let service = service(repository).await;
    assert_eq!(texts(&service, "").await.len(), 100);
    assert_eq!(texts(&service, "?limit=1000").await.len(), 1000);
    for limit in ["0", "1001", "-1", "many", ""] {
        let (status, problem) = get(&service, &format!("?limit={limit}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{limit}");
        assert!(problem["detail"].as_str().unwrap().contains("the parameter limit is invalid"), "{problem}");
    }
}

#[tokio::test]
async fn what_a_stranger_sent_is_text_in_json() {
    let service = service(Arc::new(RedbRepository::in_memory().unwrap())).await;
    let text = "<script>alert(\"1\")</script>\u{1b}[2J\u{0}\u{2028}\\";
    service.deliver(&format!("{text}\n")).await;
    assert_eq!(texts(&service, "").await, [text]);
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_what_is() {
    let service = service(Arc::new(RedbRepository::in_memory().unwrap())).await;
    for (query, wanted) in [
        ("?nodes=Hut", &["nodes", "node, transport, reason, limit"][..]),
        ("?limit=1&Limit=2", &["Limit", "expected one of"]),
        ("?node=a&node=b", &["node is given twice"]),
        ("?reason=bad", &["\"bad\"", "number_invalid", "topic_unknown"]),
    ] {
        let (status, problem) = get(&service, query).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        for wanted in wanted {
            assert!(problem["detail"].as_str().unwrap().contains(wanted), "{query}: {problem}");
        }
    }
}
