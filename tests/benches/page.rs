//! The pages of a real `isems-server` process over files of 100 and of 1,000 simulated nodes: the bytes that travel,
//! the time to render, and the memory that those take who follow.
//!
//! `cargo build --release && cargo bench -p isems-tests --bench page` (needs `wrk`)
//!
//! With arguments, it runs them as a command beside each server instead: see `.ci/fluency`.

mod clients;
mod running;

use std::{
    collections::BTreeSet,
    env,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use isems_core::{
    Batch, BoxError, RedbRepository, Repository,
    simulation::{TrueMesh, TrueMeshOptions},
    unix_now,
};

use self::{
    clients::{latency, wrk},
    running::{Running, program},
};

const DAY: i64 = 86_400;

/// The number of pages that follow live events at a time.
const FOLLOWERS: usize = 50;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = program()?;
    // Cargo adds an argument of its own.
    let command: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let folder = tempfile::tempdir()?;
    for (nodes, days) in [(100, 10), (1000, 2)] {
        let path = folder.path().join(format!("{nodes}.redb"));
        let node = fill(&path, nodes, days).await?;
        println!("\n{nodes} nodes with {days} days of history");
        let running = Running::start(&server, &path)?;
        running.wait_until_assessed(nodes as usize)?;
        if let Some((name, arguments)) = command.split_first() {
            let address = format!("http://{}", running.address);
            let status =
                Command::new(name).args(arguments).env("PAGE_URL", address).env("PAGE_NODE", &node).status()?;
            if !status.success() {
                return Err(format!("{name} has failed: {status}").into());
            }
            continue;
        }
        for (name, path) in [("overview", "/".to_owned()), ("map", "/map".into()), ("a node", format!("/nodes/{node}"))]
        {
            let (first, again) = running.travelled(&path)?;
            let (bytes, p50, p99) = latency(running.address, &path, 200)?;
            println!(
                "  {name}: {:.1} kB travel at first, {:.1} kB afterwards ({:.0} kB uncompressed); p50 {p50:.1} ms, \
                 p99 {p99:.1} ms",
                first as f64 / 1e3,
                again as f64 / 1e3,
                bytes as f64 / 1e3
            );
        }
        let (each_second, p50, p99) = wrk(running.address, "/", 5)?;
        println!("  overview: 32 clients: {each_second} requests/s, p50 {p50}, p99 {p99}");
        let before = running.resident_megabytes()?;
        let followers = (0..FOLLOWERS).map(|_| running.follow()).collect::<Result<Vec<_>, _>>()?;
        thread::sleep(Duration::from_secs(2));
        println!(
            "  {FOLLOWERS} that follow: {:.1} MB more than {before:.1} MB",
            running.resident_megabytes()? - before
        );
        drop(followers);
    }
    Ok(())
}

/// Fills a file up to now, and returns the name of a node.
async fn fill(path: &Path, nodes: u32, days: i64) -> Result<String, BoxError> {
    let repository = RedbRepository::open(path)?;
    let end = unix_now() / 60 * 60;
    let start = end - days * DAY;
    let options = TrueMeshOptions { seed: 101, nodes, place: (52.5, 13.4), start, end, has_events: true };
    let mut mesh = TrueMesh::new(options);
    for day in 1..=days {
        let measurements = mesh.advance(start + day * DAY);
        repository.store(Batch { measurements, ..Batch::default() }).await?;
    }
    repository.seal(end).await?;
    Ok(mesh.ids().next().ok_or("there are no nodes")?.to_string())
}

impl Running {
    fn wait_until_assessed(&self, nodes: usize) -> Result<(), BoxError> {
        let began = Instant::now();
        loop {
            let answer = self.get("/api/v1/insight", "identity").unwrap_or_default();
            if String::from_utf8_lossy(&answer).matches("\"nodeId\"").count() >= nodes {
                println!("  assessed {:.1} s after the start", began.elapsed().as_secs_f64());
                return Ok(());
            }
            if began.elapsed() > Duration::from_mins(5) {
                return Err("the nodes are not assessed after five minutes".into());
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Returns the bytes of a page and everything it is made of, compressed and with headers, and those of the page
    /// alone, as the rest is kept by browsers.
    fn travelled(&self, path: &str) -> Result<(usize, usize), BoxError> {
        let text = String::from_utf8(self.get(path, "identity")?)?;
        let assets = text.split('"').filter(|part| part.starts_with("/assets/")).collect::<BTreeSet<_>>();
        let page = self.get(path, "gzip")?.len();
        let mut all = page;
        for asset in assets {
            all += self.get(asset, "gzip")?.len();
        }
        Ok((all, page))
    }

    /// Returns an answer with its headers.
    fn get(&self, path: &str, encoding: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// Follows live events, as a page does.
    fn follow(&self) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET /api/v1/live HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut begin = [0; 15];
        stream.read_exact(&mut begin)?;
        Ok(stream)
    }
}
