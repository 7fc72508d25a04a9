//! A full disk under a collecting server.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    future::pending,
    io::Write,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use isems_core::{MeasurementQuery, RedbRepository, Repository, simulation, unix_now};
use isems_server::fleet::{FleetServer, SimulatedClock};
use tempfile::TempDir;

use self::common::{DEADLINE, Running, get, run, text};

const SEED: u64 = 7;
const NODES: u32 = 20;
const DAY: i64 = 86_400;

/// A file system of its own, unmounted when it is dropped.
struct Mount(TempDir);

impl Mount {
    fn of_megabytes(megabytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status();
        let status = mount.unwrap();
        assert!(status.success(), "mounting needs root: {status}");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that is about to end may still have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Serves simulated nodes, whose past days go by within seconds, up to now, and returns their targets.
fn serve_fleet(start: i64) -> Vec<String> {
    let (sender, targets) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fleet =
                FleetServer::new(SEED, NODES, start).clock(SimulatedClock::fast(start + 3600, DAY as f64 / 10.0));
            let fleet = fleet.bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
            sender.send(fleet.targets()).unwrap();
            fleet.run(pending()).await.unwrap();
        });
    });
    targets.recv().unwrap()
}

/// Checks that reading still works: the newest measurements of all nodes, and the day of one.
fn assert_reads(server: &mut Running, node: &str) {
    for path in ["/measurements/latest", &format!("/measurements/{node}/latest")] {
        let answer = get(server.address, path).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("timestamp"), "{path}: {answer}");
    }
    assert!(server.child.try_wait().unwrap().is_none(), "the server has ended: {}", server.log());
}

/// Waits until the server reports that the disk is full, and keeps reading meanwhile and for some time after.
fn read_while_full(server: &mut Running, node: &str) {
    server.wait_for("/readyz", "HTTP/1.1 503");
    for _ in 0..3 {
        let answer = server.wait_for("/readyz", "HTTP/1.1 503");
        assert!(answer.contains("No space left on device"), "{answer}");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            assert_reads(server, node);
        }
    }
}

/// Returns the lines of a log, if there are not too many.
fn few_lines(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() < 4 * NODES as usize, "{} lines: {log}", lines.len());
    lines
}

#[test]
#[ignore = "it mounts a file system, which needs root"]
fn small_disk() {
    let mount = Mount::of_megabytes(40);
    let folder = mount.path();
    let ballast = folder.join("ballast");
    fs::File::create(&ballast).unwrap().write_all(&vec![0; 34 << 20]).unwrap();
    let start = unix_now() - 2 * DAY;
    let targets = serve_fleet(start).join(",");
    let settings = [("ISEMS_ROUTER_IPS", &*targets), ("ISEMS_POLL_INTERVAL", "1s")];
    let node = simulation::Fleet::new(SEED, NODES, start).ids().next().unwrap().to_string();

    let mut server = Running::start(folder, &[], &settings);
    server.wait_for("/measurements/latest", &node);
    read_while_full(&mut server, &node);
    server.child.kill().unwrap();
    let log = server.log();
    assert_eq!(few_lines(&log).iter().filter(|line| line.contains("the disk fails")).count(), 1, "{log}");
    drop(server);

    let mut server = Running::start(folder, &[], &settings);
    read_while_full(&mut server, &node);
    fs::remove_file(&ballast).unwrap();
    server.wait_for("/readyz", "HTTP/1.1 200");
    let end = unix_now();
    let mut offered: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for measurement in simulation::Fleet::new(SEED, NODES, start).until(end) {
        offered.entry(measurement.node_id.to_string()).or_default().push(measurement.timestamp);
    }
    let begin = Instant::now();
    while !offered.iter().all(|(node, times)| newest(&server, node) >= times.last().copied()) {
        assert!(begin.elapsed() < DEADLINE, "not everything arrives: {}", get(server.address, "/readyz").unwrap());
        thread::sleep(Duration::from_millis(100));
    }
    let (log, ended_well) = server.terminate();
    assert!(ended_well, "{log}");
    let lines = few_lines(&log);
    for message in ["the disk fails", "the disk works again"] {
        assert_eq!(lines.iter().filter(|line| line.contains(message)).count(), 1, "{log}");
    }

    let check = run(folder, &["check"], &[]);
    assert!(check.status.success(), "{}{}", text(&check.stdout), text(&check.stderr));
    let repository = RedbRepository::open(folder.join("isems.redb")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (node, times) in offered {
        let query = MeasurementQuery { to: end, ..MeasurementQuery::oldest_first(node.parse().unwrap()) };
        let stored = runtime.block_on(repository.measurements(&query)).unwrap();
        let stored: Vec<_> = stored.into_iter().map(|measurement| measurement.timestamp).collect();
        assert_eq!(stored, times, "{node}");
    }
}

/// Returns the time of a node's newest measurement, which is the lower half of its number.
fn newest(server: &Running, node: &str) -> Option<i64> {
    let answer = get(server.address, &format!("/measurements/{node}/latest"))?;
    let document: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    let measurements = document["measurements"].as_array()?.iter();
    measurements.filter_map(|measurement| Some(measurement["id"].as_i64()? & i64::from(u32::MAX))).max()
}
