//! A real server under everyday load for as long as one likes: nodes that come and go at a broker, and clients that ask
//! for measurements.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use isems_core::{RedbRepository, Repository};
use tokio::{task::JoinSet, time};

use crate::programs::{Api, Mosquitto, Publisher, Resources, Server};

/// The number of nodes at a time.
const PUBLISHERS: u32 = 10;

/// The number of nodes that take turns in each place.
const NODES_A_PUBLISHER: usize = 10;

/// The time for which a node stays.
const STAY: Duration = Duration::from_secs(3);

/// The number of lines that a node brings along, so that the answers about it have their size from the start.
const HISTORY: i64 = 1440;

/// The number of lines in a message, of which one is new.
const LINES: i64 = 5;

const CLIENTS: usize = 4;

/// The retention.
const RETENTION: &str = "2w";
const RETENTION_SECONDS: i64 = 14 * 86_400;

/// When the nodes begin to measure.
const START: i64 = 1_700_000_000;

/// When memory should have settled.
const WARM_UP: Duration = Duration::from_mins(5);

/// The pause of a client between two requests.
const PAUSE: Duration = Duration::from_millis(100);

/// The time for which resources are watched to find the most that is in use.
const WATCH: Duration = Duration::from_secs(5);

/// The longest that connections may take to be closed in the end.
const DEADLINE: Duration = Duration::from_mins(1);

/// The figures of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: u64,
    /// The number of weeks of nodes that are sealed in the end.
    pub(crate) sealed: u64,
    /// The number of measurements that the retention has removed.
    pub(crate) removed: u64,
    pub(crate) requests: u64,
    /// After five minutes, or a third of the time if that is less.
    pub(crate) warm: Resources,
    /// At the end, still under load.
    pub(crate) end: Resources,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, sealed, removed, requests, warm, end } = self;
        let megabytes = |resources: &Resources| resources.resident_bytes as f64 / 1e6;
        write!(
            formatter,
            "{messages} messages stored exactly, {sealed} weeks of nodes sealed, {removed} measurements removed by retention, \
             {requests} requests answered; resident {:.1} MB after the warm-up and \
             {:.1} MB in the end, descriptors {} and {}",
            megabytes(warm),
            megabytes(end),
            warm.descriptors,
            end.descriptors
        )
    }
}

/// Runs a server for some time under some messages a second.
///
/// # Panics
/// When a measurement is missing in the end or is there more often, when one was rejected, when a client is not
/// answered, or when the server keeps more descriptors open than before the clients came.
pub(crate) async fn run(duration: Duration, messages_a_second: u32) -> Outcome {
    let broker = Mosquitto::start("");
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("127.0.0.1:{}", broker.port());
    // The nodes' time passes so quickly that weeks are sealed and removed; no real node has so much to say.
    let settings =
        [("MQTT_SERVER", &*address), ("ISEMS_RETENTION", RETENTION), ("ISEMS_LINES_PER_MINUTE_AND_NODE", "0")];
    let mut server = Server::start(folder.path(), &settings);
    server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;
    let idle = server.resources();

    let must_stop = Arc::new(AtomicBool::new(false));
    let mut publishers = JoinSet::new();
    for place in 0..PUBLISHERS {
        let pause = Duration::from_secs(1) * PUBLISHERS / messages_a_second;
        publishers.spawn(come_and_go(broker.port(), place, pause, must_stop.clone()));
    }
    server.until_transport("mqtt", |status| status["stored"].as_u64() > Some(0)).await;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask(server.api(), must_stop.clone()));
    }
    let warm_up = (duration / 3).min(WARM_UP);
    time::sleep(warm_up).await;
    let warm = most(&server).await;
    time::sleep(duration.saturating_sub(warm_up + 2 * WATCH)).await;
    let end = most(&server).await;
    must_stop.store(true, Ordering::Relaxed);
    let requests = clients.join_all().await.into_iter().sum();
    let published: Vec<_> = publishers.join_all().await;

    let nodes: BTreeMap<_, _> = published.into_iter().flatten().collect();
    let received = nodes.values().map(|node| node.lines).sum::<i64>();
    let expected: BTreeMap<_, _> = nodes.iter().map(|(id, node)| (id.clone(), node.measurements as u64)).collect();
    let status = server.until_transport("mqtt", |status| status["received"] == received).await;
    assert_eq!(status["stored"].as_u64(), Some(expected.values().sum()), "{status}");
    assert_eq!(status["rejected"].as_array().map(Vec::len), Some(0), "{status}");
    let closed = async {
        while server.resources().descriptors > idle.descriptors {
            time::sleep(PAUSE).await;
        }
    };
    let outcome = time::timeout(DEADLINE, closed).await;
    outcome.unwrap_or_else(|_| panic!("{:?} in the end, {idle:?} before", server.resources()));
    server.kill();
    let repository = RedbRepository::open(folder.path().join("isems.redb")).expect("it opens");
    let kept: Vec<_> = repository.nodes().await.expect("it can be read");
    let newest = kept.iter().map(|node| node.latest.timestamp).max().expect("there are nodes");
    assert_eq!(kept.len(), expected.len());
    for node in &kept {
        // What the retention has left is the newest without a gap, and at least what it allows.
        let minutes = (node.latest.timestamp - node.first_timestamp) / 60 + 1;
        assert_eq!((node.measurements as i64, node.latest.timestamp), (minutes, last_time(expected[node.id.as_str()])));
        assert!(node.first_timestamp <= (newest - RETENTION_SECONDS).max(START), "{} is kept too little", node.id);
    }
    let checked = repository.check().await.expect("it can be read");
    assert_eq!(checked.damages, []);
    let sealed = checked.blocks;
    let removed = expected.values().sum::<u64>() - checked.measurements;
    Outcome { messages: nodes.values().map(|node| node.messages).sum(), sealed, removed, requests, warm, end }
}

