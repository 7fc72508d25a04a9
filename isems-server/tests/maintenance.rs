//! The commands that look after a database, without a server and with one that has it open.

#![cfg(unix)]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    process::{Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use isems_core::{
    Batch, Field, Measurement, MeasurementQuery, Payload, RedbRepository, Repository, TimeSource, decode,
    simulation::SimulatedNode,
};
use redb::{Database, TableDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

use common::{DEADLINE, Running, program, run, text};

/// 2025-10-25T22:00:00Z: the midnight in Berlin before the clocks are set back.
const MIDNIGHT: i64 = 1_761_429_600;

/// A folder with a database, and perhaps a server that has it open.
struct Place {
    folder: TempDir,
    server: Option<Running>,
}

impl Place {
    fn new(measurements: &[Measurement]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), server: None };
        let repository = RedbRepository::open(place.path("isems.redb")).unwrap();
        let measurements = measurements.to_vec();
        wait(repository.store(Batch { measurements, ..Batch::default() })).unwrap();
        place
    }

    /// Once without and once with a server.
    fn both(measurements: &[Measurement]) -> [Self; 2] {
        let mut served = Self::new(measurements);
        served.serve();
        [Self::new(measurements), served]
    }

    fn serve(&mut self) -> &mut Running {
        self.server.insert(Running::start(self.folder.path(), &["serve"], &[]))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, flags: &[&str]) -> Output {
        run(self.folder.path(), flags, &[])
    }

    /// What a command writes that ends well.
    fn output(&self, flags: &[&str]) -> String {
        let output = self.run(flags);
        assert!(output.status.success(), "{flags:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a command says that fails.
    fn error(&self, flags: &[&str]) -> String {
        let output = self.run(flags);
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.output(&["stats", "--json"])).unwrap()
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// All of a node in a file.
fn all_of(path: &PathBuf, node: &str) -> Vec<Measurement> {
    let repository = RedbRepository::open(path).unwrap();
    wait(repository.measurements(&MeasurementQuery::oldest_first(node.parse().unwrap()))).unwrap()
}

/// A day of two nodes, a measurement a minute, in the order of an export.
fn two_nodes() -> Vec<Measurement> {
    let node = |index| SimulatedNode::new(1, index, MIDNIGHT).take(1440);
    let mut measurements: Vec<_> = node(0).chain(node(1)).collect();
    measurements.sort_by(|a, b| a.node_id.cmp(&b.node_id).then(a.timestamp.cmp(&b.timestamp)));
    measurements
}

fn names(measurements: &[Measurement]) -> [String; 2] {
    [measurements[0].node_id.to_string(), measurements[measurements.len() - 1].node_id.to_string()]
}

/// A measurement an hour from the midnight on.
fn hours(node: &str, count: i64) -> Vec<Measurement> {
    let hour = |hour| Measurement::new(node.parse().unwrap(), MIDNIGHT + 3600 * hour, MIDNIGHT + 3600 * hour + 7);
    (0..count).map(hour).collect()
}

/// The fields of CSV, read as RFC 4180 has it.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut field)),
            '\r' if !is_quoted && characters.next_if_eq(&'\n').is_some() => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            character => field.push(character),
        }
    }
    assert!(row.is_empty() && field.is_empty(), "every line has its end");
    rows
}

#[test]
fn csvlog_comes_back_as_it_was() {
    let mut stored = two_nodes();
    let mut sparse = hours("Hütte, oben", 3);
    sparse[0].time_source = TimeSource::Arrival;
    sparse[1].battery_voltage = Some(0.1 + 0.2);
    sparse[1].longitude = Some(-0.000_000_1);
    sparse[2].power_save_level = Some(6);
    stored.append(&mut sparse);
    stored.sort_by(|a, b| a.node_id.cmp(&b.node_id).then(a.timestamp.cmp(&b.timestamp)));
    for place in Place::both(&stored) {
        let exported = place.output(&["export", "--format", "csvlog"]);
        let decoded = decode(&Payload::csvlog(exported.as_bytes(), "an export"));
        assert_eq!((decoded.rejects.len(), decoded.measurements.len()), (0, stored.len()));
        for (decoded, stored) in decoded.measurements.iter().zip(&stored) {
            assert!(decoded.same_values(stored), "{decoded:?} is not {stored:?}");
        }
    }
}

