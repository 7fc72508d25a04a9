//! Polling over HTTP, against imitations of the nodes' web servers.

mod broken;
mod configuration;
mod conformance;
mod crowd;
mod dialects;
mod fleet;
mod polling;
mod rotation;
mod router;
mod web_server;

use std::{future::Future, io::Write, ops::Range, path::Path, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};
use isems_core::{Inbox, MeasurementQuery, NodeId, Receipt, RedbRepository, Repository};
use isems_transport_http::{HttpConfig, HttpTransport, PollError, Target};
use tokio::time::{self, Instant};

/// The time of the line of minute 0.
const START: i64 = 1_700_000_000;

/// Returns a csvlog line with its ending: the measurement of a node in a minute.
fn line(node: &str, minute: i64) -> String {
    let time = START + 60 * minute;
    format!("{node};1;{time};v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n")
}

/// Returns the lines of a node in a range of minutes.
fn lines(node: &str, minutes: Range<i64>) -> String {
    minutes.map(|minute| line(node, minute)).collect()
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

fn target(text: &str) -> Target {
    text.parse().expect("a valid target")
}

/// Waits until a condition holds.
async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        time::sleep(Duration::from_millis(5)).await;
    }
}

/// A repository, and the inbox of a transport that delivers to it.
struct Station {
    repository: Arc<RedbRepository>,
    inbox: Inbox,
}

impl Station {
    fn new() -> Self {
        Self::of(RedbRepository::in_memory().expect("a repository in memory"))
    }

    fn open(path: &Path) -> Self {
        Self::of(RedbRepository::open(path).expect("a file that nothing has open"))
    }

    fn of(repository: RedbRepository) -> Self {
        let repository = Arc::new(repository);
        let inbox = Inbox::new("http", repository.clone());
        Self { repository, inbox }
    }

    /// Returns the minutes of a node's measurements, oldest first.
    async fn minutes(&self, node: &str) -> Vec<i64> {
        minutes(&self.repository, node).await
    }

    /// Checks that the node has measurements of exactly these minutes.
    async fn assert_minutes(&self, node: &str, expected: Range<i64>) {
        assert_eq!(self.minutes(node).await, expected.collect::<Vec<_>>());
    }

    /// Polls a target once, with a new transport that only knows what the repository has kept.
    async fn poll(&self, address: &str) -> Result<Receipt, String> {
        self.poll_with(HttpConfig { targets: vec![target(address)], ..HttpConfig::default() }).await
    }

    async fn poll_with(&self, config: HttpConfig) -> Result<Receipt, String> {
        let mut outcomes = self.poll_all(config).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0).1
    }

    /// Polls several targets once, and returns their sources and outcomes in the order in which they were done.
    async fn poll_all(&self, config: HttpConfig) -> Vec<(String, Result<Receipt, String>)> {
        let transport = HttpTransport::new(config).expect("a valid configuration");
        let mut outcomes = Vec::new();
        let report = |target: &Target, result: &Result<Receipt, PollError>| {
            let outcome = match result {
                Ok(receipt) => Ok(receipt.clone()),
                Err(error) => Err(error.to_string()),
            };
            outcomes.push((target.to_string(), outcome));
        };
        transport.poll_all(&self.inbox, report).await;
        outcomes
    }
}

async fn minutes(repository: &RedbRepository, node: &str) -> Vec<i64> {
    let node: NodeId = node.parse().expect("a valid node id");
    let measurements = repository.measurements(&MeasurementQuery::oldest_first(node)).await;
    let measurements = measurements.expect("a repository that can be read");
    measurements.iter().map(|measurement| (measurement.timestamp - START) / 60).collect()
}
