//! The HTTP service over real sockets.

mod document;
mod measurements;
mod middleware;
mod readiness;

use std::sync::Arc;

use isems_core::{Collector, Inbox, Payload, Receipt, RedbRepository, Repository, Transport};
use isems_server::api::Service;
use poem::listener::TcpAcceptor;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// The service on a port of its own, over a repository in memory.
pub(crate) struct TestService {
    inbox: Inbox,
    client: Client,
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
        let collector = Collector::new(repository.clone());
        let collector = transport.into_iter().fold(collector, Collector::transport);
        let service = configure(Service {
            repository: repository.clone(),
            monitor: collector.monitor(),
            hide_inactive_after_days: 30,
            cors_origins: vec!["*".into()],
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server =
            poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap()).run(service.endpoint());
        let task = tokio::spawn(async move {
            let (result, ()) = tokio::join!(server, collector.run(std::future::pending()));
            result.unwrap();
        });
        let inbox = Inbox::new("test", repository);
        let client = client();
        Self { inbox, client, base, task }
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

/// An HTTP client that follows no redirect. What it would do about TLS is said to it alone, not to the whole process, where
/// it would hide that something else has not been told.
fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A good csvlog line.
fn line(node: &str, timestamp: i64) -> String {
    format!(
        "{node};1;{timestamp};ATmega8_A_1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n"
    )
}
