//! Requests and traffic, poll after poll.

use isems_core::{RedbRepository, RejectQuery, Repository};

use super::{
    Station, line, lines,
    router::{Abilities, LOG, RANGES, Router},
    web_server::{Reply, WebServer, head},
};

#[tokio::test]
async fn a_log_is_stored_and_an_unchanged_one_does_not_travel_again() {
    for abilities in [Abilities::default(), RANGES, Abilities { no_etag: true, ..Abilities::default() }] {
        let router = Router::start(abilities, &lines("Dach", 0..10)).await;
        let station = Station::new();
        let receipt = station.poll(&router.address()).await.expect("a log");
        assert_eq!((receipt.received, receipt.stored), (10, 10));
        let exchanges = router.take();
        let [first] = exchanges.as_slice() else { panic!("{exchanges:?}") };
        assert_eq!(first.request.path, LOG);
        assert_eq!(first.request.header("accept-encoding"), Some("gzip"));
        assert_eq!(first.request.header("user-agent"), Some(concat!("isems/", env!("CARGO_PKG_VERSION"))));
        for absent in ["range", "if-none-match", "if-modified-since", "if-range", "authorization", "referer"] {
            assert_eq!(first.request.header(absent), None, "{absent}");
        }

        let receipt = station.poll(&router.address()).await.expect("nothing new");
        assert_eq!((receipt.received, receipt.stored), (0, 0));
        let exchanges = router.take();
        let [second] = exchanges.as_slice() else { panic!("{exchanges:?}") };
        assert_eq!((second.status, second.body_bytes), (Some(304), 0));
        assert_eq!(second.request.header("if-none-match"), (!abilities.no_etag).then_some("\"0\""));
        assert_eq!(
            second.request.header("if-modified-since"),
            abilities.no_etag.then_some("Tue, 14 Nov 2023 22:30:00 GMT")
        );

        router.append(&lines("Dach", 10..12));
        let receipt = station.poll(&router.address()).await.expect("two more lines");
        assert_eq!(receipt.stored, 2);
        station.assert_minutes("Dach", 0..12).await;
    }
}

#[tokio::test]
async fn of_a_log_that_grew_only_the_new_bytes_travel() {
    let router = Router::start(RANGES, &lines("Dach", 0..100)).await;
    let station = Station::new();
    station.poll(&router.address()).await.expect("a log");
    router.take();
    for grown in 1..4 {
        router.append(&line("Dach", 99 + grown));
        let receipt = station.poll(&router.address()).await.expect("another line");
        assert_eq!((receipt.received, receipt.stored), (1, 1));
        let exchanges = router.take();
        let [exchange] = exchanges.as_slice() else { panic!("{exchanges:?}") };
        let length = line("Dach", 0).len();
        let start = lines("Dach", 0..98 + grown).len();
        assert_eq!(exchange.status, Some(206));
        assert_eq!(exchange.request.header("range"), Some(format!("bytes={start}-").as_str()));
        assert_eq!(exchange.request.header("accept-encoding"), Some("identity"));
        assert_eq!(exchange.request.header("if-range"), None);
        assert_eq!(exchange.body_bytes, 2 * length, "the line in common and the new one");

        let receipt = station.poll(&router.address()).await.expect("nothing new");
        assert_eq!(receipt.received, 0);
        let exchanges = router.take();
        let [exchange] = exchanges.as_slice() else { panic!("{exchanges:?}") };
        assert_eq!((exchange.status, exchange.body_bytes), (Some(304), 0));
    }
    station.assert_minutes("Dach", 0..103).await;
}

#[tokio::test]
async fn ranges_are_asked_only_of_servers_that_know_them() {
    let router = Router::start(Abilities::default(), &lines("Dach", 0..10)).await;
    let station = Station::new();
    for minute in 10..13 {
        station.poll(&router.address()).await.expect("a log");
        router.append(&line("Dach", minute));
    }
    for exchange in router.take() {
        assert_eq!((exchange.request.header("range"), exchange.status), (None, Some(200)));
    }
}

