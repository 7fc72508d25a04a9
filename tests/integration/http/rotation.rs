//! Logs that are compressed to an archive and started anew.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
};

use isems_core::{Inbox, Limits};

use super::{
    Station, gzip, line, lines,
    router::{ARCHIVE, Abilities, Archive, LOG, RANGES, Router},
    web_server::{Reply, WebServer},
};

/// Returns a station that knows minutes 0..100 of a router whose log has since grown to 110 and was then started anew.
async fn rotated(abilities: Abilities, archive: Archive) -> (Router, Station) {
    let router = Router::start(abilities, &lines("Dach", 0..100)).await;
    let station = Station::new();
    station.poll(&router.address()).await.expect("a log");
    router.rotate(archive, &lines("Dach", 110..115));
    router.take();
    (router, station)
}

fn archive() -> Vec<u8> {
    gzip(lines("Dach", 0..110))
}

fn paths_and_statuses(router: &Router) -> Vec<(String, u16)> {
    router.take().into_iter().filter_map(|exchange| Some((exchange.request.path, exchange.status?))).collect()
}

#[tokio::test]
async fn the_archive_brings_what_the_new_log_lacks() {
    for abilities in [Abilities::default(), RANGES, Abilities { compression: true, ..Abilities::default() }] {
        let (router, station) = rotated(abilities, Archive::Whole(archive())).await;
        let receipt = station.poll(&router.address()).await.expect("a new log");
        assert_eq!((receipt.stored, receipt.duplicates), (15, 100));
        station.assert_minutes("Dach", 0..115).await;
        let archives = router.take().iter().filter(|exchange| exchange.request.path == ARCHIVE).count();
        assert_eq!(archives, 1);

        router.append(&line("Dach", 115));
        station.poll(&router.address()).await.expect("another line");
        station.poll(&router.address()).await.expect("nothing new");
        assert!(router.take().iter().all(|exchange| exchange.request.path == LOG), "it is fetched once");
        station.assert_minutes("Dach", 0..116).await;
    }
}

#[tokio::test]
async fn a_new_log_that_has_outgrown_the_old_one_is_noticed() {
    for abilities in [Abilities::default(), RANGES] {
        let (router, station) = rotated(abilities, Archive::Missing).await;
        router.rotate(Archive::Whole(archive()), &lines("Dach", 110..400));
        station.poll(&router.address()).await.expect("a new log");
        station.assert_minutes("Dach", 0..400).await;
    }
}

#[tokio::test]
async fn an_empty_new_log_is_noticed() {
    for abilities in [Abilities::default(), RANGES] {
        let (router, station) = rotated(abilities, Archive::Missing).await;
        router.rotate(Archive::Whole(archive()), "");
        assert_eq!(station.poll(&router.address()).await.expect("an archive").stored, 10);
        router.append(&line("Dach", 110));
        assert_eq!(station.poll(&router.address()).await.expect("another line").stored, 1);
        station.assert_minutes("Dach", 0..111).await;
    }
}

#[tokio::test]
async fn a_log_that_looks_older_than_the_known_one_is_fetched() {
    for abilities in [Abilities::default(), RANGES] {
        let router = Router::start(abilities, &lines("Dach", 0..100)).await;
        let station = Station::new();
        station.poll(&router.address()).await.expect("a log");
        router.restart(&lines("Dach", 110..115));
        assert_eq!(station.poll(&router.address()).await.expect("a new log").stored, 5);
    }
}

#[tokio::test]
async fn without_an_archive_the_new_log_is_enough() {
    let (router, station) = rotated(RANGES, Archive::Missing).await;
    assert_eq!(station.poll(&router.address()).await.expect("a new log").stored, 5);
    let exchanges = paths_and_statuses(&router);
    assert_eq!(exchanges, [(LOG.into(), 416), (LOG.into(), 200), (ARCHIVE.into(), 404)]);
    router.set_archive(Archive::Whole(archive()));
    station.poll(&router.address()).await.expect("nothing new");
    assert_eq!(paths_and_statuses(&router), [(LOG.into(), 304)], "a missing archive is not asked for again");
}

#[tokio::test]
async fn an_archive_that_cannot_be_fetched_yet_is_tried_again() {
    let whole = archive();
    let cut = whole[..whole.len() / 2].to_vec();
    for early in
        [Archive::Unavailable, Archive::Growing(Vec::new()), Archive::CutShort(cut.clone()), Archive::Growing(cut)]
    {
        let (router, station) = rotated(RANGES, early).await;
        station.poll(&router.address()).await.expect("a new log");
        station.poll(&router.address()).await.expect("nothing new, and no archive yet");
        let known = station.minutes("Dach").await;
        assert!(known.ends_with(&[110, 111, 112, 113, 114]), "the new log does not wait: {known:?}");
        router.set_archive(Archive::Whole(whole.clone()));
        router.take();
        station.poll(&router.address()).await.expect("the archive");
        assert_eq!(paths_and_statuses(&router), [(LOG.into(), 304), (ARCHIVE.into(), 200)]);
        station.assert_minutes("Dach", 0..115).await;
        station.poll(&router.address()).await.expect("nothing new");
        assert_eq!(paths_and_statuses(&router), [(LOG.into(), 304)]);
    }
}

