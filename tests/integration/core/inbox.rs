//! The inbox: decoding, storing, accounting.

use std::{sync::Arc, time::Duration};

use isems_core::{
    DroppedCounts, Expectation, Field, Inbox, Measurement, NumberField, Payload, Pending, Receipt, RedbRepository,
    RejectCounts, RejectKind, RejectQuery, RejectReason, Repository, RepositoryError,
    testing::{FailingRepository, SAMPLE_JSON, SAMPLE_LINE_19, SAMPLE_TIME, sample_measurement},
};

use tokio::time::advance;

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
        line_with(1, ""),
        line_with(9, "3"),
    );
    let receipt = inbox.deliver(Payload { whole: false, ..payload(log.as_bytes()) }).await.expect("it is stored");
    let expected = Receipt {
        received: 6,
        stored: 2,
        duplicates: 1,
        rejected: rejected(&[RejectReason::FieldCount, RejectReason::NodeIdInvalid, RejectReason::Conflict]),
        rejects: receipt.rejects.clone(),
        incomplete_bytes: 9,
        ..Receipt::default()
    };
    assert_eq!(receipt, expected);
    let told: Vec<_> = receipt.rejects.iter().map(|reject| (reject.line, reject.reason, reject.field)).collect();
    let expected = [
        (3, RejectReason::FieldCount, None),
        (4, RejectReason::NodeIdInvalid, Some(Field::NodeId)),
        (7, RejectReason::Conflict, None),
    ];
    assert_eq!(told, expected);
    assert_eq!((&*receipt.rejects[0].text, &*receipt.rejects[2].text), ("rubbish", &*line_with(9, "3")));
    assert_eq!(all_of(&*repository, "Elektra-Dach").await.len(), 2);

    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    let kept: Vec<_> = rejects.iter().map(|reject| (reject.reason, reject.line, reject.field.as_deref())).collect();
    let expected = [
        (RejectReason::Conflict, 7, None),
        (RejectReason::NodeIdInvalid, 4, Some("nodeId")),
        (RejectReason::FieldCount, 3, None),
    ];
    assert_eq!(kept, expected);
    assert_eq!(rejects[0].text, line_with(9, "3"));
    assert_eq!((rejects[0].node.as_deref(), &rejects[2].node), (Some("Elektra-Dach"), &None));
    assert!(rejects.iter().all(|reject| reject.transport == "test" && reject.source == "a test"));
    assert!(rejects.iter().all(|reject| reject.received_at == ARRIVAL));
}

#[tokio::test]
async fn dropped_values_of_new_lines_are_told_once() {
    let (inbox, repository) = inbox();
    let broken = line_with(12, "N/A").replace("14.073", "1e9");
    let temperature = Field::Number(NumberField::BatteryTemperature);
    let voltage = Field::Number(NumberField::BatteryVoltage);
    let log = format!("{}\n{broken}\nrubbish\n{broken}\n", line_at(SAMPLE_TIME - 60));
    let receipt = inbox.deliver(payload(log.as_bytes())).await.expect("it is stored");
    assert_eq!((receipt.received, receipt.stored, receipt.duplicates, receipt.rejected.total()), (4, 2, 1, 1));
    let counts: DroppedCounts =
        [(voltage, RejectReason::NumberOutOfRange), (temperature, RejectReason::NumberInvalid)].into_iter().collect();
    assert_eq!(receipt.dropped, counts);
    let told: Vec<_> = receipt.dropped_values.iter().map(|value| (value.line, value.field, &*value.text)).collect();
    assert_eq!(told, [(2, voltage, "1e9"), (2, temperature, "N/A")]);
    let [_, stored] = &*all_of(&*repository, "Elektra-Dach").await else { panic!("there are two") };
    assert_eq!((stored.battery_voltage, stored.battery_temperature), (None, None));
    assert_eq!(stored.battery_charge_estimate, Some(100.0), "what was good beside them is kept");

    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    let kept: Vec<_> =
        rejects.iter().map(|reject| (reject.kind, reject.line, reject.field.as_deref(), &*reject.text)).collect();
    let expected = [
        (RejectKind::Value, 2, Some("batteryTemperature"), "N/A"),
        (RejectKind::Value, 2, Some("batteryVoltage"), "1e9"),
        (RejectKind::Line, 3, None, "rubbish"),
    ];
    assert_eq!(kept, expected);
    assert_eq!(rejects[0].node.as_deref(), Some("Elektra-Dach"));

    let again = inbox.deliver(payload(broken.as_bytes())).await.expect("it is a duplicate");
    assert_eq!((again.duplicates, again.dropped.total()), (1, 0));
    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    assert_eq!(rejects.len(), 3, "what was told is not told again");
    assert_eq!(inbox.status().dropped, counts);
}