#[tokio::test]
async fn a_server_that_promises_ranges_and_ignores_them_is_understood() {
    let log = lines("Dach", 0..10);
    let server = WebServer::start(move |_| Reply::http("200 OK", &[("Accept-Ranges", "bytes")], &log)).await;
    let station = Station::new();
    for duplicates in [0, 10, 10] {
        let receipt = station.poll(&server.url(LOG)).await.expect("a log");
        assert_eq!((receipt.received, receipt.duplicates), (10, duplicates));
    }
    let ranges: Vec<_> = server.take().iter().map(|exchange| exchange.request.header("range").is_some()).collect();
    assert_eq!(ranges, [false, true, true]);
}

#[tokio::test]
async fn ranges_that_are_wrong_are_not_believed() {
    let log = lines("Dach", 0..10);
    let start = lines("Dach", 0..9).len();
    for (content_range, body) in [
        (Some("bytes 0-9/10".to_owned()), log.clone()),
        (Some(format!("bytes {start}-{}/{}", start + 5, log.len())), "<html>".into()),
        (Some("lines 9-10/10".into()), line("Dach", 9)),
        (Some("bytes".into()), line("Dach", 9)),
        (None, line("Dach", 9)),
    ] {
        let log = log.clone();
        let server = WebServer::start(move |request| match (request.header("range"), &content_range) {
            (None, _) => Reply::http("200 OK", &[("Accept-Ranges", "bytes")], &log),
            (Some(_), Some(range)) => Reply::http("206 Partial Content", &[("Content-Range", range)], &body),
            (Some(_), None) => Reply::http("206 Partial Content", &[], &body),
        })
        .await;
        let station = Station::new();
        for duplicates in [0, 10] {
            let receipt = station.poll(&server.url("/other.log")).await.expect("a log");
            assert_eq!((receipt.received, receipt.duplicates), (10, duplicates));
        }
        let statuses: Vec<_> = server.take().iter().filter_map(|exchange| exchange.status).collect();
        assert_eq!(statuses, [200, 206, 200]);
    }
}

#[tokio::test]
async fn a_partial_answer_that_ends_early_is_continued_even_if_the_log_does_not_change() {
    let log = lines("Dach", 0..10);
    let width = line("Dach", 0).len();
    let server = WebServer::start(move |request| {
        let headers = [("Accept-Ranges", "bytes"), ("ETag", "\"same\"")];
        if request.header("if-none-match").is_some() {
            return Reply::http("304 Not Modified", &headers, "");
        }
        let Some(range) = request.header("range") else {
            let first_lines = head(
                "HTTP/1.1",
                "200 OK",
                &[headers.as_slice(), &[("Content-Length", &log.len().to_string())]].concat(),
                &log[..3 * width],
            );
            return Reply::Close(first_lines);
        };
        let start: usize = range["bytes=".len()..range.len() - 1].parse().expect("a position");
        let end = log.len().min(start + 4 * width);
        let range = format!("bytes {start}-{}/{}", end - 1, log.len());
        let headers = [headers.as_slice(), &[("Content-Range", range.as_str())]].concat();
        Reply::http("206 Partial Content", &headers, &log[start..end])
    })
    .await;
    let station = Station::new();
    station.poll(&server.url(LOG)).await.expect_err("a body that is cut short");
    for stored in [3, 3, 1, 0] {
        assert_eq!(station.poll(&server.url(LOG)).await.expect("a part").stored, stored);
    }
    station.assert_minutes("Dach", 0..10).await;
    let statuses: Vec<_> = server.take().iter().filter_map(|exchange| exchange.status).collect();
    assert_eq!(statuses, [200, 206, 206, 206, 304]);
}

