//! The HTTP service of a real `isems-server` process over files of 366,000 and 2 million measurements of 100 nodes:
//! start to ready, latency at one client, requests a second at 32 clients (with wrk), and memory.
//!
//! `cargo build --release && cargo bench -p isems-tests --bench api`

mod clients;
mod running;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use isems_core::{Batch, BoxError, RedbRepository, Repository, simulation::SimulatedNode, unix_now};

use self::{
    clients::{latency, wrk},
    running::{Running, program},
};

const NODES: u32 = 100;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = program()?;
    let folder = tempfile::tempdir()?;
    for minutes in [3_660, 20_000] {
        let path = folder.path().join(format!("{minutes}.redb"));
        let start = Instant::now();
        fill(&path, minutes).await?;
        let measurements = minutes * NODES as usize;
        let seconds = start.elapsed().as_secs_f64();
        println!("\n{measurements} measurements of {NODES} nodes, filled in {seconds:.1} s,");
        println!("  {:.0} bytes a measurement in the file", fs::metadata(&path)?.len() as f64 / measurements as f64);
        let start = Instant::now();
        let running = Running::start(&server, &path)?;
        println!("  start to ready: {:.0} ms", until_ready(running.address, start).as_secs_f64() * 1e3);
        for (name, target) in [
            ("/measurements/latest", "/measurements/latest?all=true"),
            ("/measurements/NODE/latest", "/measurements/Elektra-Dach/latest"),
        ] {
            let (bytes, p50, p99) = latency(running.address, target, 1000)?;
            println!("  {name}: {bytes} bytes; one client: p50 {p50:.2} ms, p99 {p99:.2} ms");
            println!("  resident memory after these: {:.1} MB", running.resident_megabytes()?);
            let (each_second, p50, p99) = wrk(running.address, target, 8)?;
            println!("  {name}: 32 clients: {each_second} requests/s, p50 {p50}, p99 {p99}");
            println!("  resident memory after these: {:.1} MB", running.resident_megabytes()?);
        }
        thread::sleep(Duration::from_secs(2));
        println!("  resident memory two seconds later: {:.1} MB", running.resident_megabytes()?);
    }
    Ok(())
}

async fn fill(path: &Path, minutes: usize) -> Result<(), BoxError> {
    let repository = RedbRepository::open(path)?;
    let start = unix_now() - 60 * minutes as i64;
    for index in 0..NODES {
        let mut node = SimulatedNode::new(1, index, start);
        let mut left = minutes;
        while left > 0 {
            let measurements: Vec<_> = node.by_ref().take(left.min(10_000)).collect();
            left -= measurements.len();
            repository.store(Batch { measurements, ..Batch::default() }).await?;
        }
    }
    Ok(())
}

/// Waits until a server that has just been started is ready, and returns how long that took.
fn until_ready(address: SocketAddr, start: Instant) -> Duration {
    while get(address, "/readyz").is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

fn get(address: SocketAddr, path: &str) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(())
}