#[tokio::test]
async fn the_reject_log_keeps_a_hundred_dropped_values_of_a_field_and_all_are_counted() {
    let (inbox, repository) = inbox();
    let log: String = (0..250)
        .map(|second| line_with(12, "N/A").replace("1530364575", &(SAMPLE_TIME - second).to_string()) + "\n")
        .collect();
    let receipt = inbox.deliver(payload(log.as_bytes())).await.expect("it is stored");
    assert_eq!((receipt.stored, receipt.dropped.total(), receipt.dropped_values.len()), (250, 250, 100));
    let rejects = repository.rejects(&RejectQuery::newest(1000)).await.expect("it can be read").rejects;
    assert_eq!(rejects.len(), Inbox::REJECTS_LOGGED);
}

#[tokio::test]
async fn a_measurement_that_is_delivered_ready_loses_what_is_out_of_range_only() {
    let (inbox, repository) = inbox();
    let good = sample_measurement("Hut", SAMPLE_TIME);
    let bad = Measurement {
        latitude: Some(91.0),
        battery_voltage: Some(f64::NAN),
        firmware_version: Some("a;b".into()),
        ..sample_measurement("Hut", SAMPLE_TIME + 60)
    };
    let unset = sample_measurement("Hut", 1000);
    let receipt = inbox.deliver_measurements("a test", vec![good, bad, unset]).await.expect("it is stored");
    assert_eq!((receipt.stored, receipt.rejected.of(RejectReason::ClockUnset)), (2, 1));
    let dropped: Vec<_> = receipt.dropped_values.iter().map(|value| (value.line, value.field.name())).collect();
    assert_eq!(dropped, [(2, "openMPPTFirmwareVersion"), (2, "batteryVoltage"), (2, "latitude")]);
    let stored = &all_of(&*repository, "Hut").await[1];
    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    assert!(rejects.iter().all(|reject| reject.node.as_deref() == Some("Hut")), "{rejects:?}");
    assert_eq!((stored.latitude, stored.battery_voltage, stored.longitude), (None, None, Some(22.0)));
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

/// An arrival by a clock that is set, Unix seconds.
const NOW: i64 = 1_800_000_000;

#[tokio::test]
async fn readings_without_a_time_that_arrive_in_one_second_take_the_seconds_that_follow() {
    let (inbox, repository) = inbox();
    let reading = |volts: u32| format!("{{\"batteryVoltage\":{volts}}}");
    let deliver = async |node: &str, received_at: i64, bytes: &str| {
        let payload = Payload { received_at, ..Payload::json(bytes.as_bytes(), node_id(node), "a test") };
        let receipt = inbox.deliver(payload).await.expect("it is stored");
        (receipt.stored, receipt.duplicates, receipt.rejected.total())
    };
    assert_eq!(deliver("Hut", NOW, &[reading(1), reading(2), reading(3)].join("\n")).await, (3, 0, 0));
    assert_eq!(deliver("Hut", NOW, &reading(4)).await, (1, 0, 0));
    assert_eq!(deliver("Barn", NOW, &reading(9)).await, (1, 0, 0), "each node has seconds of its own");
    assert_eq!(deliver("Hut", NOW + 1, &reading(5)).await, (1, 0, 0));
    // A client that got no answer sends the same again.
    assert_eq!(deliver("Hut", NOW + 30, &reading(4)).await, (0, 1, 0));
    assert_eq!(deliver("Hut", NOW + 30, &[reading(1), reading(2), reading(3)].join("\n")).await, (0, 3, 0));
    assert_eq!(deliver("Hut", NOW + 65, &reading(4)).await, (1, 0, 0), "the same later is another reading");
    let stored = all_of(&*repository, "Hut").await;
    let stored: Vec<_> = stored.iter().map(|reading| (reading.timestamp - NOW, reading.battery_voltage)).collect();
    let expected = [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0), (65, 4.0)];
    assert_eq!(stored, expected.map(|(second, volts)| (second, Some(volts))));

    let restarted = Inbox::new("test", repository.clone());
    let payload = Payload { received_at: NOW + 65, ..Payload::json(b"{\"latitude\":1}", node_id("Hut"), "a test") };
    assert_eq!(restarted.deliver(payload).await.expect("it is stored").stored, 1, "a start forgets no second");
}

