//! export: what comes out, in which form.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use isems_core::{Measurement, NumberField, Payload, TimeSource, decode, simulation::SimulatedNode};
use serde_json::{Value, json};

use crate::{
    common::{program, text},
    place::{MIDNIGHT, Place, hours, two_nodes},
};

/// Splits CSV into its fields according to RFC 4180.
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
            for field in NumberField::ALL {
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
            times(&["--from", "2025-10-25 22:00", "--to", "2025-10-25 23:00:01"]),
            times(&["--from", "2025-10-26 00:00:00 +02:00", "--to", "2025-10-25t23:00:01z"]),
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
    for time in ["20260501", "2026-05-01T25:00", "0", "1777593600000", "26-05-01", "yesterday", "2026-02-30"] {
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
        assert!(error.contains("not a regular file"), "{error}");
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
fn an_export_has_the_fields_that_are_named_and_the_dialect_of_a_spreadsheet() {
    let mut stored = hours("Hut, \"alt\"", 2);
    stored[0].battery_voltage = Some(12.5);
    stored[1].battery_voltage = None;
    for place in Place::both(&stored) {
        let fields = ["export", "--fields", "batteryVoltage,nodeId,timestamp,nodeId"];
        assert_eq!(
            place.output(&fields),
            "batteryVoltage,nodeId,timestamp\r\n12.5,\"Hut, \"\"alt\"\"\",2025-10-25T22:00:00Z\r\n\
             ,\"Hut, \"\"alt\"\"\",2025-10-25T23:00:00Z\r\n"
        );
        let german = place.output(&[&fields[..], &["--separator", ";", "--decimal", ","]].concat());
        assert!(german.starts_with("batteryVoltage;nodeId;timestamp\r\n12,5;\"Hut, \"\"alt\"\"\";2025"), "{german}");
        let lines = place.output(&[&fields[..], &["--format", "ndjson"]].concat());
        let first = json!({ "batteryVoltage": 12.5, "nodeId": "Hut, \"alt\"", "timestamp": "2025-10-25T22:00:00Z" });
        assert_eq!(serde_json::from_str::<Value>(lines.lines().next().unwrap()).unwrap(), first);
    }
    let place = Place::new(&stored);
    for (flags, wanted) in [
        (&["--fields", "voltage"][..], "batteryVoltage"),
        (&["--fields", "status", "--format", "csvlog"], "--fields"),
        (&["--separator", ";", "--format", "ndjson"], "--format csv"),
        (&["--decimal", ",", "--format", "csvlog"], "--format csv"),
        (&["--decimal", ","], "choose ; as separator"),
        (&["--separator", ":"], "tab"),
    ] {
        let output = place.run(&[&["export"], flags].concat());
        let error = text(&output.stderr);
        assert!(!output.status.success() && error.contains(wanted), "{flags:?}: {error}");
    }
}