#[test]
fn json_lines_are_the_json_of_measurements_with_times_as_text() {
    let mut stored = hours("Hut", 2);
    stored.extend(SimulatedNode::new(1, 0, MIDNIGHT).take(1));
    stored[1].firmware_version = Some("a \"b\" \\ ü".into());
    for place in Place::both(&stored) {
        let exported = place.output(&["export", "--format", "ndjson", "Hut", stored[2].node_id.as_str()]);
        let mut lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut wanted: Vec<Value> = stored.iter().map(|stored| serde_json::to_value(stored).unwrap()).collect();
        for (name, times) in [
            ("timestamp", ["2025-10-25T22:00:00Z", "2025-10-25T23:00:00Z"]),
            ("receivedAt", ["2025-10-25T22:00:07Z", "2025-10-25T23:00:07Z"]),
        ] {
            for (wanted, time) in wanted.iter_mut().zip(times) {
                wanted[name] = json!(time);
            }
        }
        for value in [&mut lines, &mut wanted] {
            value.sort_by_key(|value| value["nodeId"].to_string());
        }
        let hut = lines.iter().filter(|line| line["nodeId"] == "Hut").collect::<Vec<_>>();
        let wanted_hut = wanted.iter().filter(|line| line["nodeId"] == "Hut").collect::<Vec<_>>();
        assert_eq!(hut, wanted_hut);
        let simulated = lines.iter().find(|line| line["nodeId"] != "Hut").unwrap();
        assert_eq!(simulated["status"], serde_json::to_value(stored[2].status).unwrap());
        assert_eq!(simulated["batteryVoltage"], json!(stored[2].battery_voltage));
    }
}

