//! Events as they happen.

use std::{sync::Arc, time::Duration};

use isems_core::{RedbRepository, unix_now};
use isems_server::{api::Service, live::Live};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::{ADMIN, TestService, in_time, line};

async fn service(subscribers: usize, heartbeat: Duration) -> TestService {
    let (live, access) = (Arc::new(Live::new(subscribers, heartbeat)), super::access(&[]));
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    TestService::with(repository, |service| Service { live, access, ..service }, None).await
}

/// A stream of events, read as it comes.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn open(service: &TestService, query: &str, last_id: Option<&str>) -> Self {
        let mut request = service.client.get(format!("{}/api/v1/live{query}", service.base));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers().get("content-encoding").is_none(), "events are not held back to be compressed");
        let mut events = Self { response, text: String::new() };
        assert_eq!(events.next().await.as_deref(), Some("retry: 3000"));
        events
    }

    /// What comes up to the next blank line. `None`: the stream has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.into();
                return Some(event);
            }
            let chunk = in_time(self.response.chunk()).await.unwrap()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event: its id, its kind and its data.
    async fn event(&mut self) -> (String, String, Value) {
        loop {
            let text = self.next().await.expect("the stream goes on");
            if text.starts_with(':') {
                continue;
            }
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                line.unwrap_or_default().to_owned()
            };
            return (field("id"), field("event"), serde_json::from_str(&field("data")).unwrap());
        }
    }

    async fn measurement(&mut self) -> (String, i64) {
        let (_, kind, data) = self.event().await;
        assert_eq!(kind, "measurement", "{data}");
        (data["nodeId"].as_str().unwrap().into(), data["timeToShutdown"].as_f64().unwrap() as i64)
    }
}

/// Sends lines that are numbered by their countdown.
async fn push(service: &TestService, node: &str, numbers: std::ops::Range<i64>) {
    let now = unix_now();
    let of = |number| line(node, now - 100_000 + number).replace(";711;", &format!(";{number};"));
    let request = service.client.post(format!("{}/api/v1/nodes/{node}/measurements", service.base));
    let request =
        request.bearer_auth(ADMIN).header("content-type", "text/csv").body(numbers.map(of).collect::<String>());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_stored_arrives_once_and_in_order() {
    let service = service(10, Duration::from_secs(15)).await;
    push(&service, "Hut", 0..1).await;
    let mut all = Events::open(&service, "", None).await;
    let mut barn = Events::open(&service, "?nodes=Barn&nodes=Shed", None).await;
    for number in 1..50 {
        push(&service, "Hut", number - 1..number + 1).await;
    }
    push(&service, "Barn", 0..3).await;
    for number in 1..50 {
        assert_eq!(all.measurement().await, ("Hut".into(), number));
    }
    for number in 0..3 {
        assert_eq!(all.measurement().await, ("Barn".into(), number));
        assert_eq!(barn.measurement().await, ("Barn".into(), number));
    }
}

#[tokio::test]
async fn silence_is_told() {
    let service = service(10, Duration::from_millis(20)).await;
    let mut events = Events::open(&service, "?nodes=Nobody", None).await;
    push(&service, "Hut", 0..10).await;
    for _ in 0..3 {
        assert_eq!(events.next().await.as_deref(), Some(": nothing new"));
    }
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed() {
    let service = service(10, Duration::from_secs(15)).await;
    let mut events = Events::open(&service, "", None).await;
    push(&service, "Hut", 0..4).await;
    let (id, _, _) = events.event().await;
    drop(events);
    for query in [None, Some(format!("?lastEventId={id}"))] {
        let header = query.is_none().then_some(&*id);
        let mut again = Events::open(&service, query.as_deref().unwrap_or_default(), header).await;
        for number in 1..4 {
            assert_eq!(again.measurement().await, ("Hut".into(), number));
        }
    }
    // An id of another run of the server, or none at all.
    for id in ["00000000-2", "nonsense"] {
        let mut again = Events::open(&service, "", Some(id)).await;
        let (_, kind, data) = again.event().await;
        assert_eq!((&*kind, data["lastEventId"].as_str().unwrap()), ("gap", id));
        assert_eq!(again.measurement().await, ("Hut".into(), 0));
    }
}

#[tokio::test]
async fn who_reads_too_slowly_is_dropped_and_harms_nobody() {
    let service = service(10, Duration::from_secs(15)).await;
    let mut slow = Events::open(&service, "", None).await;
    let mut good = Events::open(&service, "?nodes=Hut", None).await;
    // Some megabytes: more than the sockets hold, and more events than are kept.
    for part in 0..6 {
        push(&service, &format!("Flood{part}"), 0..5_000).await;
        push(&service, "Hut", part..part + 1).await;
        assert_eq!(good.measurement().await, ("Hut".into(), part));
    }
    let mut count = 0;
    while slow.next().await.is_some() {
        count += 1;
    }
    assert!(count < 30_000, "{count} events arrived");
}

#[tokio::test]
async fn the_end_of_the_server_ends_the_streams() {
    let service = service(10, Duration::from_secs(15)).await;
    let mut events = Events::open(&service, "", None).await;
    service.service.live.end();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn there_is_a_bound_on_subscribers() {
    let service = service(2, Duration::from_secs(15)).await;
    let first = Events::open(&service, "", None).await;
    let _second = Events::open(&service, "", None).await;
    let (status, detail) = service.problem("/api/v1/live").await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && detail.contains("2 subscribers"), "{detail}");
    drop(first);
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    in_time(async {
        while status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(5)).await;
            status = service.get("/api/v1/live").await.status();
        }
    })
    .await;
    assert_eq!(service.problem("/api/v1/live?node=Hut").await.0, StatusCode::BAD_REQUEST);
}
