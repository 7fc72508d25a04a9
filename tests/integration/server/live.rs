//! Live events.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use isems_core::{BoxError, Inbox, Measurement, Payload, RedbRepository, Transport, testing::sample_measurement};
use isems_insight::WatcherOptions;
use isems_server::{
    Server,
    api::{Access, ServiceBuilder},
    live::LiveOptions,
    settings::Arguments,
    tokens::Tokens,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::{mpsc, oneshot},
};

use super::{Surroundings, TestService, client, in_time, line};

const START: i64 = 1_530_364_575;

/// A time that no test waits for.
const NEVER: Duration = Duration::from_hours(1);

/// Options for tests, which wait for nothing that they can do without.
fn options() -> LiveOptions {
    LiveOptions { pause: Duration::from_millis(1), heartbeat: NEVER, ..LiveOptions::default() }
}

async fn service(live: LiveOptions) -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    TestService::with(repository, |service| service.live(live), None).await
}

/// A service whose watcher keeps some events.
async fn service_that_keeps(kept_events: usize) -> TestService {
    watching(WatcherOptions { kept_events, assesses: false, ..WatcherOptions::default() }).await
}

async fn watching(watching: WatcherOptions) -> TestService {
    let surroundings = Surroundings { watching, ..Surroundings::default() };
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    TestService::within(surroundings, repository, |service| service.live(options()), None).await
}

/// A part of the stream that ends with an empty line.
#[derive(Debug, Default, PartialEq)]
struct Block {
    id: String,
    event: String,
    data: String,
    comment: String,
}

impl Block {
    fn parse(text: &str) -> Self {
        let mut block = Self::default();
        for line in text.lines() {
            match line.split_once(": ").unwrap() {
                ("id", id) => block.id = id.into(),
                ("event", event) => block.event = event.into(),
                ("data", data) => block.data = data.into(),
                ("", comment) => block.comment = comment.into(),
                ("retry", milliseconds) => assert!(milliseconds.parse::<u32>().unwrap() >= 1000),
                other => panic!("{other:?}"),
            }
        }
        block
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// The time of a measurement, Unix seconds.
    fn second(&self) -> i64 {
        assert_eq!(self.event, "measurement", "{self:?}");
        let data = self.json();
        let time = data["timestamp"].as_str().and_then(|time| time.strip_prefix("2018-06-30T")?.strip_suffix('Z'));
        let parts = time.unwrap().split(':').map(|part| part.parse::<i64>().unwrap());
        1_530_316_800 + parts.fold(0, |sum, part| 60 * sum + part)
    }
}

/// Someone who listens.
struct Listener {
    response: Response,
    buffer: String,
}

impl Listener {
    async fn new(service: &TestService, query: &str) -> Self {
        Self::of(service.client.get(format!("{}/api/v1/live{query}", service.base))).await
    }

    /// It listens when this returns: the opening has come.
    async fn of(request: RequestBuilder) -> Self {
        let response = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut listener = Self { response, buffer: String::new() };
        let opening = listener.block().await.unwrap();
        assert!(opening.id.contains('-') && opening.event.is_empty(), "{opening:?}");
        listener
    }

    /// The next part; `None` when the stream has ended as it should.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let block = Block::parse(block);
                self.buffer = rest.into();
                return Some(block);
            }
            let Some(chunk) = in_time(self.response.chunk()).await.unwrap() else {
                assert_eq!(self.buffer, "");
                return None;
            };
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The time of the next event, which is a measurement.
    async fn second(&mut self) -> i64 {
        self.block().await.unwrap().second()
    }
}

/// Delivers what it is told to.
struct Deliverer(mpsc::Receiver<(String, oneshot::Sender<u64>)>);

#[async_trait]
impl Transport for Deliverer {
    fn name(&self) -> &'static str {
        "deliverer"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        while let Some((lines, stored)) = self.0.recv().await {
            let receipt = inbox.deliver(Payload::csvlog(lines.as_bytes(), "test")).await?;
            stored.send(receipt.stored).expect("the test waits");
        }
        Ok(())
    }
}