#[tokio::test]
async fn no_reading_is_dated_more_than_ten_minutes_after_its_arrival() {
    let (inbox, repository) = inbox();
    let backlog: Vec<String> = (0..700).map(|volts| format!("{{\"batteryVoltage\":{volts}}}")).collect();
    let backlog = backlog.join("\n");
    let payload = Payload { received_at: NOW, ..Payload::json(backlog.as_bytes(), node_id("Hut"), "a test") };
    let receipt = inbox.deliver(payload).await.expect("it is stored");
    assert_eq!((receipt.stored, receipt.rejected.of(RejectReason::ClockAhead)), (601, 99));
    assert_eq!(receipt.rejects[0].line, 602);
    assert_eq!(all_of(&*repository, "Hut").await[600].timestamp, NOW + 600);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_up_and_brings_nothing_gets_a_note() {
    let (inbox, _) = inbox();
    let advice = "check topic filters and the broker's access list";
    let after = Duration::from_mins(15);
    inbox.expect("a broker", Expectation { after, began: "subscribed", advice });
    let note = || inbox.status().sources["a broker"].note.clone();
    inbox.source_up("a broker");
    inbox.source_up("another source");
    advance(Duration::from_mins(14)).await;
    assert_eq!(note(), None);
    advance(Duration::from_mins(170)).await;
    assert_eq!(note().as_deref(), Some(&*format!("subscribed 3 h ago, nothing received yet: {advice}")));
    assert_eq!(inbox.status().sources["another source"].note, None, "nothing is expected of it");
    assert!(inbox.status().sources["a broker"].up, "it is a hint and no failure");

    inbox.heard("a broker");
    assert_eq!(note(), None);
    assert!(inbox.status().sources["a broker"].last_received_at.is_some());
    // It usually pauses for an hour.
    advance(Duration::from_hours(1)).await;
    inbox.heard("a broker");
    advance(Duration::from_mins(239)).await;
    assert_eq!(note(), None);
    advance(Duration::from_mins(2)).await;
    assert_eq!(note().as_deref(), Some(&*format!("nothing received for 4 h: {advice}")));

    inbox.source_down("a broker", &"refused");
    assert_eq!(note(), None, "it is down, which says more");
    inbox.source_up("a broker");
    assert_eq!(note(), None);
    advance(Duration::from_hours(5)).await;
    assert_eq!(note().as_deref(), Some(&*format!("subscribed 5 h ago, nothing received since: {advice}")));
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
    assert!(matches!(result, Err(RepositoryError::Unavailable { action: "write", .. })), "{result:?}");
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
async fn a_delivery_and_what_is_remembered_of_it_are_stored_together() {
    let (_, repository) = inbox();
    let inbox = Inbox::new("test", Arc::new(FailingRepository::new(repository.clone(), 1)));
    let half = [SAMPLE_LINE_19, "\nHut;1;15"].concat();
    let payload = || Payload { whole: false, ..payload(half.as_bytes()) };
    let remember = |pending: &Pending| {
        assert_eq!(*pending, Pending { incomplete_bytes: 8, refused_for_now: 0 });
        Some(("offset".into(), vec![7]))
    };
    inbox.deliver_and_remember(payload(), remember).await.expect_err("the store fails");
    assert_eq!(inbox.recall("offset").await.expect("it can be read"), None);
    assert_eq!(repository.node_count().await.expect("it can be read"), 0);
    let receipt = inbox.deliver_and_remember(payload(), remember).await.expect("it is stored");
    assert_eq!((receipt.stored, receipt.incomplete_bytes), (1, 8));
    assert_eq!(inbox.recall("offset").await.expect("it can be read"), Some(vec![7]));
    inbox.deliver_and_remember(self::payload(b""), |_| Some(("offset".into(), vec![8]))).await.expect("it is stored");
    assert_eq!(inbox.recall("offset").await.expect("it can be read"), Some(vec![8]), "without a line, too");
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