#[test]
fn csv_has_a_header_and_every_value() {
    let stored = two_nodes();
    for place in Place::both(&stored) {
        let exported = place.output(&["export", "--time-zone", "UTC"]);
        let rows = parse_csv(&exported);
        assert_eq!(rows.len(), 1 + stored.len());
        let json = serde_json::to_value(&stored[0]).unwrap();
        let known: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(rows[0].iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
        for (row, stored) in rows[1..].iter().zip(&stored) {
            let value = |name: &str| &*row[rows[0].iter().position(|known| known == name).unwrap()];
            assert_eq!(value("nodeId"), stored.node_id.as_str());
            assert_eq!(value("timeSource"), "node");
            assert_eq!(value("openMPPTFirmwareVersion"), stored.firmware_version.as_deref().unwrap());
            assert_eq!(value("status"), stored.status.unwrap().to_string());
            for field in Field::ALL {
                assert_eq!(value(field.name()).parse().ok(), stored.number(field), "{}", field.name());
            }
        }
    }
}

#[test]
fn no_text_of_csv_is_a_formula_and_none_is_lost() {
    let ids = ["=1+1", "+1", "-1", "@sum", "'quoted", "''", "a,b", "=\"a\",b", "say \"hi\"", "Straße, 5"];
    let mut stored: Vec<Measurement> = ids.iter().flat_map(|id| hours(id, 1)).collect();
    for measurement in &mut stored {
        measurement.firmware_version = Some("-2+3".into());
        measurement.longitude = Some(-1.5);
    }
    let place = Place::new(&stored);
    let rows = parse_csv(&place.output(&["export"]));
    let mut found = BTreeSet::new();
    for row in &rows[1..] {
        assert!(!row[0].starts_with(['=', '+', '-', '@']), "{row:?}");
        found.insert(row[0].strip_prefix('\'').unwrap_or(&row[0]));
        assert_eq!(row[5], "'-2+3");
        assert!(row.contains(&"-1.5".into()), "a number is no text: {row:?}");
    }
    assert_eq!(found, ids.into_iter().collect());
    let one = parse_csv(&place.output(&["export", "--", "-1"]));
    assert_eq!(one.len(), 2, "a node whose name begins with a dash can be named");
}

#[test]
fn days_and_times_are_those_of_the_time_zone_also_when_clocks_change() {
    for place in Place::both(&hours("Hut", 60)) {
        let times = |flags: &[&str]| -> Vec<String> {
            let rows = parse_csv(&place.output(&[&["export", "Hut"], flags].concat()));
            rows[1..].iter().map(|row| row[1].clone()).collect()
        };
        let berlin = ["--time-zone", "Europe/Berlin"];
        let sunday = times(&[&["--from", "2025-10-26", "--to", "2025-10-27"], &berlin[..]].concat());
        assert_eq!(sunday.len(), 25, "the day has 25 hours");
        assert_eq!(sunday[0], "2025-10-26T00:00:00+02:00");
        assert_eq!(sunday[2..4], ["2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00"]);
        assert_eq!(sunday[24], "2025-10-26T23:00:00+01:00");
        let utc = times(&["--from", "2025-10-26", "--to", "2025-10-27"]);
        assert_eq!((utc.len(), &*utc[0]), (24, "2025-10-26T00:00:00Z"));
        let same = [
            times(&["--from", "2025-10-26T00:00:00+02:00", "--to", "1761433201"]),
            times(&["--from", "2025-10-25T21:59:59.5Z", "--to", "2025-10-26T01:00:00.1+02:00"]),
        ];
        for times in same {
            assert_eq!(times, ["2025-10-25T22:00:00Z", "2025-10-25T23:00:00Z"]);
        }
    }
}

#[test]
fn a_time_that_could_be_mistaken_is_refused() {
    let place = Place::new(&hours("Hut", 2));
    for time in ["20260501", "2026-05-01T12:00", "0", "1777593600000", "26-05-01", "yesterday", "2026-02-30"] {
        for command in ["export", "delete"] {
            let output = place.run(&[command, "Hut", "--from", time]);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{time}: {error}");
            assert!(error.contains(time) && error.contains("such as 2026-05-01"), "{time}: {error}");
        }
    }
    let error = place.error(&["export", "--from", "2026-05-02", "--to", "2026-05-02"]);
    assert!(error.contains("--from"), "{error}");
    let output = place.run(&["export", "--time-zone", "Berlin"]);
    assert!(text(&output.stderr).contains("Europe/Berlin"), "{}", text(&output.stderr));
    assert_eq!(place.stats()["total"]["measurements"], 2);
}

#[test]
fn an_export_has_its_name_when_it_is_complete() {
    for place in Place::both(&two_nodes()) {
        let before = place.files();
        let error = place.error(&["export", "Nobody", "--output", "out.csv"]);
        assert!(error.contains("no node Nobody"), "{error}");
        assert_eq!(place.files(), before);
        fs::write(place.path("out.csv"), "of yesterday").unwrap();
        let said = place.output(&["export", "--output", "out.csv"]);
        assert!(said.contains("out.csv"), "{said}");
        assert_eq!(fs::read_to_string(place.path("out.csv")).unwrap(), place.output(&["export"]));
        let error = place.error(&["export", "--output", "isems.redb"]);
        assert!(error.contains("the database itself"), "{error}");
        let error = place.error(&["export", "--output", "."]);
        assert!(error.contains("no regular file"), "{error}");
        let error = place.error(&["export", "--output", "missing/out.csv"]);
        assert!(error.contains("missing/out.csv"), "{error}");
        assert_eq!(place.files().len(), before.len() + 1);
        assert_eq!(place.stats()["total"]["measurements"], 2880);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for place in Place::both(&two_nodes()) {
        let mut command = program(place.folder.path());
        let command = command.arg("export").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("nodeId,"));
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        assert_eq!(place.stats()["total"]["measurements"], 2880, "others are served all the same");
    }
}

#[test]
fn statistics_are_told_to_people_and_to_scripts() {
    let stored = two_nodes();
    let [first, second] = names(&stored);
    for place in Place::both(&stored) {
        let stats = place.stats();
        assert_eq!(stats["nodes"][0]["nodeId"], *first);
        assert_eq!(stats["nodes"][1]["nodeId"], *second);
        assert_eq!(stats["nodes"][0]["measurements"], 1440);
        assert_eq!(stats["total"]["measurements"], 2880);
        assert!(stats["total"]["firstTimestamp"].as_str().unwrap().starts_with("2025-10-25T22:00:"));
        assert!(stats["nodes"][0]["bytesPerMeasurement"].as_f64().unwrap() > 1.0);
        assert!(stats["fileBytes"].as_u64().unwrap() >= stats["liveBytes"].as_u64().unwrap());
        assert_eq!(stats["columnBytes"], Value::Null);
        let shown = place.output(&["stats"]);
        let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1][..2], [&*first, "1440"]);
        assert_eq!(rows[3][..2], ["all", "2880"]);
        let widths: BTreeSet<usize> = shown.lines().take(4).map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 1, "the table is aligned:\n{shown}");
        assert!(shown.contains("in use"), "{shown}");
    }
}

