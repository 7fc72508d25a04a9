//! Limits: a flooding node is refused, all others go on, and the receipts add up.

use std::{sync::Arc, time::Duration};

use isems_core::{
    Collector, Inbox, Limits, Payload, Receipt, RedbRepository, RejectQuery, RejectReason, Repository,
    testing::{FailingRepository, SAMPLE_LINE_19, SAMPLE_TIME, sample_measurement},
};
use tokio::time::advance;

use super::payload;

const LIMITS: Limits = Limits {
    lines_per_minute_and_node: 2,
    lines_at_once: 10,
    lines_at_once_of_new_node: 6,
    nodes: 5,
    new_nodes_per_hour: 2,
    new_nodes_at_once: 3,
};

fn repository() -> Arc<RedbRepository> {
    Arc::new(RedbRepository::in_memory().expect("memory suffices"))
}

fn lines(node: &str, minutes: impl IntoIterator<Item = i64>) -> String {
    let line = |minute| format!("{}\n", sample_measurement(node, SAMPLE_TIME - 60 * minute));
    minutes.into_iter().map(line).collect()
}

async fn deliver(inbox: &Inbox, lines: &str) -> Receipt {
    let receipt = inbox.deliver(payload(lines.as_bytes())).await.expect("it is stored");
    assert_eq!(receipt.stored + receipt.duplicates + receipt.rejected.total(), receipt.received, "{receipt:?}");
    receipt
}

async fn known(repository: &dyn Repository) -> Vec<String> {
    let nodes = repository.nodes().await.expect("it can be read");
    nodes.iter().map(|node| node.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_floods_is_refused_until_it_has_waited_and_the_others_go_on() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone()).limits(LIMITS);
    let mut stored = 0;
    for minute in 0..1000 {
        stored += deliver(&inbox, &lines("Wild", [minute])).await.stored;
    }
    assert_eq!(stored, 6, "a new node brings this many at once");
    assert_eq!(inbox.status().rejected.of(RejectReason::RateLimited), 994);
    assert_eq!(deliver(&inbox, &lines("Calm", 0..4)).await.stored, 4);

    let again = lines("Wild", [500]);
    assert_eq!(deliver(&inbox, &again).await.refused_for_now(), 1);
    advance(Duration::from_secs(31)).await;
    assert_eq!(deliver(&inbox, &again).await.stored, 1, "a refused line is taken when it comes again");
    assert_eq!(deliver(&inbox, &lines("Wild", [501])).await.refused_for_now(), 1);
    advance(Duration::from_hours(1)).await;
    let mut stored = 0;
    for minute in 1000..2000 {
        stored += deliver(&inbox, &lines("Wild", [minute])).await.stored;
    }
    assert_eq!(stored, 10, "after a silence a node brings this many at once");
}

#[tokio::test(start_paused = true)]
async fn duplicates_and_failures_cost_nothing() {
    let repository = repository();
    let failing = Arc::new(FailingRepository::new(repository.clone(), 20));
    let inbox = Inbox::new("test", failing).limits(LIMITS);
    let log = lines("Hut", 0..5);
    for _ in 0..20 {
        inbox.deliver(payload(log.as_bytes())).await.expect_err("the disk is full");
    }
    assert_eq!(deliver(&inbox, &log).await.stored, 5);
    for _ in 0..100 {
        assert_eq!(deliver(&inbox, &log).await.duplicates, 5);
    }
    assert_eq!(deliver(&inbox, &lines("Hut", 0..6)).await.stored, 1);
    assert_eq!(deliver(&inbox, &lines("Hut", 0..7)).await.refused_for_now(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_payload_is_taken_as_a_whole_and_waited_for_afterwards() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone()).limits(LIMITS);
    assert_eq!(deliver(&inbox, &lines("Hut", 0..16)).await.stored, 16);
    advance(Duration::from_secs(329)).await;
    assert_eq!(deliver(&inbox, &lines("Hut", [16])).await.stored, 0);
    advance(Duration::from_secs(2)).await;
    assert_eq!(deliver(&inbox, &lines("Hut", [16])).await.stored, 1);
}

#[tokio::test(start_paused = true)]
async fn of_a_payload_only_the_lines_of_the_node_beyond_the_limit_are_refused() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone()).limits(LIMITS);
    deliver(&inbox, &lines("Wild", 0..6)).await;
    let mixed = format!("{}rubbish\n{}", lines("Wild", 6..9), lines("Calm", 0..2));
    let receipt = deliver(&inbox, &mixed).await;
    assert_eq!((receipt.received, receipt.stored), (6, 2));
    assert_eq!(receipt.rejected.of(RejectReason::RateLimited), 3);
    assert_eq!(receipt.rejected.of(RejectReason::FieldCount), 1);
    let rejects = repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    let limited: Vec<_> = rejects.iter().filter(|reject| reject.reason == RejectReason::RateLimited).collect();
    assert_eq!(limited.len(), 3);
    assert!(limited.iter().all(|reject| reject.node.as_deref() == Some("Wild") && reject.text.starts_with("Wild;")));
    assert_eq!(limited.iter().map(|reject| reject.line).collect::<Vec<_>>(), [3, 2, 1]);
    let told: Vec<_> = receipt.rejects.iter().map(|reject| (reject.line, reject.reason)).collect();
    let limited = RejectReason::RateLimited;
    assert_eq!(told, [(1, limited), (2, limited), (3, limited), (4, RejectReason::FieldCount)]);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_makes_up_nodes_runs_into_a_limit_and_known_nodes_go_on() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone()).limits(LIMITS);
    deliver(&inbox, &lines("Hut", [0])).await;
    for number in 0..1000 {
        deliver(&inbox, &lines(&format!("Stranger {number}"), [0])).await;
    }
    assert_eq!(known(&*repository).await, ["Hut", "Stranger 0", "Stranger 1"]);
    assert_eq!(inbox.status().rejected.of(RejectReason::TooManyNodes), 998);
    assert_eq!(deliver(&inbox, &lines("Hut", [1])).await.stored, 1);

    let barn = lines("Barn", [0]);
    assert_eq!(deliver(&inbox, &barn).await.refused_for_now(), 1);
    advance(Duration::from_mins(31)).await;
    assert_eq!(deliver(&inbox, &barn).await.stored, 1, "a refused node is taken when it comes again");
    let everyone: String = (0..10).map(|number| lines(&format!("Late {number}"), [0])).collect();
    advance(Duration::from_hours(100)).await;
    let receipt = deliver(&inbox, &everyone).await;
    assert_eq!(receipt.stored, 1, "there are as many nodes as there may be");
    let told = receipt.rejects.iter().map(|reject| (reject.line, reject.reason));
    assert!(told.eq((2..=10).map(|line| (line, RejectReason::TooManyNodes))), "{:?}", receipt.rejects);
    advance(Duration::from_hours(100)).await;
    assert_eq!(deliver(&inbox, &everyone).await.duplicates, 1);
    assert_eq!(known(&*repository).await.len(), 5);
    let again = Inbox::new("test", repository.clone()).limits(LIMITS);
    assert_eq!(deliver(&again, &lines("Hut", 0..12)).await.stored, 10, "a known node needs no room after a restart");
}

