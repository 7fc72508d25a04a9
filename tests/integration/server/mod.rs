//! The HTTP service over real sockets.

mod administration;
mod conditional;
mod document;
mod headers;
mod history;
mod identifiers;
mod insight;
mod limits;
mod live;
mod log;
mod measurements;
mod metrics;
mod middleware;
mod network;
mod nodes;
mod push;
mod readiness;
mod rejects;
mod series;
mod service_manager;
mod tls;
mod tokens;

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use isems_core::{
    BoxError, Collector, Inbox, Limits, Measurement, Payload, Receipt, RedbRepository, Repository, Transport,
    async_trait,
};
use isems_insight::{WatchedCollector, Watcher, WatcherOptions};
use isems_server::{
    api::{Access, Service, ServiceBuilder},
    push::PushTransport,
    serve::{ConnectionLimits, serve},
    tokens::Tokens,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustls::RootCertStore;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time,
};

/// The service on a port of its own, over a repository in memory.
pub(crate) struct TestService {
    inbox: Inbox,
    client: Client,
    address: SocketAddr,
    base: String,
    service: Service,
    watcher: Watcher,
    /// Stops the collector when it is dropped.
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// The limits and the watcher around the service of a test.
#[derive(Default)]
struct Surroundings {
    limits: ConnectionLimits,
    watching: WatcherOptions,
}

/// A transport that hands out its inbox, and goes on.
struct Handing(Option<oneshot::Sender<Inbox>>);

#[async_trait]
impl Transport for Handing {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        if let Some(sender) = self.0.take() {
            sender.send(inbox.clone()).unwrap();
        }
        pending().await
    }
}

impl TestService {
    async fn start() -> Self {
        Self::with(Arc::new(RedbRepository::in_memory().unwrap()), |service| service, None).await
    }

    pub(crate) async fn with(
        repository: Arc<dyn Repository>,
        configure: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
        transport: Option<Box<dyn Transport>>,
    ) -> Self {
        Self::within(Surroundings::default(), repository, configure, transport).await
    }

    async fn within(
        surroundings: Surroundings,
        repository: Arc<dyn Repository>,
        configure: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
        transport: Option<Box<dyn Transport>>,
    ) -> Self {
        let Surroundings { limits, watching } = surroundings;
        let collector = Collector::new(repository).limits(&Limits::none());
        let collector =
            transport.into_iter().fold(collector, |collector, transport| collector.transport(transport).unwrap());
        let (transport, push) = PushTransport::new();
        let (sender, inbox) = oneshot::channel();
        let collector = collector.transport(transport).unwrap().transport(Handing(Some(sender))).unwrap();
        let collector = WatchedCollector::with_options(collector, watching);
        let watcher = collector.watcher();
        let service = configure(Service::builder(watcher.clone()).push(push)).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, None, service.endpoint(), limits, pending());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let (result, ()) = tokio::join!(server, collector.run(async { drop(stopped.await) }));
            result.unwrap();
        });
        let inbox = inbox.await.unwrap();
        Self {
            inbox,
            client: client(),
            address,
            base: format!("http://{address}"),
            service,
            watcher,
            stop: Some(stop),
            task,
        }
    }

    /// A service whose watcher has other options.
    pub(crate) async fn watching(watching: WatcherOptions, repository: Arc<dyn Repository>) -> Self {
        let surroundings = Surroundings { watching, ..Surroundings::default() };
        Self::within(surroundings, repository, |service| service, None).await
    }

    /// A service that knows the token [`ADMIN`], and push tokens.
    pub(crate) async fn guarded(repository: Arc<dyn Repository>, push_tokens: &[&str]) -> Self {
        let access = access(push_tokens);
        Self::with(repository, |service| service.access(access), None).await
    }

    /// Sends a request with the token [`ADMIN`]: its status, and its answer as JSON.
    async fn send(&self, method: Method, path: &str) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(ADMIN);
        answer(request.send().await.unwrap()).await
    }

    /// The status and the detail of a problem.
    async fn problem(&self, path: &str) -> (StatusCode, String) {
        let response = self.get(path).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let (status, problem) = answer(response).await;
        (status, problem["detail"].as_str().unwrap().into())
    }

    pub(crate) async fn deliver(&self, lines: &str) -> Receipt {
        self.inbox.deliver(Payload::csvlog(lines.as_bytes(), "test")).await.unwrap()
    }

    /// Stops the collector, while the service goes on.
    fn stop_collecting(&mut self) {
        self.stop.take();
    }

    /// Stores measurements that arrived when they say so.
    pub(crate) async fn store(&self, measurements: Vec<Measurement>) {
        let count = measurements.len() as u64;
        let receipt = self.inbox.deliver_measurements("test", measurements).await.unwrap();
        assert_eq!(receipt.stored, count, "{receipt:?}");
    }

    /// A request that is not sent yet.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// The answer to a request for a path as it is written, with its head.
    pub(crate) async fn raw(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        exchange(self.address, request.as_bytes()).await
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

/// The token of those who may do everything.
pub(crate) const ADMIN: &str = "0123456789abcdef";

/// The token [`ADMIN`], and push tokens.
fn access(push_tokens: &[&str]) -> Access {
    Access {
        tokens: Tokens::parse([&*format!("admin:{ADMIN}")]).unwrap(),
        push_tokens: Tokens::parse_of_nodes(push_tokens.iter().copied()).unwrap(),
        ..Access::default()
    }
}

async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

/// An HTTP client that follows no redirect.
pub(crate) fn client() -> Client {
    client_trusting(RootCertStore::empty(), usize::MAX)
}

/// A client that trusts some authorities, and keeps some connections. What it would do about TLS is said to it alone,
/// not to the whole process, where it would hide that something else has not been told.
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

/// Awaits what takes no time to speak of, or fails a test that would wait for ever.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
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
pub(crate) fn line(node: &str, timestamp: i64) -> String {
    format!(
        "{node};1;{timestamp};ATmega8_A_1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n"
    )
}
