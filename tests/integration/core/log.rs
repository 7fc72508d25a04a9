//! The log tells enough about rejects, and no more.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use isems_core::{Expectation, Inbox, Payload, RedbRepository, RejectReason, unix_now};
use serde_json::Value;
use tokio::time::{Instant, advance};
use tracing::subscriber::DefaultGuard;

use super::{line_with, node_id};

/// The lines logged by this thread while it exists.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Returns level, node, reason and count of what was logged since the last call.
    fn take(&self) -> Vec<(String, Option<String>, String, u64)> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        lines
            .map(|line: Value| {
                assert_eq!(line["transport"], "test", "{line}");
                (
                    text(&line["level"]).unwrap(),
                    text(&line["node"]),
                    text(&line["reason"]).unwrap(),
                    line["count"].as_u64().unwrap(),
                )
            })
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn inbox() -> Inbox {
    Inbox::new("test", Arc::new(RedbRepository::in_memory().expect("memory suffices")))
}

#[tokio::test(start_paused = true)]
async fn a_node_and_reason_are_told_once_an_hour_with_a_count() {
    let inbox = inbox();
    let (log, _guard) = Log::start();
    let started = Instant::now();
    let deliver = async |node: &str, line: &str| {
        let received_at = unix_now() + started.elapsed().as_secs() as i64;
        let payload = Payload { node: Some(node_id(node)), received_at, ..Payload::csvlog(line.as_bytes(), "a test") };
        inbox.deliver(payload).await.expect("it is stored");
    };
    let told = |node: &str, reason: &str, count| ("INFO".to_owned(), Some(node.to_owned()), reason.to_owned(), count);
    deliver("Elektra-Dach", "rubbish\nrubbish\n").await;
    assert_eq!(log.take(), [told("Elektra-Dach", "field_count", 2)]);
    for _ in 0..300 {
        deliver("Elektra-Dach", "rubbish\n").await;
    }
    assert_eq!(log.take(), []);
    deliver("Hut", "rubbish\n").await;
    deliver("Elektra-Dach", &line_with(17, "91")).await;
    assert_eq!(log.take(), [told("Hut", "field_count", 1), told("Elektra-Dach", "number_out_of_range", 1)]);
    advance(Duration::from_hours(1)).await;
    assert_eq!(log.take(), []);
    deliver("Elektra-Dach", "rubbish\n").await;
    assert_eq!(log.take(), [told("Elektra-Dach", "field_count", 301)]);
    deliver("Elektra-Dach", &line_with(17, "91")).await;
    assert_eq!(log.take(), []);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_sources_does_not_flood_the_log() {
    let inbox = inbox();
    let (log, _guard) = Log::start();
    for number in 0..3000 {
        let topic = format!("a topic {number}");
        inbox.reject(&Payload::csvlog(b"?", &topic), RejectReason::TopicUnknown).await.expect("it is stored");
    }
    let told = log.take();
    assert!((1000..1010).contains(&told.len()), "{} lines are told", told.len());
}

#[tokio::test]
async fn a_source_cannot_steer_a_terminal() {
    let inbox = inbox();
    let (log, _guard) = Log::start();
    let source = format!("a\u{9b}2J\u{1b}]0;\r\n\u{202e}{}", "x".repeat(60_000));
    inbox.reject(&Payload::csvlog(b"?", &source), RejectReason::TopicUnknown).await.expect("it is stored");
    inbox.source_down("a\u{9b}b", &"an \u{9b}error");
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text}");
    assert!(text.len() < 2000);
    assert_eq!(inbox.status().sources["a\u{9b}b"].error.as_deref(), Some(r"an \u{9b}error"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_source_is_told_of_once() {
    let inbox = inbox();
    inbox.expect("a broker", Expectation { after: Duration::from_mins(15), began: "subscribed", advice: "look" });
    inbox.source_up("a broker");
    let (log, _guard) = Log::start();
    let lines = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap().lines().count();
    for heard in [1, 2] {
        for _ in 0..100 {
            let next = inbox.look_for_silence("a broker").expect("something is expected of it");
            tokio::time::sleep_until(next).await;
        }
        assert_eq!(lines(), heard);
        inbox.heard("a broker");
    }
    assert_eq!(inbox.look_for_silence("nobody"), None);
}
