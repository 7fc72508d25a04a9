//! Raw history of a node: 24 h, 1,440 measurements, with all columns and with five, as JSON, JSON lines and CSV of a
//! server process, and of the repository by itself; from a sealed week, and from one that is not sealed yet.
//!
//! ```text
//! cargo bench -p isems-tests --bench history
//! ```

#[expect(dead_code, reason = "other benches use more of it")]
mod clients;
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../integration/programs/mod.rs"]
mod programs;

use std::{env, path::Path, time::Instant};

use isems_core::{
    Batch, BoxError, Field, FieldSet, MeasurementQuery, NumberField, RedbRepository, Repository,
    simulation::{SimulatedNode, node_name},
    unix_now,
};
use tokio::task;

use self::{clients::latency, programs::Server};

const NODES: u32 = 10;
const DAY: i64 = 86_400;
const MINUTES_A_WEEK: usize = 10_080;

/// The whole weeks of a node. The last one is not sealed yet.
const WEEKS: usize = 5;

/// The number of times that each question is asked.
const ROUNDS: usize = 300;

const FIVE: [Field; 5] = [
    Field::Timestamp,
    Field::Number(NumberField::BatteryVoltage),
    Field::Number(NumberField::BatteryChargeEstimate),
    Field::Number(NumberField::BatteryTemperature),
    Field::Number(NumberField::MppVoltage),
];

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // `cargo test --all-targets` runs this program too, without this argument.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("isems.redb");
    let end = unix_now() - DAY;
    fill(&path, end).await?;
    let days = [("sealed", end - 20 * DAY), ("not sealed yet", end - 2 * DAY)];

    let repository = RedbRepository::open(&path)?;
    println!("the repository by itself, p50:");
    for (name, from) in days {
        let all = read(&repository, from, FieldSet::ALL).await?;
        let five = read(&repository, from, FIVE.into_iter().collect()).await?;
        println!("  {name}: all columns {all:.3} ms, five {five:.3} ms ({:.2} of it)", five / all);
    }
    drop(repository);

    let mut server = Server::start(folder.path(), &[]);
    server.until("/healthz", |_| true).await;
    let address = server.api().0;
    println!("over HTTP, one client, p50:");
    for (name, from) in days {
        for format in ["json", "ndjson", "csv"] {
            let node = node_name(3);
            let whole =
                format!("/api/v1/nodes/{node}/measurements?from={from}&to={}&limit=1440&format={format}", from + DAY);
            let five = format!("{whole}&fields={}", FIVE.map(Field::name).join(","));
            let asked = task::spawn_blocking(move || {
                Ok::<_, BoxError>((latency(address, &whole, ROUNDS)?, latency(address, &five, ROUNDS)?))
            });
            let ((bytes, all, _), (five_bytes, five, _)) = asked.await??;
            println!(
                "  {name}, {format}: all columns {all:.2} ms, {bytes} bytes; five {five:.2} ms, {five_bytes} bytes ({:.2} of \
                 the time, {:.2} of the bytes)",
                five / all,
                five_bytes as f64 / bytes as f64
            );
        }
    }
    Ok(())
}

/// Some weeks of every node. The last one stays as rows.
async fn fill(path: &Path, end: i64) -> Result<(), BoxError> {
    let repository = RedbRepository::open(path)?;
    for index in 0..NODES {
        let mut node = SimulatedNode::new(1, index, end - 60 * (WEEKS * MINUTES_A_WEEK) as i64);
        let measurements = node.by_ref().take((WEEKS - 1) * MINUTES_A_WEEK).collect();
        repository.import(Batch { measurements, ..Batch::default() }).await?;
        let measurements = node.take(MINUTES_A_WEEK).collect();
        repository.store(Batch { measurements, ..Batch::default() }).await?;
    }
    Ok(())
}

/// The median of the milliseconds that some columns of a day take.
async fn read(repository: &RedbRepository, from: i64, fields: FieldSet) -> Result<f64, BoxError> {
    let node = node_name(3).parse()?;
    let query = MeasurementQuery { from, to: from + DAY, fields, ..MeasurementQuery::oldest_first(node) };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        assert_eq!(repository.measurements(&query).await?.len(), 1440);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
