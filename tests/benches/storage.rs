//! The sealed tier: how fast history comes in, how much room it takes, and how fast it answers.
//!
//! ```text
//! cargo build --release && cargo bench -p isems-tests --bench storage [-- FOLDER]
//! ```
//!
//! `FOLDER` has csvlog files, one a node. Without it 10 simulated nodes of 175,200 minutes each are written first.
//! Figures from a dropped page cache need root; without it they are left out, and that is said.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use isems_core::{
    Batch, BoxError, Buckets, Measurement, MeasurementQuery, NumberField, RedbOptions, RedbRepository, Repository,
    SeriesQuery, simulation::SimulatedNode,
};

const NODES: u32 = 10;
const MINUTES: usize = 175_200;
const MINUTES_A_YEAR: usize = 525_600;
const WEEK: i64 = 604_800;
const DAY: i64 = 86_400;
const FIELDS: [NumberField; 5] = [
    NumberField::BatteryVoltage,
    NumberField::BatteryChargeEstimate,
    NumberField::BatteryTemperature,
    NumberField::MppVoltage,
    NumberField::OpenCircuitVoltage,
];

/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [action, path] if action == "--hold" => hold(path.as_ref()).await,
        // `cargo test --all-targets` runs this program too, without this argument.
        _ if !env::args().any(|argument| argument == "--bench") => Ok(()),
        [] => measure(None).await,
        [folder] => measure(Some(folder.into())).await,
        _ => Err("expected at most one folder".into()),
    }
}

async fn measure(folder: Option<PathBuf>) -> Result<(), BoxError> {
    let server = env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("isems-server");
    if !server.exists() {
        return Err(format!("{} is missing: run cargo build --release first", server.display()).into());
    }
    let temporary = tempfile::tempdir()?;
    let logs = match folder {
        Some(folder) => folder,
        None => write_logs(&temporary.path().join("logs"), NODES, MINUTES)?,
    };
    println!("\n## {}", if logs.starts_with(temporary.path()) { "simulated nodes" } else { "the given logs" });
    let path = temporary.path().join("isems.redb");
    bulk(&server, &logs, &path)?;
    size(&path).await?;
    queries(&path).await?;

    println!("\n## ten node-years");
    let years = temporary.path().join("years.redb");
    let logs = write_logs(&temporary.path().join("years"), NODES, MINUTES_A_YEAR)?;
    bulk(&server, &logs, &years)?;
    fs::remove_dir_all(&logs)?;
    size(&years).await?;
    queries(&years).await?;
    memory(&years)?;

    println!("\n## arrivals that differ: up to a minute late at random, and polled every 15 minutes");
    arrivals(&temporary.path().join("arrivals.redb")).await?;

    println!("\n## storing while weeks are sealed");
    sealing(temporary.path()).await
}

fn write_logs(folder: &Path, nodes: u32, minutes: usize) -> Result<PathBuf, BoxError> {
    fs::create_dir_all(folder)?;
    for index in 0..nodes {
        let node = SimulatedNode::new(1, index, START);
        let mut log = BufWriter::new(File::create(folder.join(format!("{}.log", node.id())))?);
        for measurement in node.take(minutes) {
            writeln!(log, "{measurement}")?;
        }
        log.flush()?;
    }
    Ok(folder.into())
}

/// Imports a folder with the program, and prints its report and the most memory that it took.
fn bulk(server: &Path, logs: &Path, path: &Path) -> Result<(), BoxError> {
    let start = Instant::now();
    let mut child = Command::new(server).env_clear().arg("import").arg(logs).arg("--database-url").arg(path).spawn()?;
    let mut most = 0.0;
    let status = loop {
        most = status_megabytes(&child, "VmHWM:").unwrap_or(most);
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err("the import failed".into());
    }
    println!("  import: {seconds:.2} s from start to end, at most {most:.0} MB resident");
    Ok(())
}

