//! Importing the collector's own formats, and files that were never meant for it.

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use isems_core::{Batch, Measurement, RedbRepository, Repository, TimeSource, simulation::SimulatedNode};

use crate::{MONDAY, Place, line, text};

/// Returns measurements of three nodes with everything that the formats could lose.
fn measurements() -> Vec<Measurement> {
    let mut all: Vec<Measurement> = SimulatedNode::new(7, 0, MONDAY).take(300).collect();
    for (place, name) in ["Küche, \"oben\"", "=cmd|'!A1"].into_iter().enumerate() {
        all.extend(SimulatedNode::new(8, place as u32, MONDAY).take(200).map(|measurement| Measurement {
            node_id: name.parse().unwrap(),
            received_at: measurement.timestamp + measurement.timestamp % 977,
            ..measurement
        }));
    }
    all[3].time_source = TimeSource::Arrival;
    all[4].firmware_version = Some("'-a;\"b\",c".replace(';', ":").into());
    all[5].firmware_version = Some("@x".into());
    all[6].isems_revision = None;
    all[7].battery_voltage = Some(0.1 + 0.2);
    all[8].longitude = Some(-0.000_000_1);
    all[9].power_save_level = Some(6);
    all[10].status = None;
    all[11] = Measurement::new(all[11].node_id.clone(), all[11].timestamp, all[11].timestamp + 5);
    all
}

impl Place {
    async fn fill(&self, measurements: Vec<Measurement>) {
        let repository = RedbRepository::open(self.path("isems.redb")).unwrap();
        repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    }

    fn export(&self, database: &str, flags: &[&str]) -> Vec<u8> {
        let mut command = self.command(&[]);
        command = {
            let mut export = std::process::Command::new(command.get_program());
            export.env_clear().current_dir(self.0.path()).arg("export").args(flags).env("DATABASE_URL", database);
            export
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn pipe(&self, input: &[u8], database: &str) -> Output {
        let mut command = self.command(&["-", "--database-url", database]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // An import that has refused its input reads no more of it.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap()
        })
    }
}

#[tokio::test]
async fn export_import_export_are_equal() {
    let place = Place::new();
    place.fill(measurements()).await;
    let exports: [&[&str]; 6] = [
        &["--format", "ndjson"],
        &["--format", "csv"],
        &["--format", "csv", "--time-zone", "Asia/Kathmandu"],
        &["--separator", ";", "--decimal", ","],
        &["--separator", "tab", "--decimal", ",", "--time-zone", "Europe/Berlin"],
        &["--format", "ndjson", "--time-zone", "America/St_Johns"],
    ];
    let plain = place.export("isems.redb", exports[0]);
    for (number, flags) in exports.into_iter().enumerate() {
        let exported = place.export("isems.redb", flags);
        let database = format!("{number}.redb");
        let output = place.pipe(&exported, &database);
        assert!(output.status.success(), "{flags:?}: {output:?}");
        assert!(text(&output.stdout).contains("700 stored, 0 duplicates, 0 rejected\n"), "{output:?}");
        assert_eq!(text(&place.export(&database, flags)), text(&exported));
        assert_eq!(text(&place.export(&database, exports[0])), text(&plain), "{flags:?}");
        let again = place.pipe(&exported, &database);
        assert!(text(&again.stdout).contains("0 stored, 700 duplicates, 0 rejected\n"), "{again:?}");
    }
}

#[tokio::test]
async fn the_content_tells_the_format_whatever_the_file_is_called() {
    let place = Place::new();
    place.fill(measurements()).await;
    let lines = text(&place.export("isems.redb", &["--format", "ndjson"]));
    let csv = place.export("isems.redb", &["--format", "csv"]);
    let objects: Vec<&str> = lines.lines().collect();
    let array = format!("\u{feff}[\n{}\n]\n", objects.join(",\n"));
    let (first, second) = objects.split_at(300);
    let page = |objects: &[&str], next: &str| format!("{{\"measurements\":[{}],\"next\":{next}}}", objects.join(","));
    let pages = page(first, "\"/api/v1/measurements?cursor=1\"") + "\n" + &page(second, "null");
    let german = text(&csv).replace("\"Küche, \"\"oben\"\"\"", "Küche").replace("\"''-a:\"\"b\"\",c\"", "x");
    let german: String = german.lines().map(|line| line.replace(',', ";").replace('.', ",") + "\n").collect();
    let german = german.replace("ESP_2,0", "ESP_2.0");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&array[3..]).unwrap()).unwrap();
    let files: [(&str, &[u8]); 7] = [
        ("a.log", lines.as_bytes()),
        ("b", array.as_bytes()),
        ("c.csv", pages.as_bytes()),
        ("d.txt", &csv),
        ("e.json", german.as_bytes()),
        ("f.ndjson", &gzip),
        ("g", pretty.as_bytes()),
    ];
    for (name, bytes) in files {
        place.write(name, bytes);
        let database = format!("{name}.redb");
        let output = place.command(&[name, "--database-url", &database]).output().unwrap();
        assert!(text(&output.stdout).contains("700 stored, 0 duplicates, 0 rejected\n"), "{name}: {output:?}");
        assert!(output.status.success() && !text(&output.stdout).contains("dropped"), "{name}: {output:?}");
        if name != "e.json" {
            assert_eq!(text(&place.export(&database, &["--format", "ndjson"])), lines, "{name}");
        }
    }
}

