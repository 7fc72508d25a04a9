//! Measures what clients of the HTTP service get over a year of 100 nodes, while nothing comes in and while 2,000
//! messages a second do, through Mosquitto at QoS 1, each with one new line; and whether all of these are stored. Needs
//! mosquitto, wrk, and Linux.
//!
//! ```text
//! cargo bench -p isems-tests --bench load [-- SECONDS_OF_EACH_REQUEST]
//! ```

mod clients;
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../integration/programs/mod.rs"]
mod programs;

use std::{
    env,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use isems_core::{
    Batch, BoxError, RedbRepository, Repository,
    simulation::{SimulatedNode, node_name},
    unix_now,
};
use tokio::{
    task::{self, JoinSet},
    time,
};

use self::{
    clients::{latency, wrk},
    programs::{Mosquitto, Publisher, Server},
};

const PUBLISHERS: u32 = 10;
const NODES_A_PUBLISHER: u32 = 10;
const NODES: u32 = PUBLISHERS * NODES_A_PUBLISHER;

const MINUTES_A_YEAR: usize = 525_600;

/// The newest of the history, which is not sealed yet.
const MINUTES_A_WEEK: usize = 10_080;
const WEEKS_AT_ONCE: usize = 13;

/// The age of the history's end: as many seconds of the nodes' time may pass meanwhile.
const AGE: i64 = 2 * 86_400;

/// The pause of a publisher between two messages, so that all of them together send 2,000 a second.
const PAUSE: Duration = Duration::from_millis(5);

/// The number of requests that one client makes.
const REQUESTS: usize = 200;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program too, without this argument.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(10);
    let folder = tempfile::tempdir()?;
    let end = unix_now() - AGE;
    let start = Instant::now();
    let bytes = fill(&folder.path().join("isems.redb"), end).await?;
    println!(
        "{} measurements of {NODES} nodes, filled in {:.0} s; the file has {:.0} MB",
        MINUTES_A_YEAR * NODES as usize,
        start.elapsed().as_secs_f64(),
        bytes as f64 / 1e6
    );

    let broker = Mosquitto::start("");
    let address = format!("127.0.0.1:{}", broker.port());
    let settings = [("MQTT_SERVER", &*address), ("ISEMS_LINES_PER_MINUTE_AND_NODE", "0")];
    let mut server = Server::start(folder.path(), &settings);
    server.until_transport("mqtt", |status| status["sources"][0]["up"] == true).await;

    println!("\nnothing comes in:");
    ask_all(&server, end, seconds).await?;

    println!("\n2,000 messages a second come in:");
    let must_stop = Arc::new(AtomicBool::new(false));
    let mut publishers = JoinSet::new();
    for place in 0..PUBLISHERS {
        publishers.spawn(publish(broker.port(), place, end, must_stop.clone()));
    }
    let began = Instant::now();
    ask_all(&server, end, seconds).await?;
    must_stop.store(true, Ordering::Relaxed);
    let published: u64 = publishers.join_all().await.into_iter().sum();
    let ended = Instant::now();
    let status = server.until_transport("mqtt", |status| status["received"] == published).await;
    assert_eq!(status["stored"], published, "{status}");
    println!(
        "  {published} messages came in, {:.0} a second, all stored {} ms after the last one",
        published as f64 / (ended - began).as_secs_f64(),
        ended.elapsed().as_millis()
    );
    Ok(())
}

/// A year of every node, the last week of which is not sealed. How large the file is then.
async fn fill(path: &Path, end: i64) -> Result<u64, BoxError> {
    let repository = RedbRepository::open(path)?;
    for index in 0..NODES {
        let mut node = SimulatedNode::new(1, index, end - 60 * MINUTES_A_YEAR as i64);
        let mut left = MINUTES_A_YEAR - MINUTES_A_WEEK;
        while left > 0 {
            let measurements: Vec<_> = node.by_ref().take(left.min(WEEKS_AT_ONCE * MINUTES_A_WEEK)).collect();
            left -= measurements.len();
            repository.import(Batch { measurements, ..Batch::default() }).await?;
        }
        let measurements = node.take(MINUTES_A_WEEK).collect();
        repository.store(Batch { measurements, ..Batch::default() }).await?;
    }
    Ok(repository.file_bytes().unwrap_or_default())
}

/// Asks for everything, for some seconds each.
async fn ask_all(server: &Server, end: i64, seconds: u64) -> Result<(), BoxError> {
    let address = server.api().0;
    let node = format!("/api/v1/nodes/{}", node_name(0));
    let (day, month, year) = (end - 86_400, end - 30 * 86_400, end - 365 * 86_400);
    let targets = [
        ("newest of every node", "/measurements/latest?all=true".to_owned(), 0),
        ("nodes", "/api/v1/nodes".into(), 0),
        (
            "a year of a node, 500 points, a field",
            format!("{node}/series?from={year}&points=500&fields=batteryVoltage"),
            0,
        ),
        ("a year of a node, 500 points, three fields", format!("{node}/series?from={year}&points=500"), 0),
        ("24 h of a node, JSON", format!("{node}/measurements?from={day}&to={end}&limit=1440"), 1440),
        ("30 days of a node, CSV", format!("{node}/measurements?from={month}&to={end}&format=csv"), 30 * 1440),
    ];
    for (name, path, rows) in targets {
        let asked = ask(address, path, rows, seconds).await?;
        println!("  {name}: {asked}; resident {:.1} MB", server.resources().resident_bytes as f64 / 1e6);
    }
    Ok(())
}

/// One client, then 32.
async fn ask(address: SocketAddr, path: String, rows: u32, seconds: u64) -> Result<String, BoxError> {
    task::spawn_blocking(move || {
        let (bytes, p50, p99) = latency(address, &path, REQUESTS)?;
        let one = format!("{bytes} bytes; one client: p50 {p50:.2} ms, p99 {p99:.2} ms");
        let (each_second, p50, p99) = wrk(address, &path, seconds)?;
        let many = format!("32 clients: {each_second:.0} requests/s, p50 {p50}, p99 {p99}");
        Ok(if rows > 0 {
            format!("{one}; {many}, {:.0} rows/s", each_second * f64::from(rows))
        } else {
            format!("{one}; {many}")
        })
    })
    .await?
}

/// Publishes newer and newer lines of a publisher's nodes in turn until it must stop. How many that were.
async fn publish(port: u16, place: u32, end: i64, must_stop: Arc<AtomicBool>) -> u64 {
    let mut publisher = Publisher::connect(port);
    let mut ticks = time::interval(PAUSE);
    for second in 0.. {
        for place in place * NODES_A_PUBLISHER..(place + 1) * NODES_A_PUBLISHER {
            if must_stop.load(Ordering::Relaxed) {
                return publisher.finish().await;
            }
            ticks.tick().await;
            let node = node_name(place);
            let line = format!(
                "{node};1;{};v1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;13.458635;300\n",
                end + second
            );
            publisher.publish(&format!("/isems/{node}/csvlog"), line).await;
        }
    }
    unreachable!("it goes on until it must stop")
}