fn status_megabytes(child: &Child, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

/// Prints the bytes a measurement before and after compaction, and where they go.
async fn size(path: &Path) -> Result<(), BoxError> {
    let repository = RedbRepository::open(path)?;
    repository.seal(i64::from(u32::MAX)).await?;
    let statistics = repository.statistics().await?;
    drop(repository);
    let measurements: u64 = statistics.nodes.iter().map(|node| node.measurements).sum();
    let each = |bytes: u64| bytes as f64 / measurements as f64;
    let written = fs::metadata(path)?.len();
    let start = Instant::now();
    let compacted = RedbOptions::default().compact(path)?;
    println!(
        "  {measurements} measurements: {:.2} bytes each as written, {:.2} after compaction ({:.1} s)",
        each(written),
        each(compacted.after),
        start.elapsed().as_secs_f64()
    );
    let mut columns: Vec<_> = statistics.columns.iter().collect();
    columns.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
    for (name, bytes) in &columns {
        println!("    {name}: {:.4}", each(**bytes));
    }
    println!("    all columns: {:.3}", each(columns.iter().map(|(_, bytes)| **bytes).sum()));
    println!("    with headers and keys: {:.3}", each(statistics.nodes.iter().map(|node| node.bytes).sum()));
    Ok(())
}

/// The median of what some runs took, in ms.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn percentile(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

async fn queries(path: &Path) -> Result<(), BoxError> {
    let mut opened = Vec::new();
    for _ in 0..11 {
        let start = Instant::now();
        drop(RedbRepository::open(path)?);
        opened.push(start.elapsed());
    }
    println!("  open and close: {:.2} ms", median(opened));
    println!("  warm: {}", answers(&RedbRepository::open(path)?, 101).await?);
    let mut cold = Vec::new();
    for _ in 0..9 {
        let Some(times) = cold_answers(path).await? else {
            println!("  cold: the page cache cannot be dropped; root can");
            return Ok(());
        };
        cold.push(times);
    }
    let each = |pick: fn(&Answers) -> Duration| median(cold.iter().map(pick).collect());
    println!(
        "  cold: day {:.2} ms, series of a node {:.2} ms, of all nodes {:.2} ms, of a year {:.2} ms",
        each(|answers| answers.day),
        each(|answers| answers.series),
        each(|answers| answers.all_series),
        each(|answers| answers.year),
    );
    let repository = RedbRepository::in_memory()?;
    let nodes = (0..1000).map(|index| SimulatedNode::new(1, index, START).next().expect("it is endless"));
    repository.store(Batch { measurements: nodes.collect(), ..Batch::default() }).await?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        assert_eq!(repository.nodes().await?.len(), 1000);
        times.push(start.elapsed());
    }
    println!("  latest of 1,000 nodes: {:.4} ms", median(times));
    Ok(())
}

/// The duration of each kind of question.
struct Answers {
    latest: Duration,
    day: Duration,
    series: Duration,
    all_series: Duration,
    year: Duration,
}

async fn ask(repository: &RedbRepository, round: usize) -> Result<Answers, BoxError> {
    let start = Instant::now();
    let nodes = repository.nodes().await?;
    let latest = start.elapsed();
    let node = &nodes[round % nodes.len()];
    let days = (node.latest.timestamp - node.first_timestamp) / DAY - 1;
    let from = node.first_timestamp + DAY * (round as i64 * 7919 % days);

    let start = Instant::now();
    let query = MeasurementQuery { from, to: from + DAY, ..MeasurementQuery::oldest_first(node.id.clone()) };
    let raw = repository.measurements(&query).await?;
    let picked: Vec<[Option<f64>; 5]> =
        raw.iter().map(|measurement| FIELDS.map(|field| measurement.number(field))).collect();
    let day = start.elapsed();
    assert_eq!(picked.len(), 1440);

    let series = |node: &isems_core::NodeId, from, to| SeriesQuery {
        node: node.clone(),
        fields: vec![FIELDS[round % FIELDS.len()]],
        from,
        to,
        buckets: Buckets::AtMost(500),
    };
    let start = Instant::now();
    let found = repository.series(&series(&node.id, i64::MIN, i64::MAX)).await?;
    let one_series = start.elapsed();
    let count: u64 = found.fields[0].1.iter().map(|bucket| bucket.count).sum();
    assert_eq!(count, node.measurements);

    let start = Instant::now();
    let queries: Vec<SeriesQuery> = nodes.iter().map(|node| series(&node.id, i64::MIN, i64::MAX)).collect();
    join_all(queries.iter().map(|query| repository.series(query))).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let all_series = start.elapsed();

    let start = Instant::now();
    repository.series(&series(&node.id, node.latest.timestamp - 365 * DAY, i64::MAX)).await?;
    Ok(Answers { latest, day, series: one_series, all_series, year: start.elapsed() })
}

