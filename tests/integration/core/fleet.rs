//! The simulated fleet that serves its logs over HTTP.

use std::{future, io::Read, net::SocketAddr, sync::Arc, time::Duration};

use flate2::read::GzDecoder;
use isems_core::{
    simulation::{SimulatedNode, node_name},
    testing::drive,
    unix_now,
};
use isems_server::fleet::{FleetServer, SimulatedClock};
use isems_transport_http::{HttpConfig, HttpTransport};
use reqwest::{Client, StatusCode, header::HeaderMap};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

const LINES_A_LOG: usize = 3660;

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn serve(fleet: FleetServer) -> Vec<String> {
    let running = fleet.bind(loopback()).await.expect("a port is free");
    let targets = running.targets();
    tokio::spawn(running.run(future::pending()));
    targets
}

fn client() -> Client {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the protocols")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).build().expect("the settings are sound")
}

async fn get(url: &str, headers: &[(&'static str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = headers.iter().fold(client().get(url), |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.expect("the fleet answers");
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.expect("the answer is whole").to_vec())
}

/// Lines of a node, from one on.
fn lines(start: i64, skip: usize, count: usize) -> String {
    let lines: Vec<_> =
        SimulatedNode::new(1, 0, start).skip(skip).take(count).map(|line| format!("{line}\n")).collect();
    lines.concat()
}

/// A clock that stands still.
fn stopped(time: i64) -> SimulatedClock {
    SimulatedClock::fast(time, 0.0)
}

#[tokio::test]
async fn a_transport_polls_the_whole_fleet() {
    let start = unix_now() - 3600;
    let targets = serve(FleetServer::new(1, 12, start)).await;
    assert_eq!(targets.len(), 12);
    let targets = targets.iter().map(|target| target.parse().expect("it is a target")).collect();
    let config = HttpConfig { targets, interval: Duration::from_secs(1), ..HttpConfig::default() };
    let transport = HttpTransport::new(config).expect("the configuration is sound");
    let driven = drive(transport, async |driven| driven.status.stored >= 12 * 60).await;
    let nodes = driven.repository.nodes().await.expect("it can be read");
    let mut names: Vec<_> = (0..12).map(node_name).collect();
    names.sort_unstable();
    assert_eq!(nodes.iter().map(|node| node.id.to_string()).collect::<Vec<_>>(), names);
    assert_eq!(driven.status.rejected.total(), 0);
}

#[tokio::test]
async fn conditions_and_ranges_are_heeded() {
    let start = unix_now() - 7200;
    let url = serve(FleetServer::new(1, 1, start).clock(stopped(start + 3599))).await.remove(0);
    let log = lines(start, 0, 60);
    let (status, headers, body) = get(&url, &[]).await;
    assert_eq!((status, String::from_utf8_lossy(&body).into_owned()), (StatusCode::OK, log.clone()));
    let header = |name| headers[name].to_str().expect("it is text").to_owned();
    assert_eq!(header("accept-ranges"), "bytes");
    let (tag, modified) = (&*header("etag"), &*header("last-modified"));

    let not_modified: [&[_]; 4] = [
        &[("if-none-match", tag)],
        &[("if-none-match", "*")],
        &[("if-modified-since", modified)],
        &[("if-none-match", tag), ("if-modified-since", "Mon, 01 Jan 2018 00:00:00 GMT")],
    ];
    for conditions in not_modified {
        let (status, headers, body) = get(&url, conditions).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{conditions:?}");
        assert_eq!(headers["etag"], tag);
    }
    let modified_since: [&[_]; 3] = [
        &[("if-none-match", "\"other\"")],
        &[("if-modified-since", "Mon, 01 Jan 2018 00:00:00 GMT")],
        &[("if-none-match", "\"other\""), ("if-modified-since", modified)],
    ];
    for conditions in modified_since {
        assert_eq!(get(&url, conditions).await.0, StatusCode::OK, "{conditions:?}");
    }

    let length = log.len();
    let ranges = [
        ("bytes=100-".to_owned(), 100, length),
        ("bytes=0-".to_owned(), 0, length),
        ("bytes=10-19".to_owned(), 10, 20),
        (format!("bytes={}-", length - 1), length - 1, length),
        ("bytes=-50".to_owned(), length - 50, length),
        (format!("bytes=100-{}", 2 * length), 100, length),
    ];
    for (range, first, end) in ranges {
        let (status, headers, body) = get(&url, &[("range", &range)]).await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(headers["content-range"], format!("bytes {first}-{}/{length}", end - 1), "{range}");
        assert_eq!(body, &log.as_bytes()[first..end], "{range}");
    }
    for range in [format!("bytes={length}-"), format!("bytes={}-", 2 * length), "bytes=9-8".to_owned()] {
        let (status, headers, _) = get(&url, &[("range", &range)]).await;
        assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(headers["content-range"], format!("bytes */{length}"), "{range}");
    }
    let (status, _, body) = get(&url, &[("range", "bytes=0-1,5-6")]).await;
    assert_eq!((status, body.len()), (StatusCode::OK, length));
    assert_eq!(get(&url, &[("range", "bytes=5-"), ("if-range", tag)]).await.0, StatusCode::PARTIAL_CONTENT);
    assert_eq!(get(&url, &[("range", "bytes=5-"), ("if-range", "\"other\"")]).await.0, StatusCode::OK);
    assert_eq!(get(&url.replace("Elektra-Dach", "Barn"), &[]).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_full_log_is_compressed_beside_the_new_one() {
    let start = unix_now() - 60 * 3 * LINES_A_LOG as i64;
    let serve_lines = async |lines: usize| {
        serve(FleetServer::new(1, 1, start).clock(stopped(start + 60 * lines as i64 - 1))).await.remove(0)
    };
    let url = serve_lines(LINES_A_LOG).await;
    assert_eq!(
        get(&url, &[]).await.2,
        lines(start, 0, LINES_A_LOG).into_bytes(),
        "a full log stays until the next line"
    );
    assert_eq!(get(&format!("{url}.gz"), &[]).await.0, StatusCode::NOT_FOUND);

    for (new, old) in [(1, 0), (LINES_A_LOG, 0), (LINES_A_LOG + 7, LINES_A_LOG)] {
        let url = serve_lines(LINES_A_LOG + new).await;
        let (skip, count) = (old + LINES_A_LOG, LINES_A_LOG + new - old - LINES_A_LOG);
        assert_eq!(get(&url, &[]).await.2, lines(start, skip, count).into_bytes());
        let (status, _, archive) = get(&format!("{url}.gz"), &[]).await;
        assert_eq!(status, StatusCode::OK);
        let mut text = String::new();
        GzDecoder::new(archive.as_slice()).read_to_string(&mut text).expect("it is compressed");
        assert_eq!(text, lines(start, old, LINES_A_LOG));
    }
}

#[tokio::test]
async fn logs_grow_with_the_clock() {
    let start = unix_now() - 86_400;
    let fleet = FleetServer::new(1, 1, start).clock(SimulatedClock::fast(start, 600.0));
    let url = serve(fleet).await.remove(0);
    let (_, _, before) = get(&url, &[]).await;
    let grows = async {
        loop {
            let (_, _, now) = get(&url, &[]).await;
            if now.len() > before.len() {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let after = tokio::time::timeout(Duration::from_secs(30), grows).await.expect("the log grows");
    assert!(after.starts_with(&before));
    assert!(SimulatedClock::fast(start, 1e9).now() <= unix_now(), "a fast clock does not run ahead");
}

#[tokio::test]
async fn a_stopped_fleet_is_gone() {
    let running = FleetServer::new(1, 1, unix_now()).bind(loopback()).await.expect("a port is free");
    let url = running.targets().remove(0);
    running.run(future::ready(())).await.expect("it ends");
    assert!(client().get(url).send().await.is_err());
}
