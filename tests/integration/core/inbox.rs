//! The inbox: decoding, storing, accounting.

use std::sync::Arc;

use isems_core::{
    Inbox, Measurement, Payload, Receipt, RedbRepository, RejectCounts, RejectQuery, RejectReason, Repository,
    RepositoryError,
    testing::{FailingRepository, SAMPLE_JSON, SAMPLE_LINE_19, SAMPLE_TIME, sample_measurement},
};

use super::{ARRIVAL, all_of, line_at, line_with, node_id, payload};

fn inbox() -> (Inbox, Arc<RedbRepository>) {
    let repository = Arc::new(RedbRepository::in_memory().expect("memory suffices"));
    (Inbox::new("test", repository.clone()), repository)
}

fn rejected(reasons: &[RejectReason]) -> RejectCounts {
    let mut counts = RejectCounts::default();
    for reason in reasons {
        counts.add(*reason, 1);
    }
    counts
}

#[tokio::test]
async fn every_line_is_in_the_receipt() {
    let (inbox, repository) = inbox();
    let log = format!(
        "{}\n{SAMPLE_LINE_19}\nrubbish\n{}\n{SAMPLE_LINE_19}\n\n{}\nhalf a li",
        line_at(SAMPLE_TIME - 60),
        line_with(17, "91"),
        line_with(9, "3"),
    );
    let receipt = inbox.deliver(Payload { whole: false, ..payload(log.as_bytes()) }).await.expect("it is stored");
    let expected = Receipt {
        received: 6,
        stored: 2,
        duplicates: 1,
        rejected: rejected(&[RejectReason::FieldCount, RejectReason::NumberOutOfRange, RejectReason::Conflict]),
        rejects: receipt.rejects.clone(),
        incomplete_bytes: 9,
    };
    assert_eq!(receipt, expected);
    let told: Vec<_> = receipt.rejects.iter().map(|reject| (reject.line, reject.reason, reject.field)).collect();
    let expected = [
        (3, RejectReason::FieldCount, None),
        (4, RejectReason::NumberOutOfRange, Some("latitude")),
        (7, RejectReason::Conflict, None),
    ];
    assert_eq!(told, expected);
    assert_eq!((&*receipt.rejects[0].text, &*receipt.rejects[2].text), ("rubbish", &*line_with(9, "3")));
    assert_eq!(all_of(&*repository, "Elektra-Dach").await.len(), 2);

    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    let kept: Vec<_> = rejects.iter().map(|reject| (reject.reason, reject.line, reject.field.as_deref())).collect();
    let expected = [
        (RejectReason::Conflict, 7, None),
        (RejectReason::NumberOutOfRange, 4, Some("latitude")),
        (RejectReason::FieldCount, 3, None),
    ];
    assert_eq!(kept, expected);
    assert_eq!(rejects[0].text, line_with(9, "3"));
    assert_eq!(rejects[1].node.as_deref(), Some("Elektra-Dach"));
    assert_eq!(rejects[2].node, None);
    assert!(rejects.iter().all(|reject| reject.transport == "test" && reject.source == "a test"));
    assert!(rejects.iter().all(|reject| reject.received_at == ARRIVAL));
}

#[tokio::test]
async fn a_receipt_tells_the_first_hundred_rejects() {
    let (inbox, _) = inbox();
    let receipt = inbox.deliver(payload("rubbish\n".repeat(250).as_bytes())).await.expect("it is counted");
    let lines: Vec<u32> = receipt.rejects.iter().map(|reject| reject.line).collect();
    assert_eq!((receipt.rejected.total(), lines), (250, (1..=100).collect()));
}

#[tokio::test]
async fn receipts_add_up_in_the_status() {
    let (inbox, _) = inbox();
    assert_eq!(inbox.status().last_success, None);
    inbox.deliver(payload(SAMPLE_LINE_19.as_bytes())).await.expect("it is stored");
    inbox.deliver(payload(SAMPLE_LINE_19.as_bytes())).await.expect("it is stored");
    inbox.deliver(payload(b"rubbish")).await.expect("it is stored");
    let json = Payload::json(SAMPLE_JSON.as_bytes(), node_id("Hut"), "a test");
    inbox.deliver(json).await.expect("it is stored");
    let status = inbox.status();
    assert_eq!((status.received, status.stored, status.duplicates), (4, 2, 1));
    assert_eq!(status.rejected, rejected(&[RejectReason::FieldCount]));
    assert!(status.last_success.is_some());
    assert_eq!(status.deliveries.count(), 4);
    assert!(status.deliveries.sum() > 0.0);
}