#[test]
fn compacting_seals_first_and_gives_room_back() {
    let stored: Vec<Measurement> = SimulatedNode::new(1, 0, MIDNIGHT - 14 * 86_400).take(15 * 1440).collect();
    let mut place = Place::new(&stored);
    let size = |place: &Place| fs::metadata(place.path("isems.redb")).unwrap().len();
    let before = size(&place);
    let said = place.output(&["compact"]);
    assert!(said.contains("The file had"), "{said}");
    assert!(size(&place) * 2 < before, "{} is left of {before}", size(&place));
    let stats: Value = serde_json::from_str(&place.output(&["stats", "--json", "--columns"])).unwrap();
    assert!(stats["total"]["recentMeasurements"].as_u64().unwrap() < 8 * 1440, "{stats}");
    assert!(stats["columnBytes"]["batteryVoltage"].as_u64().unwrap() > 0);
    let shown = place.output(&["stats", "--columns"]);
    assert!(shown.contains("batteryVoltage"), "{shown}");
    assert_eq!(all_of(&place.path("isems.redb"), stored[0].node_id.as_str()), stored);
    place.serve();
    let error = place.error(&["compact"]);
    assert!(error.contains("stop the server"), "{error}");
}

#[test]
fn a_backup_is_equal_and_never_overwrites() {
    let stored = two_nodes();
    for place in Place::both(&stored) {
        let said = place.output(&["backup", "copy.redb"]);
        assert!(said.contains("copy.redb"), "{said}");
        for name in names(&stored) {
            let wanted: Vec<_> = stored.iter().filter(|stored| stored.node_id.as_str() == name).cloned().collect();
            assert_eq!(all_of(&place.path("copy.redb"), &name), wanted);
        }
        let first = fs::read(place.path("copy.redb")).unwrap();
        let error = place.error(&["backup", "copy.redb"]);
        assert!(error.contains("copy.redb exists already"), "{error}");
        assert_eq!(fs::read(place.path("copy.redb")).unwrap(), first);
        let error = place.error(&["backup", "missing/copy.redb"]);
        assert!(error.contains("missing/copy.redb"), "{error}");
        assert!(!place.files().iter().any(|name| name.contains("unfinished")), "{:?}", place.files());
    }
}

#[test]
fn deleting_needs_a_yes() {
    let stored = two_nodes();
    let [first, second] = names(&stored);
    for place in Place::both(&stored) {
        let total = || place.stats()["total"]["measurements"].as_u64().unwrap();
        let range = ["--from", "2025-10-26", "--to", "2025-10-26T01:00:00Z"];
        let error = place.error(&[&["delete", &*first], &range[..]].concat());
        for wanted in ["60 measurements", &*first, "2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z", "--yes"] {
            assert!(error.contains(wanted), "{wanted} is missing in {error}");
        }
        let error = place.error(&["delete", &first]);
        assert!(error.contains("1440 measurements"), "{error}");
        let error = place.error(&["delete", "Nobody", "--yes"]);
        assert!(error.contains("no node Nobody"), "{error}");
        assert_eq!(total(), 2880, "nothing is deleted yet");
        let said = place.output(&[&["delete", &*first, "--yes"], &range[..]].concat());
        assert!(said.contains("60 measurements"), "{said}");
        assert_eq!(total(), 2820);
        place.output(&["delete", "--yes", &second]);
        let stats = place.stats();
        assert_eq!(stats["nodes"].as_array().unwrap().len(), 1, "the other node is forgotten");
        assert_eq!(stats["total"]["measurements"], 1380);
        assert!(place.output(&["check"]).contains("sound"));
    }
}

/// `script` of util-linux is what gives the program a terminal.
#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_somebody_is_asked() {
    let place = Place::new(&hours("Hut", 5));
    let answer = |answer: &str| {
        let command = format!("{} delete Hut --from 2025-10-26", env!("CARGO_BIN_EXE_isems-server"));
        let mut script = std::process::Command::new("script");
        let script = script.args(["-qec", &command, "/dev/null"]).current_dir(place.folder.path());
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(script.stdout.take().unwrap());
        let mut said = Vec::new();
        while !said.ends_with(b"[y/N] ") {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        writeln!(script.stdin.as_mut().unwrap(), "{answer}").unwrap();
        output.read_to_end(&mut said).unwrap();
        (text(&said), script.wait().unwrap().code())
    };
    for no in ["", "n", "what"] {
        let (said, code) = answer(no);
        assert!(said.contains("3 measurements of Hut") && said.contains("Nothing was deleted"), "{said}");
        assert_eq!(code, Some(1));
    }
    assert_eq!(place.stats()["total"]["measurements"], 5);
    let (said, code) = answer("y");
    assert!(said.contains("Deleted 3"), "{said}");
    assert_eq!((code, place.stats()["total"]["measurements"].clone()), (Some(0), json!(2)));
}

