//! Measures the cost of subscribers of live events to a server: its memory, and whether it stores as before. 2,000
//! messages a second of 100 nodes come through Mosquitto, each with one new line; without subscribers, with 1,000 that
//! follow a node each, and with some that follow all. Needs mosquitto, Linux, and 2,200 file descriptors (`ulimit -n`).
//!
//! ```text
//! cargo bench -p isems-tests --bench live [-- SECONDS [SUBSCRIBERS_OF_ALL]...]
//! ```

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../integration/programs/mod.rs"]
mod programs;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{io::AsyncReadExt, net::TcpStream, task::JoinSet, time};

use self::programs::{Mosquitto, Publisher, Server};

const PUBLISHERS: u64 = 10;
const NODES_A_PUBLISHER: u64 = 10;
const NODES: u64 = PUBLISHERS * NODES_A_PUBLISHER;

/// The pause of a publisher between two messages, so that all of them together send 2,000 a second.
const PAUSE: Duration = Duration::from_millis(5);

/// The number of subscribers that follow a node.
const SUBSCRIBERS_OF_NODES: u64 = 1000;

/// The longest that storing, and what subscribers are owed, may take after the last message.
const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program too, without this argument.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<u64>().ok());
    let seconds = numbers.next().unwrap_or(20);
    let mut of_all: Vec<u64> = numbers.collect();
    if of_all.is_empty() {
        of_all = vec![10, 100];
    }
    measure(seconds, "nobody follows", 0, NODES, |_| String::new()).await;
    let of_node = |number| format!("/api/v1/live?nodes={}", node(number % NODES));
    measure(seconds, "each follows a node", SUBSCRIBERS_OF_NODES, 1, of_node).await;
    for count in of_all {
        measure(seconds, "each follows all", count, NODES, |_| "/api/v1/live".into()).await;
    }
}

/// Each of the subscribers follows some nodes, at a path.
async fn measure(seconds: u64, name: &str, subscribers: u64, nodes: u64, path: impl Fn(u64) -> String) {
    let broker = Mosquitto::start("");
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("127.0.0.1:{}", broker.port());
    let settings =
        [("MQTT_SERVER", &*address), ("ISEMS_LINES_PER_MINUTE_AND_NODE", "0"), ("ISEMS_MAX_CONNECTIONS", "2100")];
    let mut server = Server::start(folder.path(), &settings);
    server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;

    let mut followers = JoinSet::new();
    let seen: Vec<Arc<AtomicU64>> = (0..subscribers).map(|_| Arc::default()).collect();
    for (number, seen) in (0..).zip(&seen) {
        let stream = server.api().ask(&path(number)).await.expect("the server is there");
        // It is subscribed when its answer begins.
        stream.readable().await.expect("the server answers");
        followers.spawn(count(stream, seen.clone()));
    }

    let messages = seconds * 1000 / PAUSE.as_millis() as u64;
    let mut publishers = JoinSet::new();
    for place in 0..PUBLISHERS {
        publishers.spawn(publish(broker.port(), place, messages));
    }
    let mut most = 0;
    let mut ticks = time::interval(Duration::from_millis(100));
    while !publishers.is_empty() {
        ticks.tick().await;
        most = most.max(server.resources().resident_bytes);
        while let Some(published) = publishers.try_join_next() {
            published.expect("a publisher does not fail");
        }
    }
    let ended = time::Instant::now();
    let total = messages * PUBLISHERS;
    let status = server.until_transport("mqtt", |status| status["received"] == total).await;
    let stored_after = ended.elapsed();
    assert_eq!(status["stored"], total, "{status}");

    let owed = total / NODES * nodes;
    let got = || seen.iter().filter(|seen| seen.load(Ordering::Relaxed) >= owed).count();
    while got() < seen.len() && ended.elapsed() < DEADLINE {
        time::sleep(Duration::from_millis(10)).await;
    }
    let told_after = ended.elapsed();
    most = most.max(server.resources().resident_bytes);
    println!(
        "{name}, {subscribers} subscribers: {total} messages in {seconds} s, all stored {} ms after the last one; \
         {} of the subscribers got all {owed} events, {} ms after the last message; resident at most {:.1} MB",
        stored_after.as_millis(),
        got(),
        told_after.as_millis(),
        most as f64 / 1e6
    );
}

fn node(number: u64) -> String {
    format!("node-{number}")
}

/// Publishes the messages of a publisher's nodes in turn.
async fn publish(port: u16, place: u64, messages: u64) {
    let mut publisher = Publisher::connect(port);
    let mut ticks = time::interval(PAUSE);
    for message in 0..messages {
        ticks.tick().await;
        let node = node(place * NODES_A_PUBLISHER + message % NODES_A_PUBLISHER);
        let time = 1_700_000_000 + message / NODES_A_PUBLISHER;
        let line = format!(
            "{node};1;{time};ESP_2.0;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n"
        );
        publisher.publish(&format!("/isems/{node}/csvlog"), line).await;
    }
    publisher.finish().await;
}

/// Counts the events of a stream, each of which is one JSON object without others in it.
async fn count(mut stream: TcpStream, seen: Arc<AtomicU64>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let objects = buffer[..length].split(|byte| *byte == b'{').count() - 1;
        seen.fetch_add(objects as u64, Ordering::Relaxed);
    }
}