#[tokio::test]
async fn ready_measurements_are_checked() {
    let (inbox, repository) = inbox();
    let good = sample_measurement("Hut", SAMPLE_TIME);
    let bad = Measurement { latitude: Some(f64::INFINITY), ..sample_measurement("Hut", SAMPLE_TIME + 60) };
    let empty = Measurement { firmware_version: Some("".into()), ..sample_measurement("Hut", SAMPLE_TIME + 120) };
    let measurements = vec![good.clone(), bad, empty];
    let receipt = inbox.deliver_measurements("a test", measurements).await.expect("it is stored");
    let expected = Receipt {
        received: 3,
        stored: 1,
        rejected: rejected(&[RejectReason::NumberOutOfRange, RejectReason::TextInvalid]),
        rejects: receipt.rejects.clone(),
        ..Receipt::default()
    };
    assert_eq!(receipt, expected);
    assert_eq!(receipt.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(all_of(&*repository, "Hut").await, [good]);
    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    assert_eq!((rejects[1].line, rejects[1].field.as_deref()), (2, Some("latitude")));
    assert_eq!(rejects[1].node.as_deref(), Some("Hut"));
}

#[tokio::test]
async fn a_payload_can_be_rejected_unread() {
    let (inbox, repository) = inbox();
    let payload = Payload { node: Some(node_id("Hut")), ..payload(SAMPLE_LINE_19.as_bytes()) };
    let receipt = inbox.reject(&payload, RejectReason::TooLarge).await.expect("it is stored");
    assert_eq!((receipt.received, receipt.rejected), (1, rejected(&[RejectReason::TooLarge])));
    assert_eq!((receipt.rejects[0].line, &*receipt.rejects[0].text), (1, SAMPLE_LINE_19));
    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    assert_eq!(rejects[0].node.as_deref(), Some("Hut"));
    assert_eq!(inbox.status().rejected.total(), 1);
}

#[tokio::test]
async fn a_failed_store_is_an_error_and_counts_nothing() {
    let (_, repository) = inbox();
    let inbox = Inbox::new("test", Arc::new(FailingRepository::new(repository, 1)));
    let result = inbox.deliver(payload(SAMPLE_LINE_19.as_bytes())).await;
    assert!(matches!(result, Err(RepositoryError::Storage { action: "write", .. })), "{result:?}");
    assert_eq!(inbox.status().received, 0);
    let receipt = inbox.deliver(payload(SAMPLE_LINE_19.as_bytes())).await.expect("it is stored");
    assert_eq!(receipt.stored, 1);
}

#[tokio::test]
async fn nothing_needs_no_store() {
    let (_, repository) = inbox();
    let failing = Arc::new(FailingRepository::new(repository, 1));
    let inbox = Inbox::new("test", failing.clone());
    let receipt = inbox.deliver(payload(b"\n")).await.expect("there is nothing to store");
    assert_eq!(receipt, Receipt::default());
    assert_eq!(failing.failures_left(), 1);
}

#[tokio::test]
async fn each_transport_remembers_for_itself() {
    let (one, repository) = inbox();
    let other = Inbox::new("other", repository.clone());
    one.remember("offset", vec![1, 2]).await.expect("it is stored");
    assert_eq!(one.recall("offset").await.expect("it can be read"), Some(vec![1, 2]));
    assert_eq!(other.recall("offset").await.expect("it can be read"), None);
    let after_restart = Inbox::new("test", repository);
    assert_eq!(after_restart.recall("offset").await.expect("it can be read"), Some(vec![1, 2]));
}

#[tokio::test]
async fn sources_go_up_and_down() {
    let (inbox, _) = inbox();
    inbox.source_up("http://hut/");
    inbox.source_down("http://barn/", &"connection refused");
    let sources = inbox.status().sources;
    assert_eq!(sources.len(), 2);
    assert!(sources["http://hut/"].up);
    assert_eq!(sources["http://hut/"].error, None);
    assert!(!sources["http://barn/"].up);
    assert_eq!(sources["http://barn/"].error.as_deref(), Some("connection refused"));
    assert_eq!(inbox.status().last_error.expect("something failed").message, "http://barn/: connection refused");

    inbox.source_up("http://barn/");
    inbox.source_down("http://hut/", &"no route");
    inbox.source_down("http://hut/", &"timed out");
    let sources = inbox.status().sources;
    assert!(sources["http://barn/"].up);
    assert_eq!(sources["http://barn/"].error, None);
    assert_eq!(sources["http://hut/"].error.as_deref(), Some("timed out"));
}
