//! Tests of the MQTT transport.

mod acknowledgement;
mod address;
pub(super) mod certificates;
mod config;
mod conformance;
mod faults;
mod gate;
mod messages;
mod mosquitto;
mod overload;
mod oversize;
pub(super) mod peer;
mod process;
mod session;
pub(super) mod tls;
mod topic;

use std::{fmt, sync::Arc, time::Duration};

use isems_core::{Backoff, Collector, MeasurementQuery, Monitor, Repository, TransportStatus};
use isems_transport_mqtt::{MqttConfig, MqttTransport};
use tokio::{sync::oneshot, task::JoinHandle, time};

/// The longest that a test waits for something that must happen.
const DEADLINE: Duration = Duration::from_secs(30);

/// The time for which a test watches that something does not happen.
const SILENCE: Duration = Duration::from_millis(200);

/// Returns a csvlog line for a second, counted from 2023-11-14T22:13:20Z.
fn line(node: &str, second: i64) -> String {
    format!("{node};1;{};v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300", 1_700_000_000 + second)
}

/// Returns the lines of several seconds, joined as nodes join them.
fn lines(node: &str, seconds: impl IntoIterator<Item = i64>) -> String {
    seconds.into_iter().map(|second| line(node, second)).collect::<Vec<_>>().join("\n")
}

/// Returns a back-off with short waits.
fn soon() -> Backoff {
    Backoff::new(Duration::from_millis(20), Duration::from_millis(200))
}

/// A collector that runs a transport in the background and restarts it soon.
struct Running {
    monitor: Monitor,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(repository: Arc<dyn Repository>, config: MqttConfig) -> Self {
        Self::start_with(repository, config, soon())
    }

    fn start_with(repository: Arc<dyn Repository>, config: MqttConfig, backoff: Backoff) -> Self {
        let transport = MqttTransport::new(config).expect("the configuration is valid");
        Self::run(Collector::new(repository).backoff(backoff).transport(transport).unwrap())
    }

    /// Runs a collector with one transport.
    fn run(collector: Collector) -> Self {
        let monitor = collector.monitor();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(collector.run(async { drop(stopped.await) }));
        Self { monitor, stop: Some(stop), task }
    }

    fn status(&self) -> TransportStatus {
        self.monitor.transports().remove(0)
    }

    /// Waits for a status, and returns it.
    async fn until(&self, what: impl Fn(&TransportStatus) -> bool) -> TransportStatus {
        eventually(|| async { Some(self.status()).filter(|status| what(status)) }, || format!("{:?}", self.status()))
            .await
    }

    async fn until_up(&self) {
        self.until(|status| status.sources.values().any(|source| source.up)).await;
    }

    async fn stop(mut self) {
        drop(self.stop.take());
        time::timeout(DEADLINE, &mut self.task).await.expect("it stops").expect("it does not panic");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until there is a value. The panic at the deadline says what there was instead.
async fn eventually<T, F: Future<Output = Option<T>>, D: fmt::Display>(
    mut value: impl FnMut() -> F,
    instead: impl FnOnce() -> D,
) -> T {
    let wait = async {
        loop {
            if let Some(value) = value().await {
                break value;
            }
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    let outcome = time::timeout(DEADLINE, wait).await;
    outcome.unwrap_or_else(|_| panic!("it did not happen within {DEADLINE:?}: {}", instead()))
}

/// Returns the seconds of a node's measurements, as [`line`] counts them.
async fn seconds(repository: &dyn Repository, node: &str) -> Vec<i64> {
    let query = MeasurementQuery::oldest_first(node.parse().expect("a node id"));
    let measurements = repository.measurements(&query).await.expect("the repository can be read");
    measurements.iter().map(|measurement| measurement.timestamp - 1_700_000_000).collect()
}