#[test]
fn damage_is_named_and_the_rest_is_saved() {
    const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    let stored = two_nodes();
    for serves in [false, true] {
        let mut place = Place::new(&stored);
        let database = Database::open(place.path("isems.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        let second = stored[700].timestamp;
        transaction.open_table(ROWS).unwrap().insert(1 << 32 | second as u64, [0xee; 5].as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(database);
        if serves {
            place.serve();
        }
        let output = place.run(&["check"]);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stdout);
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].contains(&names(&stored)[0]) && lines[0].contains(&second.to_string()), "{said}");
        assert!(lines[1].contains("1 damaged") && lines[1].contains("isems-server backup"), "{said}");
        assert_eq!(lines.len(), 2, "{said}");
        place.output(&["backup", "copy.redb"]);
        let saved = all_of(&place.path("copy.redb"), &names(&stored)[1]);
        assert_eq!(saved.len(), 1440);
    }
}

#[test]
fn what_can_be_read_of_a_broken_structure_is_told_and_saved() {
    let mut stored = two_nodes();
    stored[700].firmware_version = Some("on the broken page".into());
    let [first, second] = names(&stored);
    for serves in [false, true] {
        let mut place = Place::new(&stored);
        let path = place.path("isems.redb");
        let mut file = fs::read(&path).unwrap();
        let mut broken = 0;
        for page in file.chunks_mut(4096) {
            if page.windows(18).any(|bytes| bytes == b"on the broken page") {
                page.fill(0xa5);
                broken += 1;
            }
        }
        assert!(broken > 0);
        fs::write(&path, file).unwrap();
        if serves {
            place.serve();
        }
        let check = place.run(&["check"]);
        let said = text(&check.stdout);
        assert_eq!(check.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("node {first}: what lies from 2025-10-26T")), "{said}");
        assert!(said.contains("of 2880 measurements can be read") && !said.contains(&second), "{said}");
        let backup = place.run(&["backup", "copy.redb"]);
        assert_eq!(backup.status.code(), Some(1));
        assert!(text(&backup.stdout).contains("measurements to "), "{}", text(&backup.stdout));
        let saved = all_of(&place.path("copy.redb"), &first);
        assert!((1440 - 120..1440).contains(&saved.len()), "{} are saved", saved.len());
        assert!(saved.iter().all(|saved| stored.contains(saved)));
        assert_eq!(all_of(&place.path("copy.redb"), &second), stored[1440..]);
        let unfinished = |name: &String| name.contains("unfinished");
        assert!(!place.files().iter().any(unfinished), "{:?}", place.files());
    }
}

#[test]
fn a_file_that_cannot_be_opened_leaves_something_to_do() {
    let place = Place::new(&two_nodes());
    let whole = fs::read(place.path("isems.redb")).unwrap();
    fs::write(place.path("isems.redb"), &whole[..whole.len() / 2]).unwrap();
    for command in [&["check"][..], &["backup", "copy.redb"], &["export"], &["stats"], &["compact"]] {
        let error = place.error(command);
        assert!(error.contains("put a backup in its place"), "{error}");
        assert!(!error.contains("isems-server check"), "{error}");
    }
    assert_eq!(place.files().len(), 1);
}

#[test]
fn no_command_makes_a_database() {
    let place = Place { folder: tempfile::tempdir().unwrap(), server: None };
    let commands: [&[&str]; 6] =
        [&["export"], &["stats"], &["check"], &["backup", "b"], &["compact"], &["delete", "Hut", "--yes"]];
    for command in commands {
        let error = place.error(command);
        assert!(error.contains("no database at isems.redb") && error.contains("DATABASE_URL"), "{error}");
    }
    assert!(place.files().is_empty());
}

