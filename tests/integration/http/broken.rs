//! Web servers that answer badly, one at a time: what is stored, and what is reported.

use std::{net::Ipv4Addr, time::Duration};

use isems_core::{Inbox, Receipt, RejectQuery, RejectReason, Repository};
use isems_transport_http::HttpConfig;
use tokio::net::{TcpListener, TcpSocket};

use super::{
    Station, gzip, line, lines,
    router::LOG,
    target, until,
    web_server::{Reply, WebServer, head},
};
use crate::mqtt::{certificates::Certificates, tls::acceptor};

/// Polls a server that always replies the same.
async fn poll(reply: Reply) -> (Station, Result<Receipt, String>) {
    poll_with(reply, HttpConfig::default()).await
}

async fn poll_with(reply: Reply, config: HttpConfig) -> (Station, Result<Receipt, String>) {
    let server = WebServer::start(move |_| reply.clone()).await;
    let station = Station::new();
    let result = station.poll_with(HttpConfig { targets: vec![target(&server.url(LOG))], ..config }).await;
    (station, result)
}

async fn assert_refused(reply: Reply, expected: &str) {
    let (station, result) = poll(reply).await;
    let error = result.expect_err(expected);
    assert!(error.contains(expected), "{error}");
    assert_eq!(station.inbox.status().received, 0);
    let sources = station.inbox.status().sources;
    assert_eq!(sources.values().next().and_then(|source| source.error.clone()), Some(error));
}

#[tokio::test]
async fn an_error_page_is_no_log() {
    let page = lines("Dach", 0..3);
    assert_refused(Reply::http("404 Not Found", &[], &page), "answered with status 404 Not Found").await;
    assert_refused(Reply::http("500 Oops", &[], &page), "answered with status 500 Internal Server Error").await;
    assert_refused(Reply::http("599 Oops", &[], &page), "answered with status 599").await;
    assert_refused(Reply::http("304 Not Modified", &[], ""), "answered with status 304 Not Modified").await;
    assert_refused(Reply::http("206 Partial Content", &[], &page), "answered with status 206 Partial Content").await;
    assert_refused(Reply::http("300 Multiple Choices", &[], &page), "answered with status 300").await;
}

#[tokio::test]
async fn a_page_with_status_200_is_no_log() {
    let login = "<!DOCTYPE html>\n<html><head><title>Log in;</title></head>\n<body>&nbsp;&nbsp;</body></html>\n";
    let cases = [
        ("text/html; charset=utf-8", login, "text/html; charset=utf-8: \"<!DOCTYPE html>"),
        ("application/json", "{\"error\":\"who are you?\"}", "application/json: \"{\"error\":\"who are you?"),
        ("text/plain", "Unauthorized", "text/plain: \"Unauthorized\""),
        ("", "<p>&lt;</p>", "without a content type: \"<p>"),
        ("text/plain", "one;two\nthree;four\n", "text/plain: \"one;two"),
    ];
    for (content_type, page, expected) in cases {
        let headers = [("Content-Type", content_type)];
        let headers = if content_type.is_empty() { &headers[..0] } else { &headers[..] };
        let (station, result) = poll(Reply::http("200 OK", headers, page)).await;
        let error = result.expect_err(expected);
        assert!(
            error.starts_with("answered with something that is not a log, ") && error.contains(expected),
            "{error}"
        );
        let status = station.inbox.status();
        assert_eq!((status.received, status.rejected.of(RejectReason::NotALog)), (1, 1), "{page}");
        let source = status.sources.values().next().expect("it is reported");
        assert_eq!((source.up, source.error.as_deref()), (false, Some(&*error)));
        let rejects = station.repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
        assert_eq!((rejects.len(), &*rejects[0].text), (1, page.trim_end_matches('\0')));
    }
}

