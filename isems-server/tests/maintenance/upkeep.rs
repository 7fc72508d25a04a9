//! stats, compact, backup and delete.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufReader, Read, Write},
    process::Stdio,
};

use isems_core::{Measurement, simulation::SimulatedNode};
use serde_json::{Value, json};

use crate::{
    common::text,
    place::{MIDNIGHT, Place, all_of, hours, names, two_nodes},
};

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
    assert!(said.contains("The file took"), "{said}");
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

/// `script` from util-linux gives the program a terminal.
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
