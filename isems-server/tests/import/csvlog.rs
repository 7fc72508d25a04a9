//! Logs: plain, compressed, in folders, with several nodes, with bad lines.

use std::{
    fs::File,
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use flate2::{Compression, write::GzEncoder};
use isems_core::{Measurement, Payload, RejectReason, decode};

use super::{MONDAY, Place, line, minutes};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Returns the measurements that the core decodes from a text, in time order.
fn decoded(text: &str) -> Vec<Measurement> {
    let mut measurements = decode(&Payload::csvlog(text.as_bytes(), "a test")).measurements;
    measurements.sort_by_key(|measurement| measurement.timestamp);
    measurements
}

fn assert_same(stored: &[Measurement], expected: &[Measurement]) {
    assert_eq!(stored.len(), expected.len());
    for (stored, expected) in stored.iter().zip(expected) {
        assert!(stored.same_values(expected), "{stored} is not {expected}");
    }
}

#[tokio::test]
async fn files_and_folders_are_taken_and_taken_again_without_harm() {
    let place = Place::new();
    place.write("logs/a/ffopenmppt.log", minutes("Dach", MONDAY + 6_000, 50).collect::<String>());
    let members =
        [gzip(&minutes("Dach", MONDAY, 60).collect::<String>()), gzip(&(line("Dach", MONDAY + 3_600) + "\n"))];
    place.write("logs/a/ffopenmppt.log.gz", members.concat());
    place.write("logs/Csvlog-2025", minutes("Café", MONDAY, 7).collect::<String>());
    place.write("logs/notes.txt", line("Nobody", MONDAY));
    place.write("named.txt", line("Küche", MONDAY));
    let report = place.import(&["logs", "named.txt"]);
    assert!(report.contains("4 files read, 0 failed\n119 stored, 0 duplicates, 0 rejected\n"), "{report}");
    let mut dach: Vec<i64> = (0..=60).map(|minute| MONDAY + 60 * minute).collect();
    dach.extend((100..150).map(|minute| MONDAY + 60 * minute));
    assert_eq!(place.times("Dach").await, dach);
    assert_eq!(place.times("Café").await.len(), 7);
    assert_eq!(place.times("Küche").await, [MONDAY]);
    assert_eq!(place.times("Nobody").await, [0; 0]);

    let report = place.import(&["logs", "named.txt"]);
    assert!(report.contains("0 stored, 119 duplicates, 0 rejected"), "{report}");
    assert_eq!(place.database().check().await.unwrap().measurements, 119);
}

#[tokio::test]
async fn bad_lines_cost_nothing_else_and_are_told_with_their_place() {
    let place = Place::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let endless = "x".repeat(600_000);
    let log = [
        "\u{feff}nodeId;isemsRevision;timestamp",
        &line("Hut", MONDAY),
        "",
        " \t",
        &line("Hut", 86_400),
        &line("Hut", now + 86_400),
        "Hut;1;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0;0",
        &endless,
        &line("Hut", MONDAY + 60),
        &line("Hut", MONDAY).replace("14.073", "9.9"),
        &line("Hut", MONDAY),
        &line("Hut", MONDAY + 120),
    ];
    let log = log.join("\r\n");
    // Truncated within the longitude: 18 fields, and a wrong value.
    let cut = line("Hut", MONDAY + 180);
    place.write("hut.log", format!("{log}\r\n{}", &cut[..cut.len() - 6]));
    let report = place.import(&["hut.log"]);
    assert!(report.contains("3 stored, 1 duplicates, 7 rejected"), "{report}");
    for wanted in [
        "  2 field_count\n    hut.log:1: nodeId;isemsRevision;timestamp\n    hut.log:13: Hut;1;",
        "  1 clock_unset\n    hut.log:5: Hut;1;86400;",
        "  1 clock_ahead\n    hut.log:6: Hut;1;",
        "  1 placeholder\n    hut.log:7: Hut;1;0;",
        "  1 too_large\n    hut.log:8: xxx",
        "  1 conflict\n    hut.log:10: Hut;1;",
    ] {
        assert!(report.contains(wanted), "{wanted} is missing in {report}");
    }
    assert_eq!(place.times("Hut").await, [MONDAY, MONDAY + 60, MONDAY + 120]);
    let rejects = place.rejects().await;
    assert_eq!(rejects.len(), 7);
    assert!(rejects.iter().all(|reject| reject.transport == "import" && reject.source == "hut.log"));
    let conflict = rejects.iter().find(|reject| reject.reason == RejectReason::Conflict).unwrap();
    assert_eq!((conflict.line, conflict.node.as_deref()), (10, Some("Hut")));
}

#[tokio::test]
async fn a_file_of_nonsense_does_not_fill_the_reject_log() {
    let place = Place::new();
    place.write("a.log", line("Barn", MONDAY) + &"\nrubbish".repeat(5_000) + "\n");
    place.write("b.log", (0..3_000).map(|minute| line("Hut", MONDAY + 60 * minute) + "\n").collect::<String>());
    place.write(
        "c.log",
        (0..3_000).map(|minute| line("Hut", MONDAY + 60 * minute).replace("v1", "v2") + "\n").collect::<String>(),
    );
    let report = place.import(&["a.log", "b.log", "c.log"]);
    assert!(report.contains("3001 stored, 0 duplicates, 8000 rejected\n  5000 field_count\n"), "{report}");
    let rejects = place.rejects().await;
    let of = |source: &str| rejects.iter().filter(|reject| reject.source == source).count();
    assert_eq!((of("a.log"), of("c.log"), rejects.len()), (1_000, 1_000, 2_000));
    assert!(rejects.iter().any(|reject| reject.line == 5_001), "the last ones are kept");
}

#[tokio::test]
async fn lines_arrived_when_their_file_was_last_changed() {
    let place = Place::new();
    let log: String = minutes("Hut", MONDAY, 3).collect();
    for (name, modified) in [("old.log", MONDAY + 60), ("restored.log", 0), ("ahead.log", 4_000_000_000)] {
        let path = place.write(name, log.replace("Hut", name));
        let time = UNIX_EPOCH + Duration::from_secs(modified as u64);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
    let before = isems_core::unix_now();
    place.import(&["old.log", "restored.log", "ahead.log"]);
    let arrivals = async |node| -> Vec<i64> {
        place.measurements(node).await.iter().map(|measurement| measurement.received_at - MONDAY).collect()
    };
    assert_eq!(arrivals("old.log").await, [60, 60, 120]);
    assert_eq!(arrivals("restored.log").await, [0, 60, 120], "each when it was measured");
    let ahead = arrivals("ahead.log").await;
    assert!(ahead.iter().all(|arrival| (before..=isems_core::unix_now()).contains(&(arrival + MONDAY))), "{ahead:?}");
}

#[tokio::test]
async fn nodes_that_interleave_over_weeks_are_stored_as_they_were() {
    let place = Place::new();
    let nodes = ["Dach", "Küche", "Hafen"];
    let hour = 3_600;
    let mut lines: Vec<String> =
        (0..5 * 7 * 24).flat_map(|count| nodes.map(|node| line(node, MONDAY + hour * count + 7))).collect();
    // Late, repeated, without values, with values that are not multiples of a thousandth, and from a node that changes
    // its firmware.
    lines.swap(100, 2_000);
    lines.push(lines[5].clone());
    for (field, value) in
        [(6, ""), (7, "-0"), (8, "0.1234567890123"), (9, "-inf"), (4, "-1"), (3, "v2"), (5, "6"), (18, "fff"), (1, "")]
    {
        let mut fields: Vec<&str> = lines[field * 100].split(';').collect();
        fields[field] = value;
        lines[field * 100] = fields.join(";");
    }
    let log = lines.join("\n") + "\n";
    place.write("all.log", &log);
    let report = place.import(&["all.log"]);
    assert!(report.contains("2520 stored, 1 duplicates, 0 rejected"), "{report}");
    let expected = decoded(&log);
    for node in nodes {
        let mut expected: Vec<_> = expected.iter().filter(|found| found.node_id.as_str() == node).cloned().collect();
        expected.dedup_by_key(|measurement| measurement.timestamp);
        assert_same(&place.measurements(node).await, &expected);
    }
}

#[tokio::test]
async fn what_is_printed_comes_back_as_it_was() {
    let place = Place::new();
    place.write("hut.log", minutes("Hut", MONDAY, 100).collect::<String>());
    place.import(&["hut.log"]);
    let stored = place.measurements("Hut").await;
    let printed = stored.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n";
    place.write("printed.csv", &printed);
    let report = place.import(&["printed.csv"]);
    assert!(report.contains("0 stored, 100 duplicates, 0 rejected"), "{report}");
    let report = place.import(&["printed.csv", "--database-url", "other.redb"]);
    assert!(report.contains("100 stored, 0 duplicates, 0 rejected"), "{report}");
    assert_same(&stored, &decoded(&printed));
}