#[tokio::test]
async fn a_log_is_a_log_however_bad_its_lines_are() {
    let now = line("Dach", 0);
    let ahead = now.replacen(";1700000000;", ";4000000000;", 1);
    for (log, received) in [
        (String::new(), 0),
        ("\r\n".into(), 0),
        ("Dach;1;17".into(), 0),
        (format!("rubbish\n{now}"), 2),
        (ahead, 1),
        (format!("Dach;1;0;0;0{}\n", ";0".repeat(14)), 1),
    ] {
        let (station, result) = poll(Reply::http("200 OK", &[("Content-Type", "text/html")], &log)).await;
        assert_eq!(result.map(|receipt| receipt.received), Ok(received), "{log:?}");
        assert!(station.inbox.status().sources.values().all(|source| source.up), "{log:?}");
    }
}

#[tokio::test]
async fn a_login_page_in_between_does_not_move_the_place_that_was_read_to() {
    let reply = std::sync::Arc::new(std::sync::Mutex::new(Reply::http("200 OK", &[], lines("Dach", 0..3))));
    let replies = reply.clone();
    let server = WebServer::start(move |_| replies.lock().expect("no panic").clone()).await;
    let station = Station::new();
    let config = HttpConfig { targets: vec![target(&server.url(LOG))], ..HttpConfig::default() };
    assert_eq!(station.poll_with(config.clone()).await.map(|receipt| receipt.stored), Ok(3));
    *reply.lock().expect("no panic") = Reply::http("200 OK", &[], "<html>Log in</html>");
    station.poll_with(config.clone()).await.expect_err("it is no log");
    server.take();
    *reply.lock().expect("no panic") = Reply::http("200 OK", &[], lines("Dach", 0..4));
    let receipt = station.poll_with(config).await.expect("it is a log again");
    assert_eq!(receipt.stored, 1);
    let asked: Vec<_> = server.take().into_iter().map(|exchange| exchange.request.path).collect();
    assert_eq!(asked, [LOG], "it is the same log, so no archive is asked for");
}

#[tokio::test]
async fn redirections_elsewhere_are_not_followed() {
    let location = [("Location", "http://user:s3cret@elsewhere.example/log")];
    let page = lines("Dach", 0..3);
    let reply = Reply::http("302 Found", &location, &page);
    assert_refused(reply, "redirected to another host, \"elsewhere.example\"; ").await;
    let reply = Reply::http("302 Found", &[("Location", LOG)], &page);
    assert_refused(reply, "redirected more than 5 times").await;
}

#[tokio::test]
async fn what_is_not_http_is_no_log() {
    for bytes in ["", "SSH-2.0-dropbear\r\n", "HTTP/1.1 200 O", "<html>\r\n\r\n", "\0\0\0\0\0\0\0\0"] {
        assert_refused(Reply::Close(bytes.into()), "no valid HTTP answer: ").await;
    }
    assert_refused(Reply::Close(lines("Dach", 0..3).into()), "no valid HTTP answer: ").await;
    let endless = Reply::Endless(b"HTTP/1.1 200 OK\r\nX: ".into(), vec![b'x'; 1 << 16]);
    assert_refused(endless, "no valid HTTP answer: ").await;
}

#[tokio::test]
async fn other_encodings_are_refused() {
    let reply = Reply::http("200 OK", &[("Content-Encoding", "br")], lines("Dach", 0..3));
    assert_refused(reply, "content encoding \"br\" is not supported").await;
}

#[tokio::test]
async fn a_connection_that_fails_is_named() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let address = socket.local_addr().expect("a bound socket").to_string();
    let error = Station::new().poll(&address).await.expect_err("nobody listens");
    assert!(error.starts_with("cannot connect: Connection refused"), "{error}");
    let no_name = format!("{}.invalid", "x".repeat(64));
    let error = Station::new().poll(&no_name).await.expect_err("there can be no such name");
    assert!(error.starts_with("cannot connect: failed to lookup address"), "{error}");
}

