//! Limits on the resources that strangers can use.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use isems_core::RedbRepository;
use isems_server::serve::{ConnectionLimits, serve};
use poem::{
    Endpoint, Response,
    endpoint::{make, make_sync},
};
use reqwest::{StatusCode, header};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{Surroundings, TestService, exchange, in_time};

/// A time longer than any test waits.
const NEVER: Duration = Duration::from_hours(1);

/// A time shorter than every test.
const SOON: Duration = Duration::from_millis(50);

async fn limited(limits: ConnectionLimits) -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    TestService::within(Surroundings { limits, ..Surroundings::default() }, repository, |service| service, None).await
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_with_the_limit() {
    let service = TestService::start().await;
    let request = |path: &str| service.client.get(format!("{}{path}", service.base));
    let long = request(&format!("/measurements/latest?all={}", "x".repeat(5000)));
    let many = (0..70).fold(request("/healthz"), |request, number| request.header(format!("x-{number}"), "x"));
    let large = request("/healthz").header("cookie", "x".repeat(20_000));
    let body = request("/healthz").body(vec![b'x'; 1_100_000]);
    let chunked = request("/healthz").header(header::TRANSFER_ENCODING, "chunked").body("x");
    for (request, status, wanted) in [
        (long, StatusCode::URI_TOO_LONG, "at most 4096"),
        (many, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "at most 64"),
        (large, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "at most 16384"),
        (body, StatusCode::PAYLOAD_TOO_LARGE, "at most 1048576"),
        (chunked, StatusCode::LENGTH_REQUIRED, "Content-Length"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(wanted), "{problem}");
    }
    let response = request("/healthz").body("a small body does no harm").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_head_without_end_is_refused_before_it_has_arrived() {
    let service = limited(ConnectionLimits { head_timeout: NEVER, ..ConnectionLimits::default() }).await;
    // Exactly what is read before the refusal, so that nothing is left that would reset the connection.
    let head = format!("GET /healthz HTTP/1.1\r\nHost: test\r\nX: {}", "x".repeat(32 << 10));
    let answer = exchange(service.address, &head.as_bytes()[..32 << 10]).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let headers = "x: x\r\n".repeat(101);
    let answer = exchange(service.address, format!("GET /healthz HTTP/1.1\r\n{headers}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn what_is_no_sound_request_is_refused_and_harms_nothing() {
    let service = limited(ConnectionLimits { head_timeout: SOON, ..ConnectionLimits::default() }).await;
    let end = "HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET /%E0%80/x {end}"), "400"),
        (format!("GET /measurements/%zz/latest {end}"), "200"),
        (format!("GET /measurements/%FF%FE/latest {end}"), "400"),
        (format!("GET /api/v1/rejects?%FF=%FE {end}"), "403"),
        (format!("GET /measurements/a\u{1}b/latest {end}"), "400"),
        (format!("GET /measurements/{}/latest {end}", "x".repeat(129)), "200"),
        (format!("GET http://elsewhere.example/healthz {end}"), "200"),
        (format!("OPTIONS * {end}"), "4"),
        (format!("CONNECT elsewhere.example:25 {end}"), "4"),
        (format!("TRACE /healthz {end}"), "405"),
        (format!("BREW /healthz {end}"), "405"),
        (format!("GET healthz {end}"), "4"),
        ("GET /healthz HTTP/9.9\r\n\r\n".into(), "400"),
        ("GET /healthz HTTP/1.1\r\nContent-Length: many\r\n\r\n".into(), "400"),
        ("GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".into(), "4"),
        ("\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n".into(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), ""),
    ] {
        let answer = exchange(service.address, request.as_bytes()).await;
        let expected = if status.is_empty() { String::new() } else { format!("HTTP/1.1 {status}") };
        assert!(answer.starts_with(&expected), "{request}: {answer}");
    }
    assert_eq!(service.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_says_nothing_or_only_half_is_let_go() {
    let service = limited(ConnectionLimits { head_timeout: SOON, ..ConnectionLimits::default() }).await;
    for bytes in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nHost: te"] {
        assert_eq!(exchange(service.address, bytes.as_bytes()).await, "", "{bytes}");
    }
    let answer = exchange(service.address, b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "a connection that is kept is let go after the answer: {answer}");
    let unsent = b"GET /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n";
    assert!(exchange(service.address, unsent).await.starts_with("HTTP/1.1 200 "), "a body that never comes");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_let_go() {
    let limits = ConnectionLimits { connections: 1, head_timeout: NEVER, write_timeout: SOON, ..Default::default() };
    let service = limited(limits).await;
    let mut slow = TcpStream::connect(service.address).await.unwrap();
    slow.write_all("GET /docs HTTP/1.1\r\nHost: test\r\n\r\n".repeat(64).as_bytes()).await.unwrap();
    // There is one place, and it is taken until the server gives the other client up.
    assert_eq!(in_time(service.get("/healthz")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_place() {
    let limits = ConnectionLimits { connections: 2, head_timeout: NEVER, ..Default::default() };
    let service = limited(limits).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut buffer = [0; 4096];
    let mut first = TcpStream::connect(service.address).await.unwrap();
    let mut second = TcpStream::connect(service.address).await.unwrap();
    let mut third = TcpStream::connect(service.address).await.unwrap();
    third.write_all(request).await.unwrap();
    for _ in 0..20 {
        for stream in [&mut first, &mut second] {
            stream.write_all(request).await.unwrap();
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
        }
    }
    assert_eq!(third.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(first);
    assert!(in_time(third.read(&mut buffer)).await.unwrap() > 0);
}

/// Serves an endpoint until the sender is used. Returns the port, and a handle that tells when it has ended.
async fn stoppable(
    endpoint: impl Endpoint<Output = Response> + 'static,
    limits: ConnectionLimits,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        serve(listener, None, endpoint, limits, async {
            stopped.await.unwrap();
        })
        .await
        .unwrap();
    });
    (address, stop, task)
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_the_server_stops() {
    let (entered, mut entering) = mpsc::channel(1);
    let (leave, leaving) = watch::channel(false);
    let endpoint = make(move |_| {
        let (entered, mut leaving) = (entered.clone(), leaving.clone());
        async move {
            entered.send(()).await.unwrap();
            leaving.wait_for(|leave| *leave).await.unwrap();
            Ok::<_, poem::Error>(Response::builder().body("done"))
        }
    });
    let limits = ConnectionLimits { grace: NEVER, ..ConnectionLimits::default() };
    let (address, stop, task) = stoppable(endpoint, limits).await;
    let answer = tokio::spawn(exchange(address, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    entering.recv().await.unwrap();
    stop.send(()).unwrap();
    leave.send_replace(true);
    assert!(answer.await.unwrap().ends_with("done"));
    in_time(task).await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work_for_it() {
    let (entered, mut entering) = mpsc::channel::<()>(1);
    // What works for the client holds the sender, and gives it up where it ends.
    let sender = Mutex::new(Some(entered));
    let endpoint = make(move |_| {
        let entered = sender.lock().unwrap().take();
        async move {
            let entered = entered.unwrap();
            entered.send(()).await.unwrap();
            std::future::pending::<Result<Response, poem::Error>>().await
        }
    });
    let (address, stop, task) = stoppable(endpoint, ConnectionLimits::default()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST /api/v1/check HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(in_time(entering.recv()).await, Some(()));
    drop(client);
    assert_eq!(in_time(entering.recv()).await, None);
    stop.send(()).unwrap();
    in_time(task).await.unwrap();
}

#[tokio::test]
async fn nobody_holds_the_server_up_when_it_stops() {
    let limits = ConnectionLimits { head_timeout: NEVER, write_timeout: NEVER, grace: SOON, ..Default::default() };
    let endpoint = make_sync(|_| Response::builder().body(vec![b'x'; 32 << 20]));
    let (address, stop, task) = stoppable(endpoint, limits).await;
    let mut clients = Vec::new();
    for bytes in ["", "GET / HT", "GET / HTTP/1.1\r\n\r\n"] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(bytes.as_bytes()).await.unwrap();
        clients.push(client);
    }
    // The last one has been let in when its answer begins, and the others came before it.
    assert!(clients[2].read(&mut [0; 10]).await.unwrap() > 0);
    stop.send(()).unwrap();
    in_time(task).await.unwrap();
}
