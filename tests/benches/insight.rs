//! The cost of assessments: from a cold start, of one refresh, and in memory.
//!
//! `cargo bench -p isems-tests --bench insight -- [NODES [DAYS]]`
//!
//! A file of simulated nodes with a month of history is watched from a cold start; then new lines arrive.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use isems_core::{
    Batch, BoxError, Collector, Inbox, Measurement, RedbOptions, RedbRepository, Repository, Transport, async_trait,
    simulation::{TrueMesh, TrueMeshOptions},
};
use isems_insight::{WatchedCollector, WatcherOptions, assess_all};
use tokio::sync::oneshot;

const DAY: i64 = 86_400;
/// 2025-03-01, UTC.
const START: i64 = 1_740_787_200;

/// A transport that hands out its inbox, and goes on.
struct Handing(Option<oneshot::Sender<Inbox>>);

#[async_trait]
impl Transport for Handing {
    fn name(&self) -> &'static str {
        "bench"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        if let Some(sender) = self.0.take() {
            drop(sender.send(inbox.clone()));
        }
        std::future::pending().await
    }
}

fn main() -> Result<(), BoxError> {
    let arguments: Vec<i64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let nodes = arguments.first().copied().unwrap_or(100);
    let days = arguments.get(1).copied().unwrap_or(30);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(nodes, days))
}

async fn run(nodes: i64, days: i64) -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("isems.redb");
    let end = START + days * DAY;
    let mut mesh = TrueMesh::new(TrueMeshOptions {
        seed: 101,
        nodes: nodes as u32,
        place: (52.5, 13.4),
        start: START,
        end: end + DAY,
        has_events: true,
    });
    {
        let repository = RedbRepository::open(&path)?;
        for day in 1..=days {
            let measurements = mesh.advance(START + day * DAY);
            repository.store(Batch { measurements, ..Batch::default() }).await?;
        }
        // As a server does in the background: all weeks but the one that goes on.
        repository.seal(end).await?;
    }
    RedbOptions::default().compact(&path)?;
    let repository: Arc<dyn Repository> = Arc::new(RedbRepository::open(&path)?);
    println!("{nodes} nodes with {days} days of history");

    let began = Instant::now();
    let count = assess_all(&*repository, end).await?.len();
    println!("assess_all, reading included: {} nodes in {:.2} s", count, began.elapsed().as_secs_f64());

    let now = Arc::new(Mutex::new(end));
    let clock = now.clone();
    let clock = Arc::new(move || *clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let (sender, inbox) = oneshot::channel();
    let collector = Collector::new(repository).transport(Handing(Some(sender)))?;
    let collector = WatchedCollector::with_options(collector, WatcherOptions { clock, ..WatcherOptions::default() });
    let watcher = collector.watcher();
    let before = resident();
    let began = Instant::now();
    while watcher.assessments().len() < count {
        watcher.refresh().await?;
    }
    println!("cold start of the watcher: {:.2} s", began.elapsed().as_secs_f64());
    println!("memory: {:.1} MB more", (resident() - before) / 1e6);

    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(collector.run(async { drop(stopped.await) }));
    let inbox = inbox.await?;
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for minute in 1..30 {
        let at = end + minute * 60;
        let arrived: Vec<Measurement> = mesh.advance(at);
        *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = at;
        inbox.deliver_measurements("bench", arrived.iter().take(1).cloned().collect()).await?;
        one.push(refresh(&watcher).await?);
        inbox.deliver_measurements("bench", arrived).await?;
        all.push(refresh(&watcher).await?);
    }
    println!("refresh after a line of one node: {:.1} ms (median)", median(&mut one));
    println!("refresh after lines of all nodes: {:.1} ms (median)", median(&mut all));
    drop(stop);
    running.await?;
    Ok(())
}

async fn refresh(watcher: &isems_insight::Watcher) -> Result<Duration, BoxError> {
    let began = Instant::now();
    watcher.refresh().await?;
    Ok(began.elapsed())
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

/// The resident memory of this process, bytes; 0 where there is no /proc.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0
}