fn measurements(node: &str, seconds: impl Iterator<Item = i64>) -> Vec<Measurement> {
    seconds.map(|second| sample_measurement(node, START + second)).collect()
}

#[tokio::test]
async fn what_is_new_arrives_once_and_in_order_at_everybody_and_what_is_not_does_not() {
    let (deliver, receiver) = mpsc::channel(1);
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let configure = |service: ServiceBuilder| service.live(options());
    let mut service = TestService::with(repository, configure, Some(Box::new(Deliverer(receiver)))).await;
    let mut listeners = [Listener::new(&service, "").await, Listener::new(&service, "").await];
    for (range, wanted) in [(0..3, 3), (0..3, 0), (1..5, 2), (5..6, 1)] {
        let (sender, stored) = oneshot::channel();
        let lines: String = range.map(|second| line("Elektra-Dach", START + second)).collect();
        deliver.send((lines + "rubbish\n", sender)).await.unwrap();
        assert_eq!(in_time(stored).await.unwrap(), wanted);
    }
    for listener in &mut listeners {
        for second in 0..6 {
            assert_eq!(listener.second().await, START + second);
        }
    }
    service.stop_collecting();
    for listener in &mut listeners {
        assert_eq!(listener.block().await, None);
    }
}

#[tokio::test]
async fn a_measurement_is_what_the_history_has() {
    let service = service(options()).await;
    let mut listener = Listener::new(&service, "").await;
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
    {
        assert_eq!(listener.response.headers()[name], value);
    }
    assert!(!listener.response.headers().contains_key("content-encoding"));
    service.deliver(&line("Elektra-Dach", START)).await;
    let stored = service.json("/api/v1/measurements").await["measurements"][0].clone();
    assert_eq!(listener.block().await.unwrap().json(), stored);
}

/// Lets a node fall silent at [`START`], by the service's watcher.
async fn fall_silent(service: &TestService, clock: &AtomicI64, node: &str) {
    let last = START - 3 * 900 - 1;
    clock.store(last, Ordering::Relaxed);
    service.store(vec![Measurement { received_at: last, ..sample_measurement(node, last) }]).await;
    service.watcher.refresh().await.unwrap();
    clock.store(START, Ordering::Relaxed);
    service.watcher.refresh().await.unwrap();
}

/// A clock that shows what it is set to.
fn clock() -> (Arc<AtomicI64>, WatcherOptions) {
    let time = Arc::new(AtomicI64::new(START));
    let clock = time.clone();
    let clock = Arc::new(move || clock.load(Ordering::Relaxed));
    (time, WatcherOptions { assesses: false, clock, ..WatcherOptions::default() })
}

#[tokio::test]
async fn a_node_that_falls_silent_is_told() {
    let (clock, options) = clock();
    let service = watching(options).await;
    let mut listener = Listener::new(&service, "").await;
    fall_silent(&service, &clock, "Elektra-Dach").await;
    assert_eq!(listener.block().await.unwrap().event, "measurement");
    let block = listener.block().await.unwrap();
    assert_eq!(block.event, "state");
    let wanted = r#"{"nodeId":"Elektra-Dach","state":"silent","previous":"active","at":"2018-06-30T13:16:15Z"}"#;
    assert_eq!(block.data, wanted);
}

#[tokio::test]
async fn only_the_nodes_that_are_named_also_before_they_exist() {
    let (clock, options) = clock();
    let mut service = watching(options).await;
    let mut two = Listener::new(&service, "?nodes=Hut%2C%201&nodes=Barn").await;
    let mut other = Listener::new(&service, "?nodes=Nowhere").await;
    fall_silent(&service, &clock, "Nowhere").await;
    for (second, node) in ["Elektra-Dach", "Barn", "Hut", "Hut, 1", "Barn"].into_iter().enumerate() {
        service.store(vec![sample_measurement(node, START + second as i64)]).await;
    }
    for node in ["Barn", "Hut, 1", "Barn"] {
        assert_eq!(two.block().await.unwrap().json()["nodeId"], node);
    }
    for event in ["measurement", "state"] {
        let block = other.block().await.unwrap();
        assert_eq!((&*block.event, &block.json()["nodeId"]), (event, &json!("Nowhere")));
    }
    service.stop_collecting();
    assert_eq!((two.block().await, other.block().await), (None, None));
}