fn last_time(measurements: u64) -> i64 {
    START + 60 * (measurements as i64 - 1)
}

/// The messages that a node has published.
#[derive(Debug, Default)]
struct Published {
    messages: u64,
    lines: i64,
    /// Without those that were published more than once.
    measurements: i64,
}

impl Published {
    /// The next message of a node: its history, and later its newest lines.
    fn next(&mut self, node: &str) -> String {
        let (first, end) =
            if self.messages == 0 { (0, HISTORY) } else { (self.measurements + 1 - LINES, self.measurements + 1) };
        self.messages += 1;
        self.lines += end - first;
        self.measurements = end;
        (first..end).map(|number| line(node, number)).collect()
    }
}

/// Connects as one node after another, and tells what each of them has published.
async fn come_and_go(
    port: u16,
    place: u32,
    pause: Duration,
    must_stop: Arc<AtomicBool>,
) -> BTreeMap<String, Published> {
    let mut nodes = BTreeMap::new();
    for visit in 0.. {
        let node = format!("node-{place}-{}", visit % NODES_A_PUBLISHER);
        let published: &mut Published = nodes.entry(node.clone()).or_default();
        let mut client = Publisher::connect(port);
        let mut ticks = time::interval(pause);
        let leaves = time::Instant::now() + STAY;
        while time::Instant::now() < leaves {
            ticks.tick().await;
            client.publish(&format!("/isems/{node}/csvlog"), published.next(&node)).await;
        }
        client.finish().await;
        if must_stop.load(Ordering::Relaxed) {
            break;
        }
    }
    nodes
}

/// The line of a node in a minute.
fn line(node: &str, number: i64) -> String {
    let time = START + 60 * number;
    format!("{node};1;{time};v1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n")
}

/// Asks for the newest measurement of every node, and for those of a node. How many requests that were.
async fn ask(api: Api, must_stop: Arc<AtomicBool>) -> u64 {
    let mut requests = 0;
    while !must_stop.load(Ordering::Relaxed) {
        let latest = api.get("/measurements/latest?all=true").await.expect("an answer");
        let measurements = latest["measurements"].as_array().expect("measurements");
        let node = fastrand::choice(measurements).expect("a node")["nodeId"].as_str().expect("a name");
        let day = api.get(&format!("/measurements/{node}/latest")).await.expect("an answer");
        assert!(day["measurements"].as_array().is_some_and(|measurements| !measurements.is_empty()), "{day}");
        requests += 2;
        time::sleep(PAUSE).await;
    }
    requests
}

/// The most that is in use in some seconds.
async fn most(server: &Server) -> Resources {
    let mut most = server.resources();
    let until = time::Instant::now() + WATCH;
    while time::Instant::now() < until {
        time::sleep(PAUSE).await;
        let Resources { resident_bytes, descriptors, .. } = server.resources();
        most.resident_bytes = most.resident_bytes.max(resident_bytes);
        most.descriptors = most.descriptors.max(descriptors);
    }
    most
}
