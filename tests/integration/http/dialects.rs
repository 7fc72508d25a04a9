//! The ways in which web servers answer well.

use std::net::Ipv6Addr;

use isems_core::{RejectQuery, RejectReason, Repository};
use isems_transport_http::{HttpConfig, Target};
use tokio::net::TcpListener;

use super::{
    Station, gzip, line, lines,
    router::{Abilities, LOG, Router},
    target,
    web_server::{Reply, WebServer, head},
};

#[tokio::test]
async fn an_esp32_serves_a_window_of_five_lines() {
    let server = WebServer::start(|_| {
        let window = lines("Board", 0..5);
        Reply::http_1_0("200 OK", &[("Content-Type", "text/html")], window.trim_end())
    })
    .await;
    let station = Station::new();
    let receipt = station.poll(&server.url("/csv.log")).await.expect("a window");
    assert_eq!((receipt.received, receipt.stored, receipt.incomplete_bytes), (5, 5, 0));
    let receipt = station.poll(&server.url("/csv.log")).await.expect("the same window");
    assert_eq!((receipt.received, receipt.duplicates), (5, 5));
    assert_eq!(station.minutes("Board").await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_target_can_have_settings_of_its_own() {
    let server = WebServer::start(|request| {
        if request.header("x-key") == Some("hunter2 & more") {
            Reply::http("200 OK", &[], lines("Board", 0..2))
        } else {
            Reply::Hang(Vec::new())
        }
    })
    .await;
    let station = Station::new();
    let url = server.url("/csv.log").replace("http://", "http://admin:hunter1@");
    let config = HttpConfig {
        targets: vec![target(&format!("{url}#timeout=1s")), target(&format!("{}#timeout=1", server.url("/other.log")))],
        ..HttpConfig::default()
    };
    for (_, result) in station.poll_all(config).await {
        assert_eq!(result.expect_err("it hangs"), "no answer within 1s");
    }
    let with_header = target(&format!("{url}#header=X-Key:%20hunter2%20%26%20more&header=X-Other:1&interval=2h"));
    assert_eq!(
        station
            .poll_with(HttpConfig { targets: vec![with_header.clone()], ..HttpConfig::default() })
            .await
            .expect("a log")
            .stored,
        2
    );
    let exchange = server.take().pop().expect("it was asked");
    assert_eq!(
        (exchange.request.header("x-other"), exchange.request.header("authorization").is_some()),
        (Some("1"), true)
    );
    let shown = format!("{with_header}{with_header:?}{:?}", station.inbox.status());
    assert!(!shown.contains("hunter") && !shown.contains('#'), "{shown}");
    for (bad, problem) in [
        ("10.0.0.7#timeout=soon", "its timeout is an invalid duration \"soon\""),
        ("10.0.0.7#timeout=0", "its timeout"),
        ("10.0.0.7#header=hunter2", "its header is not of the form"),
        ("10.0.0.7#retries=3", "it has no setting \"retries\", only timeout, interval and header"),
        ("http://user:hunter#2@10.0.0.7", "write it as %23"),
    ] {
        let error = bad.parse::<Target>().expect_err(bad).to_string();
        assert!(error.contains(problem) && !error.contains("hunter"), "{error}");
    }
}

#[tokio::test]
async fn heads_may_be_sloppy() {
    let log = lines("Hütte", 0..2);
    for head in [
        "HTTP/1.0 200 OK\n\n",
        "HTTP/1.0 200\r\n\r\n",
        "HTTP/1.1 200 Alles gut\r\nContent-Type : text/html; charset=iso-8859-1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno header at all\r\n\r\n",
        "HTTP/1.1 203 Non-Authoritative Information\r\n\r\n",
    ] {
        let bytes = [head.as_bytes(), log.replace('\n', "\r\n").as_bytes()].concat();
        let server = WebServer::start(move |_| Reply::Close(bytes.clone())).await;
        let station = Station::new();
        assert_eq!(station.poll(&server.url("/csv.log")).await.expect(head).stored, 2);
        assert_eq!(station.minutes("Hütte").await, [0, 1], "bodies are UTF-8 whatever the header says");
    }
}

#[tokio::test]
async fn a_chunked_answer_is_read() {
    let server = WebServer::start(|_| {
        let log = lines("Dach", 0..4);
        let (start, end) = log.split_at(100);
        let chunks = format!("{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n", start.len(), end.len());
        Reply::Close(head("HTTP/1.1", "200 OK", &[("Transfer-Encoding", "chunked")], chunks))
    })
    .await;
    let station = Station::new();
    assert_eq!(station.poll(&server.url(LOG)).await.expect("a log").stored, 4);
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    let router = Router::start(Abilities { compression: true, ..Abilities::default() }, &lines("Dach", 0..500)).await;
    let station = Station::new();
    assert_eq!(station.poll(&router.address()).await.expect("a log").stored, 500);
    station.poll(&router.address()).await.expect("nothing new");
    let exchanges = router.take();
    assert_eq!((exchanges[0].status, exchanges[1].status), (Some(200), Some(304)));
    assert!(exchanges[0].body_bytes < lines("Dach", 0..500).len() / 5);

    for (encoding, body) in [("x-gzip", gzip(line("Dach", 500))), ("GZIP", gzip(line("Dach", 501))), ("gzip", vec![])] {
        let server = WebServer::start(move |_| Reply::http("200 OK", &[("Content-Encoding", encoding)], &body)).await;
        station.poll(&server.url("/csv.log")).await.expect("a log");
    }
    station.assert_minutes("Dach", 0..502).await;
}

#[tokio::test]
async fn ipv6_addresses_are_polled() {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.expect("a machine with IPv6");
    let server = WebServer::start_on(listener, |_| Reply::http("200 OK", &[], lines("Dach", 0..3)));
    let station = Station::new();
    let address = format!("[::1]:{}", server.address.port());
    assert_eq!(station.poll(&address).await.expect("a log").stored, 3);
    let exchanges = server.take();
    assert_eq!(exchanges[0].request.header("host"), Some(address.as_str()));
}

#[tokio::test]
async fn redirections_within_the_host_are_followed() {
    let moved = WebServer::start(|_| Reply::http("200 OK", &[], lines("Dach", 0..3))).await;
    let location = moved.url("/elsewhere.log");
    let server = WebServer::start(move |request| match request.path.as_str() {
        LOG => Reply::http("302 Found", &[("Location", "/moved.log")], "gone"),
        _ => Reply::http("301 Moved Permanently", &[("Location", &location)], "gone"),
    })
    .await;
    let station = Station::new();
    let address = format!("http://admin:s3cret@{}", server.address);
    assert_eq!(station.poll(&address).await.expect("a log").stored, 3);
    let authorized: Vec<_> =
        server.take().iter().map(|exchange| exchange.request.header("authorization").is_some()).collect();
    assert_eq!(authorized, [true, true]);
    let exchanges = moved.take();
    assert_eq!(exchanges[0].request.path, "/elsewhere.log");
    assert_eq!(exchanges[0].request.header("authorization"), None, "another port can be another program");
}

#[tokio::test]
async fn credentials_are_sent_and_shown_nowhere() {
    let server = WebServer::start(|request| match request.header("authorization") {
        // admin:s3cret!
        Some("Basic YWRtaW46czNjcmV0IQ==") => Reply::http("200 OK", &[], lines("Dach", 0..3) + "rubbish\n"),
        _ => Reply::http("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"node\"")], "who are you?"),
    })
    .await;
    let station = Station::new();
    let good = format!("http://admin:s3cret%21@{}/csv.log", server.address);
    let bad = format!("http://admin:s3cret@{}/other.log", server.address);
    let config = HttpConfig { targets: vec![target(&good), target(&bad)], ..HttpConfig::default() };
    let mut outcomes = station.poll_all(config).await;
    outcomes.sort_by_key(|(_, result)| result.is_err());
    let receipt = outcomes[0].1.as_ref().expect("a log");
    assert_eq!((receipt.stored, receipt.rejected.of(RejectReason::FieldCount)), (3, 1));
    assert_eq!(outcomes[1].1.as_ref().expect_err("the wrong password"), "answered with status 401 Unauthorized");

    let rejects =
        station.repository.rejects(&RejectQuery::newest(10)).await.expect("a repository that can be read").rejects;
    assert_eq!(rejects[0].source, server.url("/csv.log"));
    let status = station.inbox.status();
    assert!(status.sources[&server.url("/csv.log")].up);
    assert!(!status.sources[&server.url("/other.log")].up);
    let shown = format!("{outcomes:?} {status:?} {rejects:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("admin"), "{shown}");
}