async fn answers(repository: &RedbRepository, rounds: usize) -> Result<String, BoxError> {
    let mut all = Vec::new();
    for round in 0..rounds {
        all.push(ask(repository, round).await?);
    }
    let each = |pick: fn(&Answers) -> Duration| median(all.iter().map(pick).collect());
    Ok(format!(
        "latest {:.4} ms, day {:.2} ms, series of a node {:.2} ms, of all nodes {:.2} ms, of a year {:.2} ms",
        each(|answers| answers.latest),
        each(|answers| answers.day),
        each(|answers| answers.series),
        each(|answers| answers.all_series),
        each(|answers| answers.year),
    ))
}

/// Each question of a repository that was just opened, with nothing of its file in memory. `None`: that takes root.
async fn cold_answers(path: &Path) -> Result<Option<Answers>, BoxError> {
    let mut times = Vec::new();
    for question in 0..4 {
        File::open(path)?.sync_all()?;
        if fs::write("/proc/sys/vm/drop_caches", "1").is_err() {
            return Ok(None);
        }
        let repository = RedbRepository::open(path)?;
        let nodes = repository.nodes().await?;
        let node = &nodes[3];
        let from = node.first_timestamp + 30 * DAY;
        let whole = |node: &isems_core::Node, from| SeriesQuery {
            node: node.id.clone(),
            fields: vec![NumberField::BatteryVoltage],
            from,
            to: i64::MAX,
            buckets: Buckets::AtMost(500),
        };
        let start = Instant::now();
        match question {
            0 => {
                let day = MeasurementQuery { from, to: from + DAY, ..MeasurementQuery::oldest_first(node.id.clone()) };
                repository.measurements(&day).await?;
            }
            1 => drop(repository.series(&whole(node, i64::MIN)).await?),
            2 => {
                let queries: Vec<_> = nodes.iter().map(|node| whole(node, i64::MIN)).collect();
                join_all(queries.iter().map(|query| repository.series(query))).await;
            }
            _ => drop(repository.series(&whole(node, node.latest.timestamp - 365 * DAY)).await?),
        }
        times.push(start.elapsed());
    }
    Ok(Some(Answers { latest: Duration::ZERO, day: times[0], series: times[1], all_series: times[2], year: times[3] }))
}

/// A process that opens a file, and asks for a year of the next node at each line of its input.
async fn hold(path: &Path) -> Result<(), BoxError> {
    let repository = RedbRepository::open(path)?;
    let nodes = repository.nodes().await?;
    println!("open");
    for (node, line) in nodes.iter().cycle().zip(std::io::stdin().lock().lines()) {
        line?;
        let year = SeriesQuery {
            node: node.id.clone(),
            fields: vec![NumberField::BatteryVoltage],
            from: node.latest.timestamp - 365 * DAY,
            to: i64::MAX,
            buckets: Buckets::AtMost(500),
        };
        repository.series(&year).await?;
        println!("answered");
    }
    Ok(())
}

/// Prints what a process takes that has a file open, before and after it is asked.
fn memory(path: &Path) -> Result<(), BoxError> {
    let mut child = Command::new(env::current_exe()?)
        .arg("--hold")
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
    let mut input = child.stdin.take().ok_or("no input")?;
    let mut line = String::new();
    output.read_line(&mut line)?;
    let resident = |child: &Child, name| status_megabytes(child, name).unwrap_or(f64::NAN);
    let idle = resident(&child, "VmRSS:");
    for _ in 0..20 {
        writeln!(input)?;
        output.read_line(&mut line)?;
    }
    println!(
        "  resident: {idle:.1} MB idle, at most {:.1} MB while a year is queried, {:.1} MB afterwards",
        resident(&child, "VmHWM:"),
        resident(&child, "VmRSS:")
    );
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest)?;
    child.wait()?;
    Ok(())
}

