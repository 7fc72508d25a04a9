//! Every kind of good and broken node at once.

use std::{future, net::Ipv4Addr, sync::Arc, time::Duration};

use isems_core::{Collector, RedbRepository, SourceStatus};
use isems_transport_http::{HttpConfig, HttpTransport, Target};
use tokio::{net::TcpSocket, sync::oneshot};

use super::{
    gzip, line, lines, minutes, target, until,
    web_server::{Reply, WebServer, head},
};

const GOOD_NODES: usize = 200;
const LINES: i64 = 20;
const MAX_BODY_BYTES: usize = 100_000;

/// A log served in one of the ways in which web servers answer well.
fn good(node: &str, dialect: usize) -> Reply {
    let log = lines(node, 0..LINES);
    let chunked = |log: &str| format!("{:x}\r\n{log}\r\n0\r\n\r\n", log.len());
    match dialect % 6 {
        0 => Reply::http("200 OK", &[("Accept-Ranges", "bytes"), ("ETag", "\"1\"")], log),
        1 => Reply::http_1_0("200 OK", &[("Content-Type", "text/html")], log),
        2 => Reply::Close(head("HTTP/1.1", "200 OK", &[("Transfer-Encoding", "chunked")], chunked(&log))),
        3 => Reply::http("200 OK", &[("Content-Encoding", "gzip")], gzip(log)),
        4 => Reply::Close([b"HTTP/1.0 200\n\n", log.replace('\n', "\r\n").as_bytes()].concat()),
        _ => Reply::http_1_0("200 OK", &[], log.trim_end()),
    }
}

/// Answers that do not end within the time limit.
fn unending() -> Vec<Reply> {
    let start = head("HTTP/1.1", "200 OK", &[("Content-Length", "1000000")], line("Never", 0));
    vec![
        Reply::Hang(Vec::new()),
        Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-".into()),
        Reply::Hang(start.clone()),
        Reply::Trickle(b"HTTP/1.1 200 OK\r\nX: ".into()),
        Reply::Trickle(start),
    ]
}

/// Answers that exceed the size limit.
fn too_large() -> Vec<Reply> {
    let start = head("HTTP/1.1", "200 OK", &[], "");
    vec![
        Reply::Endless(start.clone(), vec![0; 1 << 16]),
        Reply::Endless(start.clone(), vec![b'x'; 1000]),
        Reply::Endless(start, "nonsense\n".repeat(1000).into()),
        Reply::http("200 OK", &[("Content-Encoding", "gzip")], gzip("\0".repeat(20 << 20))),
        Reply::Close(head("HTTP/1.1", "200 OK", &[("Content-Length", "9223372036854775807")], vec![0; 1_000_000])),
    ]
}

/// Other answers without any lines.
fn useless() -> Vec<Reply> {
    vec![
        Reply::Close(Vec::new()),
        Reply::Close("SSH-2.0-dropbear\r\n".into()),
        Reply::Close(vec![0; 1000]),
        Reply::Endless(b"HTTP/1.1 200 OK\r\nX: ".into(), vec![b'x'; 1 << 16]),
        Reply::http("404 Not Found", &[], lines("Never", 0..3)),
        Reply::http("500 Oops", &[], ""),
        Reply::http("206 Partial Content", &[], lines("Never", 0..3)),
        Reply::http("302 Found", &[("Location", "http://elsewhere.example/log")], ""),
        Reply::http("302 Found", &[("Location", "/csv.log")], ""),
        Reply::http("200 OK", &[("Content-Encoding", "br")], lines("Never", 0..3)),
        Reply::http("200 OK", &[("Content-Encoding", "gzip")], lines("Never", 0..3)),
        Reply::Close(head("HTTP/1.1", "200 OK", &[("Content-Length", "1000")], "x")),
    ]
}

/// Some servers of each kind.
async fn start(replies: Vec<Reply>) -> Vec<WebServer> {
    let mut servers = Vec::new();
    for reply in replies.into_iter().flat_map(|reply| [reply.clone(), reply.clone(), reply]) {
        servers.push(WebServer::start(move |_| reply.clone()).await);
    }
    servers
}

fn targets_of(servers: &[WebServer]) -> Vec<Target> {
    servers.iter().map(|server| target(&server.url("/csv.log"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_nodes_are_stored_among_all_kinds_of_broken_ones() {
    let crowd = WebServer::start(|request| {
        let number = request.path.trim_start_matches("/node-").trim_end_matches("/csv.log");
        good(&format!("node-{number}"), number.parse().expect("a number"))
    })
    .await;
    let (unending, too_large, useless) = (start(unending()).await, start(too_large()).await, start(useless()).await);
    // Bound, so that nobody else gets the port, and not listening.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let deaf = target(&socket.local_addr().expect("a bound socket").to_string());

    // The broken ones are the first to get the slots, and no timeout is going to help.
    let mut targets = [targets_of(&unending), targets_of(&too_large), targets_of(&useless), vec![deaf]].concat();
    targets.extend((0..GOOD_NODES).map(|number| target(&crowd.url(&format!("/node-{number}/csv.log")))));
    let config = HttpConfig {
        targets,
        concurrency: 4,
        slow_after: Duration::from_millis(50),
        total_timeout: Duration::from_hours(1),
        interval: Duration::from_hours(1),
        max_body_bytes: MAX_BODY_BYTES,
        ..HttpConfig::default()
    };
    let repository = Arc::new(RedbRepository::in_memory().expect("a repository in memory"));
    let transport = HttpTransport::new(config).expect("a valid configuration");
    let collector = Collector::new(repository.clone()).transport(transport).unwrap();
    let monitor = collector.monitor();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(collector.run(async { drop(stopped.await) }));
    for number in 0..GOOD_NODES {
        let node = format!("node-{number}");
        until("a good node is stored", || async {
            minutes(&repository, &node).await == (0..LINES).collect::<Vec<_>>()
        })
        .await;
    }
    let sources = || monitor.transports().remove(0).sources;
    let failed = |target: &Target| sources().get(target.as_str()).and_then(|SourceStatus { error, .. }| error.clone());
    for target in targets_of(&too_large) {
        until("it is given up", || async { failed(&target).is_some() }).await;
        let error = failed(&target).expect("what was waited for");
        assert!(error.starts_with(&format!("answer larger than {MAX_BODY_BYTES} bytes")), "{error}");
    }
    for target in targets_of(&useless) {
        until("it has failed", || async { failed(&target).is_some() }).await;
    }
    let up = || future::ready(sources().values().filter(|source| source.up).count() == GOOD_NODES);
    until("all good nodes are up", up).await;
    let sources = sources();
    for (server, target) in unending.iter().zip(targets_of(&unending)) {
        assert_eq!(server.requests(), 1, "{target}");
        assert!(!sources.contains_key(target.as_str()), "its poll is still under way");
    }
    drop(stop);
    running.await.expect("a collector that ends");
}
