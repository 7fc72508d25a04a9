//! Runs each example as a process, as its reader does.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Lines, Write},
    net::UdpSocket,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use isems_core::{RedbRepository, Repository};

/// An example that runs until it is dropped, and the lines that it prints.
struct Example {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Example {
    fn start(program: &str, folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that contains a text. The lines before it are passed over.
    fn line(&mut self, text: &str) -> String {
        let line = self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("it has ended without saying {text:?}"))
    }

    /// All lines to its end, which is a good one.
    fn rest(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success(), "{lines:?}");
        lines
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn line(timestamp: u64) -> String {
    format!("Hut;1;{timestamp};v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300\n")
}

fn write_log(path: &Path, timestamps: impl IntoIterator<Item = u64>) {
    let mut log = OpenOptions::new().append(true).create(true).open(path).unwrap();
    timestamps.into_iter().for_each(|timestamp| log.write_all(line(timestamp).as_bytes()).unwrap());
}

#[test]
fn udp_transport_stores_datagrams() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_udp_transport");
    let mut example = Example::start(program, folder.path(), &["127.0.0.1:0", "here.redb"]);
    let address = example.line("listening on ").replace("listening on ", "");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(line(now()).as_bytes(), address).unwrap();
    assert!(example.line("stored").ends_with("1 stored, 0 rejected"));
}

#[test]
fn file_transport_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("node.log");
    write_log(&log, [now() - 120, now() - 60]);
    let program = env!("CARGO_BIN_EXE_file_transport");
    let arguments = ["node.log", "here.redb"];
    let mut example = Example::start(program, folder.path(), &arguments);
    example.line("2 stored, 0 rejected");
    let half = line(now());
    OpenOptions::new().append(true).open(&log).unwrap().write_all(&half.as_bytes()[..50]).unwrap();
    drop(example);
    let mut example = Example::start(program, folder.path(), &arguments);
    OpenOptions::new().append(true).open(&log).unwrap().write_all(&half.as_bytes()[50..]).unwrap();
    example.line("1 stored, 0 rejected");
    fs::write(&log, line(now() - 30)).unwrap();
    example.line("1 stored, 0 rejected");
}

#[test]
fn threshold_acts_once_for_each_fall() {
    let folder = tempfile::tempdir().unwrap();
    let lines = Example::start(env!("CARGO_BIN_EXE_threshold"), folder.path(), &["12.4"]).rest();
    assert!(lines.iter().any(|line| line.contains("is low")), "{lines:?}");
    for node in ["Elektra-Dach", "Elektra-Balkon", "Dorfkirche"] {
        let acts: Vec<bool> =
            lines.iter().filter(|line| line.starts_with(node)).map(|line| line.contains("is low")).collect();
        assert!(acts.iter().enumerate().all(|(place, is_low)| *is_low == (place % 2 == 0)), "{lines:?}");
    }
}

#[tokio::test]
async fn columns_hold_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("here.redb");
    let log: String = (0..1440).map(|minute| line(now() - 60 * minute)).collect();
    {
        let repository = std::sync::Arc::new(RedbRepository::open(&path).unwrap());
        let inbox = isems_core::Inbox::new("test", repository.clone());
        inbox.deliver(isems_core::Payload::csvlog(log.as_bytes(), "here")).await.unwrap();
        assert_eq!(repository.nodes().await.unwrap()[0].measurements, 1440);
    }
    let lines = Example::start(env!("CARGO_BIN_EXE_columns"), folder.path(), &["here.redb", "Hut"]).rest();
    assert_eq!(lines[0], "1440 measurements, on average 28.00 degC");
    assert_eq!(lines.len(), 25);
    assert!(lines[1..].iter().all(|line| line.ends_with("14.07 V")), "{lines:?}");
}

#[test]
fn sqlite_repository_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let lines = Example::start(env!("CARGO_BIN_EXE_sqlite_repository"), folder.path(), &["here.sqlite"]).rest();
    assert_eq!(lines[0], "the repository conforms");
    assert_eq!(lines.iter().filter(|line| line.contains("1440 measurements")).count(), 3, "{lines:?}");
    assert!(folder.path().join("here.sqlite").exists());
}

#[test]
fn service_is_embedded_and_backfill_fetches_from_it_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Example::start(env!("CARGO_BIN_EXE_service"), folder.path(), &["127.0.0.1:0"]);
    let address = service.line("listening on ").replace("listening on socket://", "");
    let arguments = [&*format!("http://{address}"), "-1d", "here.redb"];
    let backfill = || Example::start(env!("CARGO_BIN_EXE_backfill"), folder.path(), &arguments).rest().remove(0);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while backfill().starts_with("0 stored, 0 ") {
        assert!(std::time::Instant::now() < deadline, "the greenhouse measures nothing");
    }
    let again = backfill();
    let (_, duplicates) = again.split_once(" stored, ").unwrap();
    let duplicates: u64 = duplicates.split(' ').next().unwrap().parse().unwrap();
    assert!(duplicates >= 59, "{again}");
}

#[test]
fn live_shows_what_simulated_nodes_measure() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--nodes", "2", "--days", "1", "--listen", "127.0.0.1:0"];
    let mut fleet = Example::start(env!("CARGO_BIN_EXE_fleet"), folder.path(), &arguments);
    let targets = fleet.line("ISEMS_ROUTER_IPS=");
    let (_, targets) = targets.split_once("ISEMS_ROUTER_IPS=").unwrap();
    let targets: Vec<&str> = targets.split_once(' ').unwrap().0.split(',').collect();
    let mut live = Example::start(env!("CARGO_BIN_EXE_live"), folder.path(), &targets);
    live.line("Elektra-Dach: ");
}

#[test]
fn embed_prints_what_it_collects() {
    let folder = tempfile::tempdir().unwrap();
    let mut example = Example::start(env!("CARGO_BIN_EXE_embed"), folder.path(), &[]);
    assert!(example.line("\"nodeId\"").starts_with('{'));
}