/// Four weeks of ten nodes that arrive as they would over MQTT and by polling.
async fn arrivals(path: &Path) -> Result<(), BoxError> {
    for polled in [false, true] {
        let repository = RedbRepository::open(path)?;
        for index in 0..NODES {
            let mut random = fastrand::Rng::with_seed(index.into());
            let late = |measurement: Measurement| Measurement {
                received_at: if polled {
                    (measurement.timestamp / 900 + 1) * 900 + 7
                } else {
                    measurement.timestamp + random.i64(0..60)
                },
                ..measurement
            };
            let measurements = SimulatedNode::new(1, index, START).take(4 * 7 * 1440).map(late).collect();
            repository.import(Batch { measurements, ..Batch::default() }).await?;
        }
        let statistics = repository.statistics().await?;
        let measurements: u64 = statistics.nodes.iter().map(|node| node.measurements).sum();
        let each = |bytes: u64| bytes as f64 / measurements as f64;
        println!(
            "  {}: {:.3} bytes a measurement in columns, of which arrival {:.3}",
            if polled { "polled" } else { "at random" },
            each(statistics.columns.values().sum()),
            each(statistics.columns["receivedAt"])
        );
        drop(repository);
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Prints how long stores wait while nothing else happens, and while weeks are sealed one after the other.
async fn sealing(folder: &Path) -> Result<(), BoxError> {
    let repository = Arc::new(RedbRepository::open(folder.join("sealing.redb"))?);
    let quiet = stores(&repository, Arc::new(AtomicBool::new(true)), 0).await?;
    let now = START + 60 * WEEK;
    for index in 0..NODES {
        let mut node = SimulatedNode::new(2, index, now - 5 * WEEK);
        for _ in 0..5 {
            let measurements = node.by_ref().take(7 * 1440).collect();
            repository.store(Batch { measurements, ..Batch::default() }).await?;
        }
    }
    let goes_on = Arc::new(AtomicBool::new(true));
    let task = tokio::spawn({
        let (repository, goes_on) = (repository.clone(), goes_on.clone());
        async move {
            let start = Instant::now();
            let sealed = repository.seal(now).await?;
            goes_on.store(false, Ordering::Relaxed);
            Ok::<_, isems_core::RepositoryError>((sealed, start.elapsed()))
        }
    });
    let busy = stores(&repository, goes_on, 1).await?;
    let (sealed, took) = task.await??;
    println!(
        "  {} measurements in {} blocks sealed in {:.2} s",
        sealed.measurements,
        sealed.blocks,
        took.as_secs_f64()
    );
    for (name, times) in [("without", quiet), ("while", busy)] {
        println!(
            "  {} stores {name} sealing: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
            times.len(),
            percentile(&times, 50),
            percentile(&times, 99),
            percentile(&times, 100)
        );
    }
    Ok(())
}

/// Ten tasks that store one measurement after the other: for two seconds, or as long as something goes on.
async fn stores(
    repository: &Arc<RedbRepository>,
    is_sealing: Arc<AtomicBool>,
    round: u32,
) -> Result<Vec<Duration>, BoxError> {
    let is_quiet = round == 0;
    let tasks = (0..NODES).map(|index| {
        let (repository, is_sealing) = (repository.clone(), is_sealing.clone());
        tokio::spawn(async move {
            let begin = Instant::now();
            let mut times = Vec::new();
            for measurement in SimulatedNode::new(3, 100 + 100 * round + index, START + 61 * WEEK) {
                let start = Instant::now();
                repository.store(Batch { measurements: vec![measurement], ..Batch::default() }).await?;
                times.push(start.elapsed());
                if !is_sealing.load(Ordering::Relaxed) || is_quiet && begin.elapsed() > Duration::from_secs(2) {
                    break;
                }
            }
            Ok::<_, isems_core::RepositoryError>(times)
        })
    });
    let mut all = Vec::new();
    for times in join_all(tasks).await {
        all.extend(times??);
    }
    all.sort();
    Ok(all)
}