#[tokio::test]
async fn a_bad_object_or_line_costs_itself_only() {
    let place = Place::new();
    place.write(
        "mixed.ndjson",
        "{\"nodeId\":\"Hut\",\"timestamp\":1748822400,\"batteryVoltage\":12.5}\n\
         {\"nodeId\":\"Hut\",\"timestamp\":\"2025-06-02T02:01:00+02:00\",\"latitude\":\"N/A\",\"batteryVoltage\":12.6}\n\
         rubbish\n\
         {\"nodeId\":\"Hut\",\"batteryVoltage\":12.7}\n\
         {\"nodeId\":\"\",\"timestamp\":1748822460}\n\
         {\"nodeId\":\"Hut\",\"timestamp\":1000}\n",
    );
    place.write(
        "short.csv",
        "nodeId,timestamp,batteryVoltage\r\nHut,1748822520,12.8\r\nHut,17488\r\nHut,1748822580\r\n",
    );
    let report = place.import(&["mixed.ndjson", "short.csv"]);
    for wanted in [
        "3 stored, 0 duplicates, 6 rejected",
        "1 json_invalid\n    mixed.ndjson:3: rubbish",
        "1 timestamp_invalid\n    mixed.ndjson:4:",
        "1 node_id_invalid\n    mixed.ndjson:5:",
        "1 clock_unset\n    mixed.ndjson:6:",
        "2 field_count\n    short.csv:3: Hut,17488\n",
        "1 number_invalid in latitude\n    mixed.ndjson:2: N/A",
    ] {
        assert!(report.contains(wanted), "{wanted} is missing in {report}");
    }
    assert_eq!(place.times("Hut").await, [MONDAY, MONDAY + 60, MONDAY + 120]);
    assert_eq!(
        place.measurements("Hut").await[0].received_at,
        MONDAY,
        "where it is not told, it arrived when measured"
    );
}

#[tokio::test]
async fn a_wrong_file_is_a_failure_that_says_what_it_looks_like() {
    let place = Place::new();
    place.write("good.log", line("Hut", MONDAY) + "\n");
    place.write("empty.log", "");
    place.write("page.html", "<!DOCTYPE html>\n<html><body>Please log in</body></html>\n");
    place.write("photo.jpg", [0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', b'\n', 7, 7]);
    place.write("other.csv", "date,price\r\n2025-06-02,12.50\r\n");
    place.write("other.json", "{\"weather\":[{\"id\":800,\"main\":\"Clear\"}]}");
    place.write("archive.zip", b"PK\x03\x04\x14\0\0\0\x08\0");
    place.write("notes.txt", "The mast on the town hall\nneeds a new panel.\n");
    let connection = rusqlite::Connection::open(place.path("other.sqlite")).unwrap();
    connection.execute_batch("CREATE TABLE bookmark (url TEXT)").unwrap();
    drop(connection);
    for (name, wanted) in [
        ("page.html", "a web page or other XML (<!DOCTYPE html>)"),
        ("photo.jpg", "binary data"),
        ("other.csv", "some other text (date,price)"),
        ("other.json", "some other JSON ({\"weather\""),
        ("archive.zip", "a ZIP archive"),
        ("notes.txt", "some other text (The mast on the town hall)"),
        ("other.sqlite", "not a database of the Python collector"),
    ] {
        let output = place.fail(&[name, "good.log"]);
        let report = text(&output.stdout);
        assert!(report.contains(wanted), "{name}: {report}");
        assert!(report.contains("1 files read, 1 failed"), "what is good beside it is imported: {report}");
    }
    assert_eq!(place.times("Hut").await, [MONDAY]);
    assert!(place.rejects().await.is_empty(), "the lines of a wrong file are nothing to keep");
    place.import(&["empty.log"]);
    let output = place.pipe(&fs::read(place.path("page.html")).unwrap(), "isems.redb");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("  -: it contains no measurements"), "{output:?}");
    let output = place.pipe(&fs::read(place.path("other.sqlite")).unwrap(), "isems.redb");
    assert!(text(&output.stdout).contains("a database cannot be read compressed or from standard input"), "{output:?}");
}

#[test]
fn json_that_breaks_off_is_a_failure_and_what_came_before_is_stored() {
    let place = Place::new();
    let object = |minute: i64| format!("{{\"nodeId\":\"Hut\",\"timestamp\":{}}}", MONDAY + 60 * minute);
    place.write("cut.json", format!("[{},{},{{\"nodeId\":\"Hu", object(0), object(1)));
    let report = text(&place.fail(&["cut.json"]).stdout);
    assert!(report.contains("cannot read the JSON to its end: EOF"), "{report}");
    assert!(report.contains("2 stored"), "{report}");
}
