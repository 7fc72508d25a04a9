//! The HTTP service of a real `isems-server` process over files of 366,000 and 2 million measurements of 100 nodes:
//! start to ready, latency at one client, requests a second at 32 clients (with wrk), and memory.
//!
//! `cargo build --release && cargo bench -p isems-tests --bench api`

mod clients;

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use isems_core::{Batch, BoxError, RedbRepository, Repository, simulation::SimulatedNode, unix_now};

use self::clients::{latency, wrk};

const NODES: u32 = 100;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("isems-server");
    if !server.exists() {
        return Err(format!("{} is missing: run cargo build --release first", server.display()).into());
    }
    let folder = tempfile::tempdir()?;
    for minutes in [3_660, 20_000] {
        let path = folder.path().join(format!("{minutes}.redb"));
        let start = Instant::now();
        fill(&path, minutes).await?;
        let measurements = minutes * NODES as usize;
        let seconds = start.elapsed().as_secs_f64();
        println!("\n{measurements} measurements of {NODES} nodes, filled in {seconds:.1} s,");
        println!("  {:.0} bytes a measurement in the file", fs::metadata(&path)?.len() as f64 / measurements as f64);
        let running = Running::start(&server, &path)?;
        println!("  start to ready: {:.0} ms", running.ready_after.as_secs_f64() * 1e3);
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

struct Running {
    child: Child,
    address: SocketAddr,
    ready_after: Duration,
}

impl Running {
    fn start(server: &PathBuf, database: &Path) -> Result<Self, BoxError> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let start = Instant::now();
        let child = Command::new(server)
            .env_clear()
            .args(["--listen", &address.to_string(), "--log", "error", "--database-url"])
            .arg(database)
            .stderr(Stdio::inherit())
            .spawn()?;
        while get(address, "/readyz").is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { child, address, ready_after: start.elapsed() })
    }

    fn resident_megabytes(&self) -> Result<f64, BoxError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(())
}