#[tokio::test]
async fn a_line_that_is_being_written_is_left_for_the_next_poll() {
    for abilities in [Abilities::default(), RANGES, Abilities { compression: true, ..Abilities::default() }] {
        let next = line("Dach", 5);
        let (half, rest) = next.split_at(60);
        let router = Router::start(abilities, &(lines("Dach", 0..5) + half)).await;
        let station = Station::new();
        let receipt = station.poll(&router.address()).await.expect("a log");
        assert_eq!((receipt.received, receipt.stored, receipt.incomplete_bytes), (5, 5, 60));
        router.append(rest);
        let receipt = station.poll(&router.address()).await.expect("the line's end");
        assert_eq!((receipt.stored, receipt.rejected.total(), receipt.incomplete_bytes), (1, 0, 0));
        station.assert_minutes("Dach", 0..6).await;
    }
}

#[tokio::test]
async fn a_last_line_that_is_whole_without_its_end_is_stored_at_once() {
    let next = line("Dach", 5);
    let router = Router::start(RANGES, &(lines("Dach", 0..5) + next.trim_end())).await;
    let station = Station::new();
    assert_eq!(station.poll(&router.address()).await.expect("a log").stored, 6);
    router.append("\n");
    router.append(&line("Dach", 6));
    let receipt = station.poll(&router.address()).await.expect("another line");
    assert_eq!((receipt.received, receipt.stored), (1, 1));
}

#[tokio::test]
async fn a_new_process_goes_on_where_the_last_one_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("isems.redb");
    let router = Router::start(RANGES, &lines("Dach", 0..50)).await;
    for (minute, status) in [(50, 200), (51, 206), (52, 206)] {
        let station = Station::open(&path);
        station.poll(&router.address()).await.expect("a log");
        station.assert_minutes("Dach", 0..minute).await;
        router.append(&line("Dach", minute));
        let statuses: Vec<_> = router.take().iter().filter_map(|exchange| exchange.status).collect();
        assert_eq!(statuses, [status]);
    }
}

#[tokio::test]
async fn what_cannot_be_remembered_is_fetched_anew() {
    let router = Router::start(RANGES, &lines("Dach", 0..5)).await;
    let key = format!("log/{}", super::target(&router.address()));
    for kept in [
        "",
        "{}",
        "\u{fffd}",
        r#"{"version":99,"consumed":5,"overlap":"","ranges":true}"#,
        r#"{"version":1,"consumed":1,"overlap":"abc","ranges":true,"validators":{"etag":"\"0\"","last_modified":null},"archive_tries":0}"#,
    ] {
        let station = Station::of(RedbRepository::in_memory().expect("a repository in memory"));
        station.inbox.remember(&key, kept.into()).await.expect("a repository that can be written");
        assert_eq!(station.poll(&router.address()).await.expect("a log").stored, 5, "{kept}");
        station.poll(&router.address()).await.expect("nothing new");
        let statuses: Vec<_> = router.take().iter().filter_map(|exchange| exchange.status).collect();
        assert_eq!(statuses, [200, 304], "{kept}");
    }
}

#[tokio::test]
async fn a_poll_is_one_commit() {
    let router = Router::start(RANGES, &lines("Dach", 0..5)).await;
    let station = Station::of(RedbRepository::in_memory().expect("a repository in memory"));
    let commits = || station.repository.commits().count();
    station.poll(&router.address()).await.expect("a log");
    assert_eq!(commits(), 1, "measurements and how far the log was read");
    router.append(&line("Dach", 5));
    station.poll(&router.address()).await.expect("a log");
    assert_eq!(commits(), 2);
    // A conflict, a value that cannot be used, and a line that is none.
    let conflict = line("Dach", 5).replace("14.073", "13.073");
    let dropped = line("Dach", 6).replace("14.073", "1e9");
    router.append(&format!("{conflict}{dropped}nonsense\n"));
    let receipt = station.poll(&router.address()).await.expect("a log");
    assert_eq!((receipt.stored, receipt.rejected.total(), receipt.dropped.total()), (1, 2, 1));
    assert_eq!(commits(), 3, "the reject log as well");
    let rejects = station.repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects;
    assert_eq!(rejects.len(), 3);
    station.poll(&router.address()).await.expect("nothing new");
    assert_eq!(commits(), 3, "nothing is written when nothing is new");
}