#[tokio::test(start_paused = true)]
async fn transports_of_a_collector_have_limits_of_their_own() {
    let repository = repository();
    let (one, other) = (Inbox::new("one", repository.clone()), Inbox::new("other", repository.clone()));
    let (one, other) = (one.limits(LIMITS), other.limits(LIMITS));
    deliver(&one, &lines("Hut", 0..100)).await;
    assert_eq!(deliver(&one, &lines("Hut", [100])).await.stored, 0);
    assert_eq!(deliver(&other, &lines("Hut", [100])).await.stored, 1);
}

#[tokio::test(start_paused = true)]
async fn the_defaults_let_through_what_real_nodes_send() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone());
    let log = |node: &str| lines(node, 0..2 * 3660);
    assert_eq!(deliver(&inbox, &log("Router")).await.stored, 7320, "a router's log and archive");
    assert_eq!(deliver(&inbox, &log("Router")).await.duplicates, 7320);
    // A week in which the collector was away, for a node that measures every 15 s.
    deliver(&inbox, &lines("Board", [100_000])).await;
    advance(Duration::from_hours(7 * 24)).await;
    for hour in 0..7 * 24 {
        let line = |line: i64| {
            format!("{}\n", sample_measurement("Board", SAMPLE_TIME - 7 * 86_400 + 3600 * hour + 15 * line))
        };
        let lines: String = (0..240).map(line).collect();
        assert_eq!(deliver(&inbox, &lines).await.stored, 240);
    }
}

#[tokio::test(start_paused = true)]
async fn no_limits_are_none() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone()).limits(Limits::none());
    let everyone: String = (0..1100).map(|number| lines(&format!("Node {number}"), [0])).collect();
    assert_eq!(deliver(&inbox, &everyone).await.stored, 1100);
    let collector = Collector::new(repository).limits(&Limits::none());
    assert!(collector.monitor().transports().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_rejects_is_counted_and_a_part_of_it_logged() {
    let repository = repository();
    let inbox = Inbox::new("test", repository.clone());
    let logged =
        async || repository.rejects(&RejectQuery::newest(usize::MAX)).await.expect("it can be read").rejects.len();
    for _ in 0..300 {
        deliver(&inbox, "rubbish\n").await;
    }
    assert_eq!(inbox.status().rejected.total(), 300);
    assert_eq!(logged().await, Inbox::REJECTS_LOGGED);
    deliver(&inbox, &SAMPLE_LINE_19.replace("52.507309", "91")).await;
    assert_eq!(logged().await, Inbox::REJECTS_LOGGED + 1, "another reason has room of its own");
    advance(Duration::from_hours(1)).await;
    deliver(&inbox, "rubbish\n").await;
    assert_eq!(logged().await, Inbox::REJECTS_LOGGED + 2, "the next hour has room again");

    for topic in 0..3000 {
        let source = format!("a topic {topic}");
        inbox.reject(&Payload::csvlog(b"?", &source), RejectReason::TopicUnknown).await.expect("it is stored");
    }
    assert!(logged().await < 2_200, "of all sources together, too, a part is logged");
    assert_eq!(inbox.status().rejected.of(RejectReason::TopicUnknown), 3000);
}