#[tokio::test]
async fn https_is_not_spoken_with_servers_that_do_not() {
    let server = WebServer::start(|_| Reply::http("200 OK", &[], lines("Dach", 0..3))).await;
    let address = format!("https://admin:s3cret@{}/csv.log", server.address);
    let error = Station::new().poll(&address).await.expect_err("no TLS");
    assert!(error.starts_with("cannot connect: ") && !error.contains("s3cret"), "{error}");
    assert!(server.take().iter().all(|exchange| exchange.request.header("authorization").is_none()));
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, Certificates::new().authority).expect("it can be written");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = format!("https://{}/csv.log", listener.local_addr().expect("it listens"));
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        acceptor(&Certificates::new()).accept(stream).await.is_err()
    });
    let config = HttpConfig { targets: vec![target(&address)], ca_file: Some(ca_file), ..HttpConfig::default() };
    let error = Station::new().poll_with(config).await.expect_err("a stranger's certificate");
    let explanation = "cannot connect: the node's certificate is not signed by a trusted authority: set ca_file";
    assert!(error.starts_with(explanation), "{error}");
    assert!(serving.await.expect("it does not panic"));
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_given_up() {
    let config = HttpConfig { total_timeout: Duration::from_millis(200), ..HttpConfig::default() };
    for reply in [Reply::Hang(Vec::new()), Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-".into())] {
        let (_, result) = poll_with(reply, config.clone()).await;
        assert_eq!(result.expect_err("no answer"), "no answer within 200ms");
    }
}

#[tokio::test]
async fn the_whole_lines_of_a_body_that_does_not_end_in_time_are_stored() {
    let bytes = head("HTTP/1.1", "200 OK", &[("Content-Length", "1000000")], lines("Dach", 0..3));
    for reply in [Reply::Hang(bytes.clone()), Reply::Trickle(bytes)] {
        // On a machine under load the time can be over before the first bytes are there.
        until("the body is given up", || async {
            let config = HttpConfig { total_timeout: Duration::from_secs(1), ..HttpConfig::default() };
            let (station, result) = poll_with(reply.clone(), config).await;
            let error = result.expect_err("no end");
            error.starts_with("answer not complete within 1s, given up after ")
                && error.ends_with(" bytes with 3 lines, 3 of them new and stored")
                && station.minutes("Dach").await == [0, 1, 2]
        })
        .await;
    }
}