#[tokio::test]
async fn the_whole_lines_of_a_truncated_archive_are_stored() {
    // Random digits, so that the first half of the archive holds about the first half of the lines.
    let lines: Vec<String> =
        (0..3000).map(|minute| line("Dach", minute).replace(";v1;", &format!(";v{};", minute * 7919))).collect();
    let router = Router::start(RANGES, &lines[..10].concat()).await;
    let station = Station::new();
    station.poll(&router.address()).await.expect("a log");
    let whole = gzip(lines[..2990].concat());
    router.rotate(Archive::Growing(whole[..whole.len() / 2].into()), &lines[2990..].concat());
    let receipt = station.poll(&router.address()).await.expect("a new log");
    assert!(receipt.stored > 10 && receipt.stored < 2990, "{receipt:?}");
    assert_eq!(receipt.rejected.total(), 0, "{receipt:?}");
    router.set_archive(Archive::Whole(whole));
    station.poll(&router.address()).await.expect("the archive");
    station.assert_minutes("Dach", 0..3000).await;
}

#[tokio::test]
async fn an_archive_that_stays_damaged_is_given_up() {
    let (router, station) = rotated(RANGES, Archive::Growing(b"<html>not here</html>".into())).await;
    for _ in 0..20 {
        station.poll(&router.address()).await.expect("a log");
    }
    let archives = router.take().iter().filter(|exchange| exchange.request.path == ARCHIVE).count();
    assert!((2..=10).contains(&archives), "{archives}");
}

#[tokio::test]
async fn an_archive_that_the_server_calls_encoded_is_read() {
    for encoded in [archive(), gzip(archive())] {
        let is_rotated = Arc::new(AtomicBool::new(false));
        let shared = is_rotated.clone();
        let server = WebServer::start(move |request| match (request.path.as_str(), shared.load(Relaxed)) {
            (ARCHIVE, _) => Reply::http("200 OK", &[("Content-Encoding", "gzip")], &encoded),
            (_, false) => Reply::http("200 OK", &[], lines("Dach", 0..100)),
            (_, true) => Reply::http("200 OK", &[], lines("Dach", 110..115)),
        })
        .await;
        let station = Station::new();
        station.poll(&server.url(LOG)).await.expect("a log");
        is_rotated.store(true, Relaxed);
        station.poll(&server.url(LOG)).await.expect("a new log");
        station.assert_minutes("Dach", 0..115).await;
    }
}

#[tokio::test]
async fn other_logs_have_no_archive() {
    let window = AtomicI64::new(0);
    let server = WebServer::start(move |_| {
        let minute = window.fetch_add(5, Relaxed);
        Reply::http("200 OK", &[], lines("Board", minute..minute + 5))
    })
    .await;
    let station = Station::new();
    for _ in 0..3 {
        assert_eq!(station.poll(&server.url("/csv.log")).await.expect("a window").stored, 5);
    }
    assert!(server.take().iter().all(|exchange| exchange.request.path == "/csv.log"));
}

#[tokio::test]
async fn what_is_refused_for_now_is_read_again_later() {
    let limited = |station: &Station, limits| Inbox::new("http", station.repository.clone()).limits(limits);
    for abilities in [Abilities::default(), RANGES] {
        let (router, mut station) = rotated(abilities, Archive::Whole(archive())).await;
        station.inbox = limited(&station, Limits { lines_at_once: 0, ..Limits::default() });
        for _ in 0..20 {
            let receipt = station.poll(&router.address()).await.expect("a new log");
            assert_eq!((receipt.received, receipt.refused_for_now()), (115, 115));
        }
        station.inbox = limited(&station, Limits::default());
        let receipt = station.poll(&router.address()).await.expect("a new log");
        assert_eq!((receipt.stored, receipt.duplicates), (15, 100));

        station.inbox = limited(&station, Limits { lines_at_once: 0, ..Limits::default() });
        router.append(&lines("Dach", 115..117));
        for _ in 0..3 {
            let receipt = station.poll(&router.address()).await.expect("two more lines");
            assert_eq!(receipt.refused_for_now(), receipt.received);
            assert!(receipt.received >= 2);
        }
        station.inbox = limited(&station, Limits::default());
        assert_eq!(station.poll(&router.address()).await.expect("two more lines").stored, 2);
        station.assert_minutes("Dach", 0..117).await;
    }
}
