//! The server is killed at random moments, again and again, under load from both sides.
//!
//! `KILLS=1000` kills it more often than usual; `SEED` repeats a failed run, which has printed its seed.

use std::{
    collections::BTreeMap,
    env, future,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use isems_core::{Collector, Measurement, MeasurementQuery, RedbRepository, Repository, simulation, unix_now};
use isems_server::fleet::{FleetServer, SimulatedClock};
use isems_transport_http::{HttpConfig, HttpTransport};
use isems_transport_mqtt::MqttTransport;
use tokio::{task::JoinHandle, time};

use super::super::{eventually, lines, seconds};
use crate::programs::{Mosquitto, Publisher, Server};

/// The number of nodes that publish, in turn.
const PUBLISHING_NODES: i64 = 10;

/// The number of lines in a message, of which one is new.
const LINES: i64 = 5;

/// The number of nodes that are polled.
const POLLED_NODES: u32 = 5;

/// When the polled nodes begin, and how much of a log they have then: it is full after ten seconds of the test.
const AGO_SECONDS: i64 = 100 * 86_400;
const HISTORY_SECONDS: i64 = 3610 * 60;

/// The factor by which their time runs faster than the test's. The next log is full after twelve minutes: a router
/// keeps one archive, so a log is rightly lost if no poll of it succeeds while the whole next one is written.
const SPEED: f64 = 300.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs mosquitto; CI runs it with --ignored"]
async fn a_server_that_is_killed_again_and_again_stores_everything_once() {
    let kills = variable("KILLS").unwrap_or(50);
    let seed = variable("SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{kills} kills with SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let broker = Mosquitto::start("");
    let polled = Polled::start(seed).await;
    let folder = tempfile::tempdir().expect("a folder");
    let broker_address = format!("127.0.0.1:{}", broker.port());
    let targets = polled.targets.join(",");
    let settings = [("MQTT_SERVER", &*broker_address), ("ISEMS_ROUTER_IPS", &*targets), ("ISEMS_POLL_INTERVAL", "1s")];

    // The broker keeps nothing for a client that it does not know.
    let mut server = Server::start(folder.path(), &settings);
    server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;
    let published = Published::start(&broker);
    for kill in 0..kills {
        // Half of the kills hit the start, the others the work.
        let longest = if kill % 2 == 0 {
            300
        } else {
            server.until_transport("mqtt", |status| status["received"].as_u64() > Some(0)).await;
            500
        };
        time::sleep(Duration::from_millis(random.u64(0..longest))).await;
        server.kill();
        server = Server::start(folder.path(), &settings);
    }
    server.kill();
    let messages = published.stop().await;
    let measurements = polled.measured();

    let repository = Arc::new(RedbRepository::open(folder.path().join("isems.redb")).expect("it opens"));
    println!("{messages} messages and {} lines; {} stored so far", measurements.len(), stored(&repository).await);
    let mqtt = MqttTransport::new(broker.config()).expect("it is valid");
    let targets = polled.targets.iter().map(|target| target.parse().expect("a target")).collect();
    let interval = Duration::from_secs(1);
    let http = HttpTransport::new(HttpConfig { targets, interval, ..HttpConfig::default() }).expect("it is valid");
    let collector = Collector::new(repository.clone()).transport(mqtt).unwrap().transport(http).unwrap();
    let mut expected = counts(&measurements);
    for node in 0..PUBLISHING_NODES {
        // Those of the messages numbered node, node + 10, node + 20 and so on.
        let its_messages = (messages - node + PUBLISHING_NODES - 1) / PUBLISHING_NODES;
        expected.insert(node_name(node), (its_messages + LINES - 1) as u64);
    }
    collector.run(until_whole(&repository, &expected)).await;

    for node in (0..PUBLISHING_NODES).map(node_name) {
        assert_eq!(seconds(&*repository, &node).await, (0..expected[&node] as i64).collect::<Vec<_>>());
    }
    for id in simulation::Fleet::new(seed, POLLED_NODES, polled.start).ids() {
        let wanted: Vec<_> = measurements.iter().filter(|measurement| measurement.node_id == *id).collect();
        let query = MeasurementQuery::oldest_first(id.clone());
        let found = repository.measurements(&query).await.expect("it can be read");
        assert!(found.len() >= wanted.len(), "{id}: {} of {} are stored", found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.same_values(wanted), "{found} is stored instead of {wanted}");
        }
    }
    let checked = repository.check().await.expect("it can be checked");
    assert!(checked.damages.is_empty(), "{checked:?}");
}

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn node_name(number: i64) -> String {
    format!("node-{number}")
}

/// Counts the measurements of each node.
fn counts(measurements: &[Measurement]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for measurement in measurements {
        *counts.entry(measurement.node_id.to_string()).or_default() += 1;
    }
    counts
}

/// Waits until as many measurements of each node are stored as expected, as long as more of them come.
async fn until_whole(repository: &RedbRepository, expected: &BTreeMap<String, u64>) {
    let mut now = missing(repository, expected).await;
    while !now.is_empty() {
        let before = now;
        let fewer = || async {
            let now = missing(repository, expected).await;
            (now != before).then_some(now)
        };
        now = eventually(fewer, || format!("these measurements are missing: {before:?}")).await;
    }
}

/// Counts the measurements of each node that are not stored.
async fn missing(repository: &RedbRepository, expected: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let nodes = repository.nodes().await.expect("it can be read");
    let stored = |id: &str| nodes.iter().find(|node| node.id.as_str() == id).map_or(0, |node| node.measurements);
    // Polled nodes go on measuring, so there can be more.
    let missing = expected.iter().map(|(id, count)| (id.clone(), count.saturating_sub(stored(id))));
    missing.filter(|(_, count)| *count > 0).collect()
}

async fn stored(repository: &RedbRepository) -> u64 {
    let nodes = repository.nodes().await.expect("it can be read");
    nodes.iter().map(|node| node.measurements).sum()
}

/// Nodes that are polled.
struct Polled {
    seed: u64,
    start: i64,
    clock: SimulatedClock,
    targets: Vec<String>,
    _task: JoinHandle<()>,
}

impl Polled {
    async fn start(seed: u64) -> Self {
        let now = unix_now() - AGO_SECONDS;
        let clock = SimulatedClock::fast(now, SPEED);
        let start = now - HISTORY_SECONDS;
        let fleet = FleetServer::new(seed, POLLED_NODES, start).clock(clock.clone());
        let fleet = fleet.bind((Ipv4Addr::LOCALHOST, 0).into()).await.expect("a free port");
        let targets = fleet.targets();
        let task = tokio::spawn(async { fleet.run(future::pending()).await.expect("it serves") });
        Self { seed, start, clock, targets, _task: task }
    }

    /// Returns the number of lines in the logs so far. They keep growing.
    fn measured(&self) -> Vec<Measurement> {
        simulation::Fleet::new(self.seed, POLLED_NODES, self.start).until(self.clock.now()).collect()
    }
}

/// Messages that are published while it runs.
struct Published {
    must_stop: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Published {
    fn start(broker: &Mosquitto) -> Self {
        let mut publisher = Publisher::connect(broker.port());
        let must_stop = Arc::new(AtomicBool::new(false));
        let stop = must_stop.clone();
        let task = tokio::spawn(async move {
            let mut pace = time::interval(Duration::from_millis(4));
            for message in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                pace.tick().await;
                let node = node_name(message % PUBLISHING_NODES);
                let first = message / PUBLISHING_NODES;
                publisher.publish(&format!("/isems/{node}/csvlog"), lines(&node, first..first + LINES)).await;
            }
            publisher.finish().await
        });
        Self { must_stop, task }
    }

    /// The number of messages that the broker has accepted, which is all of them.
    async fn stop(self) -> i64 {
        self.must_stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the broker accepts all") as i64
    }
}