#[tokio::test]
async fn the_whole_lines_of_a_body_that_is_cut_short_are_stored() {
    let log = lines("Dach", 0..10);
    let cut = &log[..line("Dach", 0).len() * 7 + 50];
    let reply = Reply::Close(head("HTTP/1.1", "200 OK", &[("Content-Length", "1070")], cut));
    let (station, result) = poll(reply).await;
    let expected = format!("answer cut off after {} bytes with 7 lines, 7 of them new and stored", cut.len());
    assert_eq!(result.expect_err("a body that is cut short"), expected);
    station.assert_minutes("Dach", 0..7).await;
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_continued_by_the_next_poll() {
    for ranges in [true, false] {
        let log = lines("Dach", 0..10);
        let polls = std::sync::atomic::AtomicUsize::new(0);
        let server = WebServer::start(move |request| {
            assert_eq!(request.header("if-none-match"), None, "half a log has no validator");
            let poll = polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let range = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
            let start = range.and_then(|range| range.parse::<usize>().ok());
            assert_eq!(start.is_some(), ranges && poll > 0);
            let start = start.unwrap_or(0);
            let content_range = format!("bytes {start}-{}/{}", log.len() - 1, log.len());
            let length = (log.len() - start).to_string();
            let mut headers = vec![("ETag", "\"same\""), ("Content-Length", &length)];
            if ranges {
                headers.extend([("Accept-Ranges", "bytes"), ("Content-Range", &content_range)]);
            }
            let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
            let end = [3, 2, 6, 10][poll] * line("Dach", 0).len() + 30;
            Reply::Close(head("HTTP/1.1", status, &headers, &log[start..end.clamp(start, log.len())]))
        })
        .await;
        let station = Station::new();
        for (known, is_whole) in [(3, false), (3, false), (6, false), (10, true)] {
            assert_eq!(station.poll(&server.url(LOG)).await.is_ok(), is_whole);
            station.assert_minutes("Dach", 0..known).await;
        }
        assert_eq!(server.take().len(), 4, "a body that is cut short is no new log");
    }
}

#[tokio::test]
async fn a_length_that_is_too_short_loses_nothing_that_arrives_later() {
    let log = lines("Dach", 0..3);
    let length = (log.len() - 20).to_string();
    let (station, result) = poll(Reply::Close(head("HTTP/1.1", "200 OK", &[("Content-Length", &length)], log))).await;
    let receipt = result.expect("what the server calls whole");
    assert_eq!((receipt.stored, receipt.rejected.total()), (2, 0));
    assert_eq!(receipt.incomplete_bytes, line("Dach", 0).len() - 20);
    assert_eq!(station.minutes("Dach").await, [0, 1]);
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_at_the_limit() {
    let config = HttpConfig { max_body_bytes: 100_000, ..HttpConfig::default() };
    for more in [line("Dach", 3).into_bytes(), vec![b'x'; 1000], vec![0; 1 << 16]] {
        let start = head("HTTP/1.1", "200 OK", &[], lines("Dach", 0..3));
        let (station, result) = poll_with(Reply::Endless(start, more), config.clone()).await;
        let error = result.expect_err("no end");
        let expected = "answer larger than 100000 bytes, given up after 100000 bytes with ";
        assert!(error.starts_with(expected), "{error}");
        assert!(station.minutes("Dach").await.starts_with(&[0, 1, 2]));
    }
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_given_up_at_the_limit() {
    let config = HttpConfig { max_body_bytes: 100_000, ..HttpConfig::default() };
    for length in ["1000000", "9223372036854775807"] {
        let body = lines("Dach", 0..20_000);
        let start = head("HTTP/1.1", "200 OK", &[("Content-Length", length)], &body[..1_000_000]);
        let (_, result) = poll_with(Reply::Close(start), config.clone()).await;
        let error = result.expect_err("too much");
        assert!(error.starts_with("answer larger than 100000 bytes"), "{error}");
    }
}

#[tokio::test]
async fn a_compressed_body_that_is_huge_is_given_up_at_the_limit() {
    let config = HttpConfig { max_body_bytes: 100_000, ..HttpConfig::default() };
    let bomb = gzip(lines("Dach", 0..3) + &"\0".repeat(50 << 20));
    assert!(bomb.len() < 100_000);
    let reply = Reply::http("200 OK", &[("Content-Encoding", "gzip")], &bomb);
    let (station, result) = poll_with(reply, config).await;
    let error = result.expect_err("too much");
    let arrived = bomb.len();
    let expected = format!("answer larger than 100000 bytes, given up after {arrived} bytes with 3 lines, ");
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(station.minutes("Dach").await, [0, 1, 2]);
}

#[tokio::test]
async fn the_whole_lines_of_a_damaged_compressed_body_are_stored() {
    let whole = gzip(lines("Dach", 0..2000));
    let half = &whole[..whole.len() / 2];
    let reply = Reply::http("200 OK", &[("Content-Encoding", "gzip")], half);
    let (station, result) = poll(reply).await;
    let error = result.expect_err("half a body");
    assert!(error.starts_with("compressed answer damaged after "), "{error}");
    let known = station.minutes("Dach").await;
    assert!(!known.is_empty());
    station.assert_minutes("Dach", 0..known.len() as i64).await;
    let reply = Reply::http("200 OK", &[("Content-Encoding", "gzip")], lines("Dach", 0..3));
    let error = poll(reply).await.1.expect_err("not compressed at all");
    assert!(error.starts_with("compressed answer damaged after "), "{error}");
}

#[tokio::test]
async fn a_flood_of_nonsense_is_counted_and_a_part_of_it_kept() {
    let flood = "nonsense\n".repeat(5000) + &line("Dach", 0);
    let (station, result) = poll(Reply::http("200 OK", &[], flood)).await;
    let receipt = result.expect("a log of a kind");
    assert_eq!((receipt.received, receipt.stored), (5001, 1));
    assert_eq!(receipt.rejected.of(RejectReason::FieldCount), 5000);
    assert!(receipt.rejects.iter().map(|reject| reject.line).eq(1..=100), "the receipt tells the first ones");
    let rejects = station
        .repository
        .rejects(&RejectQuery::newest(usize::MAX))
        .await
        .expect("a repository that can be read")
        .rejects;
    assert_eq!(rejects.len(), Inbox::REJECTS_LOGGED);
    assert_eq!(rejects[0].line, 5000);
}
