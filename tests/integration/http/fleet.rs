//! Many nodes at a time, some of them broken, polled while the transport runs.

use std::{
    future,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicI64,
            Ordering::{Relaxed, SeqCst},
        },
        mpsc,
    },
    time::Duration,
};

use isems_core::{Collector, RedbRepository, Transport, TransportState};
use isems_transport_http::{HttpConfig, HttpTransport, Target};
use tokio::sync::oneshot;

use super::{
    Station, lines, minutes,
    router::{RANGES, Router},
    target, until,
    web_server::{Reply, WebServer, head},
};

/// The worst kind: they hold on to a poll for as long as they can.
async fn holding_on() -> Vec<WebServer> {
    let start = head("HTTP/1.1", "200 OK", &[("Content-Length", "1000000")], "x");
    let mut servers = Vec::new();
    for reply in [Reply::Hang(Vec::new()), Reply::Hang(start.clone()), Reply::Trickle(start)] {
        servers.push(WebServer::start(move |_| reply.clone()).await);
    }
    servers
}

fn targets_of(servers: &[WebServer]) -> impl Iterator<Item = Target> {
    servers.iter().map(|server| target(&server.url("/csv.log")))
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_nodes_delay_no_good_one() {
    let broken = holding_on().await;
    let mut routers = Vec::new();
    for node in ["Dach", "Turm", "Hof"] {
        routers.push(Router::start(RANGES, &lines(node, 0..10)).await);
    }
    let mut targets: Vec<_> = targets_of(&broken).collect();
    targets.extend(routers.iter().map(|router| target(&router.address())));
    // One slot, which the broken nodes are the first to get; and a timeout that is not going to help.
    let config = HttpConfig {
        targets,
        concurrency: 1,
        slow_after: Duration::from_millis(50),
        total_timeout: Duration::from_hours(1),
        interval: Duration::from_millis(50),
        ..HttpConfig::default()
    };
    let repository = Arc::new(RedbRepository::in_memory().expect("a repository in memory"));
    let transport = HttpTransport::new(config).expect("a valid configuration");
    let collector = Collector::new(repository.clone()).transport(transport).unwrap();
    let monitor = collector.monitor();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(collector.run(async { drop(stopped.await) }));
    for (router, node) in routers.iter().zip(["Dach", "Turm", "Hof"]) {
        until("a good node is stored", || async { minutes(&repository, node).await.len() == 10 }).await;
        router.append(&lines(node, 10..20));
        until("it is polled again", || async { minutes(&repository, node).await.len() == 20 }).await;
    }
    let status = &monitor.transports()[0];
    assert_eq!(status.state, TransportState::Running);
    assert_eq!(status.sources.values().filter(|source| source.up).count(), 3);
    assert_eq!(broken.iter().map(WebServer::requests).sum::<usize>(), 3, "their polls are still under way");
    drop(stop);
    running.await.expect("a collector that ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_once_reports_each_node_as_it_is_done() {
    let broken = holding_on().await;
    let router = Router::start(RANGES, &lines("Dach", 0..10)).await;
    let refused = WebServer::start(|_| Reply::http("404 Not Found", &[], "")).await;
    let mut targets: Vec<_> = targets_of(&broken).collect();
    targets.extend([target(&router.address()), target(&refused.url("/csv.log"))]);
    let config = HttpConfig {
        targets,
        concurrency: 1,
        slow_after: Duration::from_millis(20),
        total_timeout: Duration::from_secs(5),
        ..HttpConfig::default()
    };
    let station = Station::new();
    let outcomes = station.poll_all(config).await;
    assert_eq!(outcomes.len(), 5);
    let result_of = |wanted: Target| {
        let (_, result) = outcomes.iter().find(|(source, _)| *source == wanted.to_string()).expect("a report of each");
        result
    };
    assert_eq!(result_of(target(&router.address())).as_ref().expect("a log").stored, 10);
    assert!(result_of(target(&refused.url("/csv.log"))).as_ref().is_err_and(|error| error.contains("404")));
    for target in targets_of(&broken) {
        assert!(result_of(target).as_ref().is_err_and(|error| error.contains("within 5s")));
    }
    assert_eq!(station.inbox.status().sources.values().filter(|source| source.up).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_is_tried_again_until_it_answers() {
    let is_well = Arc::new(AtomicBool::new(false));
    let shared = is_well.clone();
    let server = WebServer::start(move |_| {
        if shared.load(Relaxed) {
            Reply::http("200 OK", &[], lines("Dach", 0..3))
        } else {
            Reply::http("500 Internal Server Error", &[], "")
        }
    })
    .await;
    let config = HttpConfig {
        targets: targets_of(std::slice::from_ref(&server)).collect(),
        interval: Duration::from_millis(20),
        ..HttpConfig::default()
    };
    let station = Station::new();
    let source = server.url("/csv.log");
    let mut transport = HttpTransport::new(config).expect("a valid configuration");
    let watch = async {
        until("it was tried often", || future::ready(server.requests() >= 4)).await;
        let status = station.inbox.status().sources[&source].clone();
        assert_eq!(
            (status.up, status.error.as_deref()),
            (false, Some("answered with status 500 Internal Server Error"))
        );
        is_well.store(true, Relaxed);
        until("it is up", || future::ready(station.inbox.status().sources[&source].up)).await;
        server.take();
        until("it is polled on the interval", || future::ready(server.requests() >= 4)).await;
    };
    tokio::select! {
        result = transport.run(&station.inbox) => panic!("it ended: {result:?}"),
        () = watch => {}
    }
    assert_eq!(station.minutes("Dach").await, [0, 1, 2]);
}

/// A query under way keeps the file open until it is done; a poll would do so for much longer.
async fn open_when_closed(path: &Path) -> RedbRepository {
    let mut repository = None;
    until("the file is closed", || {
        repository = RedbRepository::open(path).ok();
        future::ready(repository.is_some())
    })
    .await;
    repository.expect("what was waited for")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_when_the_transport_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("isems.redb");
    let servers = holding_on().await;
    let router = Router::start(RANGES, &lines("Dach", 0..3000)).await;
    let mut targets: Vec<_> = targets_of(&servers).collect();
    targets.push(target(&router.address()));
    for round in 0..20 {
        let config = HttpConfig { targets: targets.clone(), ..HttpConfig::default() };
        let transport = HttpTransport::new(config).expect("a valid configuration");
        let repository = Arc::new(open_when_closed(&path).await);
        let stop = until("some requests are under way", || {
            future::ready(router.server.requests() + servers[0].requests() > round)
        });
        Collector::new(repository.clone()).transport(transport).unwrap().run(stop).await;
        assert_eq!(Arc::strong_count(&repository), 1);
    }
    let station = Station::of(open_when_closed(&path).await);
    station.poll(&router.address()).await.expect("a log");
    station.assert_minutes("Dach", 0..3000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_target_is_polled_at_once_when_that_is_asked_for() {
    let router = Router::start(RANGES, &lines("Dach", 0..3)).await;
    let config = HttpConfig {
        targets: vec![target(&router.address())],
        interval: Duration::from_hours(1),
        ..HttpConfig::default()
    };
    let repository = Arc::new(RedbRepository::in_memory().expect("a repository in memory"));
    let transport = HttpTransport::new(config).expect("a valid configuration");
    let trigger = transport.trigger();
    let (stop, stopped) = oneshot::channel::<()>();
    let collector = Collector::new(repository.clone()).transport(transport).unwrap();
    let running = tokio::spawn(collector.run(async { drop(stopped.await) }));
    until("the first poll", async || minutes(&repository, "Dach").await.len() == 3).await;
    for more in 4..7 {
        router.append(&lines("Dach", more - 1..more));
        assert_eq!(trigger.poll_now(), 1);
        until("it is polled again", async || minutes(&repository, "Dach").await.len() == more as usize).await;
    }
    drop(stop);
    running.await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_target_that_is_being_polled_is_polled_once_more_afterwards() {
    let (arrived, under_way) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let (answer, may_answer) = mpsc::channel::<()>();
    let may_answer = Mutex::new(may_answer);
    let (counter, busy) = (arrived.clone(), under_way.clone());
    let server = WebServer::start(move |_| {
        let others = busy.fetch_add(1, SeqCst);
        let number = counter.fetch_add(1, SeqCst) + 1;
        // In the end the test has gone, and nobody waits for an answer.
        let _ = may_answer.lock().expect("no test has panicked here").recv();
        busy.fetch_sub(1, SeqCst);
        // A poll beside another one has no log to give, so its lines would be missed.
        let log = if others == 0 { lines("Dach", 0..number) } else { String::new() };
        Reply::http("200 OK", &[], log)
    })
    .await;
    let targets = targets_of(std::slice::from_ref(&server)).collect();
    let config = HttpConfig { targets, interval: Duration::from_hours(1), ..HttpConfig::default() };
    let repository = Arc::new(RedbRepository::in_memory().expect("a repository in memory"));
    let transport = HttpTransport::new(config).expect("a valid configuration");
    let trigger = transport.trigger();
    assert_eq!(trigger.poll_now(), 1, "it does not run yet");
    let (stop, stopped) = oneshot::channel::<()>();
    let collector = Collector::new(repository.clone()).transport(transport).unwrap();
    let running = tokio::spawn(collector.run(async { drop(stopped.await) }));
    for number in 1..4 {
        until("it is polled", async || arrived.load(SeqCst) == number).await;
        for _ in 0..3 {
            trigger.clone().poll_now();
        }
        assert_eq!(under_way.load(SeqCst), 1);
        answer.send(()).expect("the server waits");
        until("its answer is stored", async || minutes(&repository, "Dach").await.len() == number as usize).await;
    }
    drop(stop);
    drop(answer);
    running.await.expect("it stops");
}
