//! Measures the messages a second that come through Mosquitto into a repository file: ten publishers, a thousand nodes,
//! QoS 1, five lines a message of which one is new. Needs mosquitto.
//!
//! ```text
//! cargo bench -p isems-tests --bench mqtt [-- MESSAGES]
//! ```

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../integration/programs/mod.rs"]
mod programs;

use std::{env, fmt::Write, future::Future, sync::Arc, time::Duration};

use futures_util::future::join_all;
use isems_core::{Collector, Monitor, RedbRepository};
use isems_transport_mqtt::{MqttConfig, MqttTransport};
use tokio::{sync::oneshot, task::JoinHandle, time};

use self::programs::{Mosquitto, Publisher};

const PUBLISHERS: usize = 10;
const NODES_A_PUBLISHER: usize = 100;
const LINES: usize = 5;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program too, without this argument.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let messages = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    measure(messages, "max_inflight_messages 20").await;
    measure(messages, "max_inflight_messages 0").await;
}

async fn measure(messages: usize, configuration: &str) {
    let broker = Mosquitto::start(configuration);
    let repository = Arc::new(RedbRepository::open(broker.folder().join("isems.redb")).expect("it opens"));
    let address = format!("127.0.0.1:{}", broker.port());
    let config = MqttConfig { broker: address.parse().expect("a broker"), ..MqttConfig::default() };

    let collector = Running::start(&repository, config.clone()).await;
    let started = time::Instant::now();
    let a_publisher = messages / PUBLISHERS;
    let publishers = (0..PUBLISHERS).map(|number| tokio::spawn(publish(broker.port(), number, a_publisher)));
    for publisher in join_all(publishers).await {
        publisher.expect("a publisher does not fail");
    }
    let published = started.elapsed();
    let total = a_publisher * PUBLISHERS;
    collector.until_received(total * LINES).await;
    let stored = started.elapsed();
    let rejected = collector.monitor.transports()[0].rejected.total();
    collector.stop().await;

    // What had not been acknowledged would come again.
    let collector = Running::start(&repository, config).await;
    publish(broker.port(), PUBLISHERS, 1).await;
    collector.until_received(LINES).await;
    let again = collector.monitor.transports()[0].received - LINES as u64;
    collector.stop().await;

    let rate = |time: Duration| total as f64 / time.as_secs_f64();
    println!(
        "mosquitto with {configuration}: {total} messages published at {:.0}/s, stored at {:.0}/s; {rejected} lines rejected, \
         {again} delivered again",
        rate(published),
        rate(stored)
    );
}

struct Running {
    monitor: Monitor,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(repository: &Arc<RedbRepository>, config: MqttConfig) -> Self {
        let transport = MqttTransport::new(config).expect("the configuration is valid");
        let collector = Collector::new(repository.clone()).transport(transport).unwrap();
        let monitor = collector.monitor();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(collector.run(async { drop(stopped.await) }));
        let running = Self { monitor, stop, task };
        until(|| running.monitor.transports()[0].sources.values().any(|source| source.up)).await;
        running
    }

    fn until_received(&self, lines: usize) -> impl Future<Output = ()> {
        until(move || self.monitor.transports()[0].received >= lines as u64)
    }

    /// Leaves it the time to send its last acknowledgements.
    async fn stop(self) {
        time::sleep(Duration::from_secs(1)).await;
        drop(self.stop);
        self.task.await.expect("it does not fail");
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// Publishes the messages of a publisher's nodes in turn, as fast as the broker accepts them.
async fn publish(port: u16, number: usize, count: usize) {
    let mut publisher = Publisher::connect(port);
    for message in 0..count {
        let node = format!("node-{number}-{}", message % NODES_A_PUBLISHER);
        publisher.publish(&format!("/isems/{node}/csvlog"), payload(&node, message / NODES_A_PUBLISHER)).await;
    }
    publisher.finish().await;
}

/// Five lines, 15 seconds apart, of which the message before brought four.
fn payload(node: &str, message: usize) -> String {
    let mut payload = String::with_capacity(LINES * 130);
    for line in message..message + LINES {
        let time = 1_700_000_000 + 15 * line;
        let written = writeln!(
            payload,
            "{node};1;{time};ESP_2.0;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300"
        );
        written.expect("a text can be written to");
    }
    payload
}