#[tokio::test]
async fn only_the_kinds_that_are_asked_for() {
    let (clock, options) = clock();
    let mut service = watching(options).await;
    let mut listener = Listener::new(&service, "?kinds=state&kinds=finding").await;
    fall_silent(&service, &clock, "Barn").await;
    assert_eq!(listener.block().await.unwrap().event, "state");
    service.stop_collecting();
    assert_eq!(listener.block().await, None);
    let unknown = service.get("/api/v1/live?kinds=weather").await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_comment_comes_when_there_is_nothing_to_tell_and_brings_the_newest_id() {
    let service = service(LiveOptions { heartbeat: Duration::from_millis(20), ..options() }).await;
    let mut listener = Listener::new(&service, "?nodes=Barn").await;
    let first = listener.block().await.unwrap();
    assert_eq!((&*first.comment, &*first.event), ("heartbeat", ""));
    service.store(measurements("Hut", 0..10)).await;
    let id = |block: &Block| block.id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap();
    while id(&listener.block().await.unwrap()) < 10 {}
}

#[tokio::test]
async fn who_comes_back_gets_what_came_meanwhile() {
    let service = service(options()).await;
    let mut listener = Listener::new(&service, "").await;
    service.store(measurements("Hut", 0..2)).await;
    let first = listener.block().await.unwrap().id;
    drop(listener);
    service.store(measurements("Hut", 2..100)).await;
    let url = format!("{}/api/v1/live", service.base);
    let other = first.rsplit_once('-').unwrap().0.to_owned() + "-50";
    for request in [
        service.client.get(&url).header("Last-Event-ID", &first),
        service.client.get(format!("{url}?lastEventId={first}")),
        service.client.get(format!("{url}?lastEventId={other}")).header("Last-Event-ID", &first),
    ] {
        let mut listener = Listener::of(request).await;
        for second in 1..100 {
            assert_eq!(listener.second().await, START + second);
        }
    }
    let mut listener = Listener::new(&service, "?lastEventId=").await;
    service.store(measurements("Hut", 100..101)).await;
    assert_eq!(listener.second().await, START + 100, "who names nothing begins with now");
}

#[tokio::test]
async fn a_gap_is_told_with_what_to_do_and_what_is_kept_follows() {
    let service = service_that_keeps(4).await;
    let mut listener = Listener::new(&service, "").await;
    service.store(measurements("Hut", 0..1)).await;
    let first = listener.block().await.unwrap().id;
    service.store(measurements("Hut", 1..10)).await;
    let run = first.rsplit_once('-').unwrap().0;
    let ahead = format!("{run}-1000");
    let nonsense = format!("{run}-x");
    for (id, reason) in [
        (&*first, "tooOld"),
        ("0123456789abcdef-9", "otherRun"),
        ("anything", "otherRun"),
        (&*ahead, "otherRun"),
        (&*nonsense, "otherRun"),
    ] {
        let mut listener = Listener::new(&service, &format!("?lastEventId={id}")).await;
        let gap = listener.block().await.unwrap();
        assert_eq!((&*gap.event, gap.json()["reason"].as_str()), ("gap", Some(reason)), "{id}");
        assert!(gap.json()["detail"].as_str().unwrap().contains("/api/v1/measurements?from="));
        for second in 6..10 {
            assert_eq!(listener.second().await, START + second);
        }
        let mut again = Listener::new(&service, &format!("?lastEventId={}", gap.id)).await;
        assert_eq!(again.second().await, START + 6, "the gap is told once");
    }
}

#[tokio::test]
async fn more_at_once_than_is_kept_is_a_gap_and_not_the_readers_fault() {
    let service = service_that_keeps(100).await;
    let mut listener = Listener::new(&service, "").await;
    service.store(measurements("Hut", 0..1)).await;
    assert_eq!(listener.second().await, START);
    service.store(measurements("Hut", 1..1000)).await;
    assert_eq!(listener.block().await.unwrap().event, "gap");
    for second in 900..1000 {
        assert_eq!(listener.second().await, START + second);
    }
    let live = service.service.clone();
    drop(service);
    assert_eq!(live.live().dropped(), 0);
}

#[tokio::test]
async fn a_slow_reader_is_dropped_and_the_others_get_everything() {
    /// Together with the buffers of both sides of a connection, much less than all.
    const ROUNDS: i64 = 20;
    const A_ROUND: i64 = 1000;
    let service = service_that_keeps(2000).await;
    let mut fast = Listener::new(&service, "").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = in_time(socket.connect(service.address)).await.unwrap();
    slow.write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    assert!(in_time(slow.read(&mut [0; 16])).await.unwrap() > 0);
    for round in 0..ROUNDS {
        service.store(measurements("Hut", round * A_ROUND..(round + 1) * A_ROUND)).await;
        for second in 0..A_ROUND {
            assert_eq!(fast.second().await, START + round * A_ROUND + second);
        }
    }
    let mut read = Vec::new();
    // Reset or closed is the same to it.
    let _ = in_time(slow.read_to_end(&mut read)).await;
    assert_eq!(service.service.live().dropped(), 1);
    assert!(!read.ends_with(b"\r\n0\r\n\r\n"), "the end does not pass for a regular one");
    service.store(measurements("Hut", std::iter::once(ROUNDS * A_ROUND))).await;
    assert_eq!(fast.second().await, START + ROUNDS * A_ROUND);
}

#[tokio::test]
async fn as_many_may_listen_as_are_allowed() {
    let service = service(LiveOptions { subscribers: 2, ..options() }).await;
    let live = service.service.live();
    let head = service.client.head(format!("{}/api/v1/live", service.base)).send();
    assert_eq!(in_time(head).await.unwrap().status(), StatusCode::OK);
    assert_eq!(live.subscribers(), 0, "whoever asks for the head alone does not listen");
    let first = Listener::new(&service, "").await;
    let mut second = Listener::new(&service, "").await;
    let refused = service.get("/api/v1/live").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(service.get("/healthz").await.status(), StatusCode::OK);
    drop(first);
    in_time(async { while service.get("/api/v1/live").await.status() != StatusCode::OK {} }).await;
    service.store(measurements("Hut", 0..1)).await;
    assert_eq!(second.second().await, START);
}

#[tokio::test]
async fn it_needs_a_token_where_reading_does_and_knows_its_parameters() {
    const TOKEN: &str = "correct-horse-battery";
    let tokens = Tokens::parse([&*format!("map:{TOKEN}")]).unwrap();
    let access = Access { tokens, protect_reading: true, ..Access::default() };
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let service = TestService::with(repository, |service| service.access(access), None).await;
    assert_eq!(service.get("/api/v1/live").await.status(), StatusCode::UNAUTHORIZED);
    let url = format!("{}/api/v1/live", service.base);
    let request = |query: &str| service.client.get(format!("{url}{query}")).bearer_auth(TOKEN);
    Listener::of(request("?nodes=Hut")).await;
    let refused = request("?node=Hut").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.text().await.unwrap().contains("lastEventId, nodes"));
}

#[tokio::test]
async fn the_server_tells_what_it_collects_and_ends_its_streams_when_it_stops() {
    let flags = ["isems-server", "--listen=127.0.0.1:0"];
    let arguments = Arguments::read(flags.map(Into::into)).unwrap();
    let server = Server::open(arguments.settings, Some(2)).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task =
        tokio::spawn(
            async move { server.run(async { stopped.await.unwrap() }).await.map_err(|error| error.to_string()) },
        );
    let mut listener = Listener::of(client().get(format!("http://{address}/api/v1/live?lastEventId=0"))).await;
    while listener.block().await.unwrap().event != "measurement" {}
    stop.send(()).unwrap();
    // It ends as it should, not cut off.
    while listener.block().await.is_some() {}
    in_time(task).await.unwrap().unwrap();
}