#[test]
fn a_file_that_something_else_has_open_is_said_to_be() {
    let place = Place::new(&hours("Hut", 2));
    let _repository = RedbRepository::open(place.path("isems.redb")).unwrap();
    for stale in [false, true] {
        if stale {
            drop(UnixListener::bind(place.path("isems.redb.control")).unwrap());
        }
        for command in [&["export"][..], &["stats"], &["check"], &["backup", "b"], &["delete", "Hut", "--yes"]] {
            let error = place.error(command);
            assert!(error.contains("another process has it open"), "{error}");
        }
    }
}

#[test]
fn a_path_that_is_too_long_for_a_socket_does_not_stop_a_server() {
    let mut place = Place { folder: tempfile::tempdir().unwrap(), server: None };
    let long = format!("{}/isems.redb", "long".repeat(30));
    fs::create_dir(place.path(&long).parent().unwrap()).unwrap();
    place.server = Some(Running::start(place.folder.path(), &["serve", "--database-url", &long], &[]));
    let error = place.error(&["stats", "--database-url", &long]);
    assert!(error.contains("another process has it open"), "{error}");
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well && log.contains("no control socket"), "{log}");
}

#[test]
fn the_socket_is_the_servers_users_and_goes_with_it() {
    let mut place = Place::new(&hours("Hut", 2));
    let socket = place.path("isems.redb.control");
    let mode = |socket: &PathBuf| {
        let metadata = fs::symlink_metadata(socket).unwrap();
        (metadata.file_type().is_socket(), metadata.permissions().mode() & 0o777)
    };
    let server = place.serve();
    assert_eq!(mode(&socket), (true, 0o600));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(socket.exists(), "a killed server leaves it behind");
    place.output(&["check"]);
    place.serve();
    assert_eq!(mode(&socket), (true, 0o600));
    place.output(&["check"]);
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well, "{log}");
    assert!(log.contains("Check"), "what was done is logged: {log}");
    assert!(!socket.exists());
    fs::write(&socket, "something of somebody").unwrap();
    let (log, ended_well) = place.serve().terminate();
    assert!(ended_well && log.contains("no control socket"), "{log}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "something of somebody");
}

#[test]
fn a_link_to_the_database_leads_to_its_server() {
    let mut place = Place::new(&hours("Hut", 2));
    place.serve();
    let link = place.path("link.redb");
    std::os::unix::fs::symlink(place.path("isems.redb"), &link).unwrap();
    assert!(place.output(&["stats", "--database-url", "link.redb"]).contains("Hut"));
}

#[test]
fn requests_that_no_command_sends_are_answered_with_an_error() {
    let mut place = Place::new(&hours("Hut", 2));
    place.serve();
    let ask = |request: &[u8]| {
        let mut stream = UnixStream::connect(place.path("isems.redb.control")).unwrap();
        // The server may have answered before it has read everything.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        text(&answer)
    };
    assert!(ask(b"{\"compact\":1}\n").contains("does not know this command"));
    assert!(ask(b"GET / HTTP/1.1\r\n\r\n").contains("does not know this command"));
    assert!(ask(&vec![b'x'; 70_000]).contains("65536 bytes"));
    assert!(place.output(&["stats"]).contains("Hut"));
}

#[test]
fn idle_clients_neither_pile_up_nor_hold_the_server() {
    let mut place = Place::new(&two_nodes());
    place.serve();
    let connect = || UnixStream::connect(place.path("isems.redb.control")).unwrap();
    let idle: Vec<UnixStream> = (0..4).map(|_| connect()).collect();
    let error = place.error(&["stats"]);
    assert!(error.contains("4 commands already"), "{error}");
    drop(idle);
    let start = Instant::now();
    while !place.run(&["stats"]).status.success() {
        assert!(start.elapsed() < DEADLINE, "clients that have gone keep their places");
        thread::sleep(Duration::from_millis(20));
    }
    let mut stopped_reading = connect();
    let all = r#"{"export":{"nodes":[],"seconds":{"start":0,"end":4294967296},"format":"Csv","time_zone":"UTC"}}"#;
    writeln!(stopped_reading, "{all}").unwrap();
    let mut kind = [9];
    stopped_reading.read_exact(&mut kind).unwrap();
    assert_eq!(kind, [0], "output comes");
    let says_nothing = connect();
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well && log.contains("stopped"), "{log}");
    drop((stopped_reading, says_nothing));
    assert!(place.output(&["check"]).contains("2880 measurements"));
}
