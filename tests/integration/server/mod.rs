//! The HTTP service over real sockets.

mod document;
mod headers;
mod limits;
mod live;
mod log;
mod measurements;
mod middleware;
mod readiness;
mod rejects;
mod tls;
mod tokens;

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use isems_core::{Collector, Inbox, Payload, Receipt, RedbRepository, Repository, Transport};
use isems_server::{
    api::Service,
    serve::{ConnectionLimits, serve},
};
use reqwest::{Client, Response, StatusCode};
use rustls::RootCertStore;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time,
};

/// The service on a port of its own, over a repository in memory.
pub(crate) struct TestService {
    inbox: Inbox,
    client: Client,
    address: SocketAddr,
    base: String,
    task: JoinHandle<()>,
}

impl TestService {
    async fn start() -> Self {
        Self::with(Arc::new(RedbRepository::in_memory().unwrap()), |service| service, None).await
    }

    pub(crate) async fn with(
        repository: Arc<dyn Repository>,
        configure: impl FnOnce(Service) -> Service,
        transport: Option<Box<dyn Transport>>,
    ) -> Self {
        Self::within(ConnectionLimits::default(), repository, configure, transport).await
    }

    async fn within(
        limits: ConnectionLimits,
        repository: Arc<dyn Repository>,
        configure: impl FnOnce(Service) -> Service,
        transport: Option<Box<dyn Transport>>,
    ) -> Self {
        let collector = Collector::new(repository.clone());
        let collector = transport.into_iter().fold(collector, Collector::transport);
        let service = configure(Service::new(repository.clone(), collector.monitor()));
        let observer = service.clone();
        let collector = collector.observe(move |new| observer.hear(new));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, None, service.endpoint(), limits, pending());
        let task = tokio::spawn(async move {
            let (result, ()) = tokio::join!(server, collector.run(pending()));
            result.unwrap();
        });
        let inbox = Inbox::new("test", repository);
        Self { inbox, client: client(), address, base: format!("http://{address}"), task }
    }

    async fn deliver(&self, lines: &str) -> Receipt {
        self.inbox.deliver(Payload::csvlog(lines.as_bytes(), "test")).await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/json"), "{path}");
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    async fn node_ids(&self, path: &str) -> Vec<String> {
        let answer = self.json(path).await;
        let measurements = answer["measurements"].as_array().unwrap();
        measurements.iter().map(|measurement| measurement["nodeId"].as_str().unwrap().into()).collect()
    }
}

impl Drop for TestService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An HTTP client that follows no redirect.
fn client() -> Client {
    client_trusting(RootCertStore::empty(), usize::MAX)
}

/// A client that trusts some authorities, and keeps some connections. What it would do about TLS is said to it alone, not
/// to the whole process, where it would hide that something else has not been told.
fn client_trusting(roots: RootCertStore, idle_connections: usize) -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session that is resumed shows no certificate.
    tls.resumption = rustls::client::Resumption::disabled();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(idle_connections)
        .build()
        .unwrap()
}

/// What takes no time to speak of, or fails a test that would wait for ever.
async fn in_time<F: Future>(future: F) -> F::Output {
    time::timeout(Duration::from_mins(1), future).await.expect("it took more than a minute")
}

/// All that comes back for bytes that are sent as they are, up to the end of the connection.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A good csvlog line.
fn line(node: &str, timestamp: i64) -> String {
    format!(
        "{node};1;{timestamp};ATmega8_A_1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n"
    )
}
