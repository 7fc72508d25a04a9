//! The database of the Python collector.

use std::{fs, path::Path};

use isems_core::{RejectReason, TimeSource};
use rusqlite::{Connection, params, types::Value};

use super::{Place, listing, text};

/// The table as the collector created it.
const TABLE: &str = r#"
CREATE TABLE measurement (
    id INTEGER NOT NULL,
    "nodeId" VARCHAR NOT NULL,
    "isemsRevision" VARCHAR,
    timestamp DATETIME NOT NULL,
    "openMPPTFirmwareVersion" VARCHAR,
    "timeToShutdown" FLOAT,
    "isPowerSaveMode" BOOLEAN,
    "openCircuitVoltage" FLOAT,
    "mppVoltage" FLOAT,
    "batteryVoltage" FLOAT,
    "batteryChargeEstimate" FLOAT,
    "batteryHealthEstimate" FLOAT,
    "batteryTemperature" FLOAT,
    "lowVoltageDisconnectVoltage" FLOAT,
    "temperatureCorrectedVoltage" FLOAT,
    "rateBatteryCapacity" FLOAT,
    "ratedSolarModuleCapacity" FLOAT,
    latitude FLOAT,
    longitude FLOAT,
    status INTEGER,
    PRIMARY KEY (id),
    UNIQUE ("nodeId", timestamp)
)"#;

const FILE: &str = "isems-data-collector.sqlite";

/// The second at which Berlin's clock went from 03:00 back to 02:00: 2025-10-26T01:00:00Z.
const WINTER: i64 = 1_761_440_400;

fn make(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    database.execute_batch(TABLE).unwrap();
    database
}

fn insert(database: &Connection, node: &str, wall_clock: &str) {
    let columns = "\"nodeId\", \"isemsRevision\", timestamp, \"isPowerSaveMode\", \"batteryVoltage\", status";
    let sql = format!("INSERT INTO measurement ({columns}) VALUES (?, '1', ?, 0, 12.5, 2369)");
    database.execute(&sql, params![node, wall_clock]).unwrap();
}

/// Returns Berlin's wall clock near the change to winter time, as the collector wrote it.
fn wall_clock(second: i64) -> String {
    let since_midnight = second - (WINTER - 3 * 3_600) + if second < WINTER { 0 } else { -3_600 };
    let (hours, minutes, seconds) = (since_midnight / 3_600, since_midnight / 60 % 60, since_midnight % 60);
    format!("2025-10-26 {hours:02}:{minutes:02}:{seconds:02}.000000")
}

#[tokio::test]
async fn every_column_is_taken_over() {
    let place = Place::new();
    let database = make(&place.path(FILE));
    let row = |node: &str, time: &str, values: [Value; 17]| {
        let marks = ["?"; 19].join(", ");
        let sql = format!("INSERT INTO measurement SELECT (SELECT coalesce(max(id), 0) + 1 FROM measurement), {marks}");
        let mut all: Vec<Value> = values.into();
        all.insert(0, node.to_owned().into());
        all.insert(2, time.to_owned().into());
        database.execute(&sql, rusqlite::params_from_iter(all)).unwrap();
    };
    let real = Value::Real;
    let values = || -> [Value; 17] {
        let mut values = vec![Value::Text("1".into()), Value::Text("ATmega8_A_1".into()), real(711.0), true.into()];
        values.extend(
            [18.614, 18.5, 14.073, 100.0, 99.0, 28.0, 11.67, 14.086, 7.0, 20.0, 52.507_309, 13.458_635].map(real),
        );
        values.push(Value::Integer(0x941));
        values.try_into().unwrap()
    };
    row("Küche/Süd", "2018-06-30 15:16:15.000000", values());
    let mut missing: [Value; 17] = std::array::from_fn(|_| Value::Null);
    row("Küche/Süd", "2018-06-30 15:17:15.999999", missing.clone());
    missing[2] = Value::Text("nan".into());
    missing[3] = false.into();
    missing[4] = real(f64::INFINITY);
    missing[5] = Value::Text("-".into());
    missing[6] = Value::Text("12.25 ".into());
    row("Küche/Süd", "2018-06-30 15:18:15", missing.clone());
    missing[6] = Value::Text("12,25".into());
    row("Küche/Süd", "2018-06-30 15:19:15", missing.clone());
    missing[6] = Value::Null;
    missing[16] = Value::Integer(4_096);
    row("Küche/Süd", "2018-06-30 15:20:15", missing.clone());
    missing[16] = Value::Null;
    row("", "2018-06-30 15:21:15", missing.clone());
    row("Küche/Süd", "2017-06-30 15:21:15", missing.clone());
    row("Küche/Süd", "2099-06-30 15:21:15", missing.clone());
    row("Küche/Süd", "yesterday", missing);
    drop(database);

    let report = place.import(&[FILE]);
    assert!(report.contains("5 stored, 0 duplicates, 4 rejected"), "{report}");
    for wanted in [
        "2 values dropped, their lines kept",
        "  1 number_invalid in batteryVoltage\n    isems-data-collector.sqlite:4: 12,25\n",
        "  1 status_invalid in status\n    isems-data-collector.sqlite:5: 4096\n",
        "  1 node_id_invalid\n    isems-data-collector.sqlite:6:",
        "  1 clock_unset\n    isems-data-collector.sqlite:7:",
        "  1 clock_ahead\n    isems-data-collector.sqlite:8:",
        "  1 timestamp_invalid\n    isems-data-collector.sqlite:9: Küche/Süd;;yesterday;",
    ] {
        assert!(report.contains(wanted), "{wanted} is missing in {report}");
    }
    let stored = place.measurements("Küche/Süd").await;
    let line = "Küche/Süd;1;1530364575;ATmega8_A_1;711;1;18.614;18.5;14.073;100;99;28;11.67;14.086;7;20;52.507309;13.458635;941";
    assert_eq!(stored[0].to_string(), line);
    assert_eq!((stored[0].received_at, stored[0].time_source), (1_530_364_575, TimeSource::Node));
    assert_eq!(stored[1].to_string(), "Küche/Süd;;1530364635;;;;;;;;;;;;;;;");
    assert_eq!(stored[2].to_string(), "Küche/Süd;;1530364695;;;0;;;12.25;;;;;;;;;");

    let report = place.import(&[FILE]);
    assert!(report.contains("0 stored, 5 duplicates, 4 rejected"), "{report}");
}

#[tokio::test]
async fn the_hour_that_came_twice_is_told_apart_by_the_order_of_the_rows() {
    let place = Place::new();
    let database = make(&place.path(FILE));
    let minutes = |from: i64, to: i64| (from..to).step_by(60);
    // Fetched late, so that both passes were stored, a little apart.
    let both: Vec<i64> = minutes(WINTER - 4_200, WINTER).chain(minutes(WINTER + 30, WINTER + 4_200)).collect();
    // What the collector mostly did: it lost the second pass.
    let first: Vec<i64> = minutes(WINTER - 4_200, WINTER).chain(minutes(WINTER + 3_600, WINTER + 4_200)).collect();
    // Silent until the second pass.
    let second: Vec<i64> = [WINTER - 9_000].into_iter().chain(minutes(WINTER + 600, WINTER + 4_200)).collect();
    // Neither neighbour is near.
    let alone: Vec<i64> =
        [WINTER - 9_000].into_iter().chain(minutes(WINTER - 3_000, WINTER - 2_700)).chain([WINTER + 9_000]).collect();
    // The first pass begins late, the second one early: the clock goes back by ten minutes only.
    let short: Vec<i64> = minutes(WINTER - 3_600, WINTER - 2_400).chain(minutes(WINTER + 630, WINTER + 930)).collect();
    let nodes = [("Both", both), ("First", first), ("Second", second), ("Alone", alone), ("Short", short)];
    // Rows of the nodes alternate, as polling made them.
    let longest = nodes.iter().map(|(_, times)| times.len()).max().unwrap();
    for place in 0..longest {
        for (node, times) in &nodes {
            if let Some(second) = times.get(place) {
                insert(&database, node, &wall_clock(*second));
            }
        }
    }
    drop(database);
    let report = place.import(&[FILE]);
    assert!(report.contains(", 0 rejected"), "{report}");
    assert!(report.contains("\n5 times in the repeated hour of autumn"), "{report}");
    for (node, times) in &nodes {
        assert_eq!(place.times(node).await, *times, "{node}");
    }
}

#[tokio::test]
async fn an_hour_at_the_end_of_the_database_is_not_forgotten() {
    let place = Place::new();
    let database = make(&place.path(FILE));
    for second in (WINTER - 7_200..WINTER).step_by(600) {
        insert(&database, "Hut", &wall_clock(second));
    }
    drop(database);
    let report = place.import(&[FILE]);
    assert!(report.contains("12 stored, 0 duplicates, 0 rejected\n") && !report.contains("twice"), "{report}");
    assert_eq!(place.times("Hut").await, (WINTER - 7_200..WINTER).step_by(600).collect::<Vec<_>>());
}

#[tokio::test]
async fn times_that_the_clock_skipped_in_spring_are_rejected() {
    let place = Place::new();
    let database = make(&place.path(FILE));
    for time in ["01:59:59", "02:00:00", "02:30:00", "02:59:59", "03:00:00"] {
        insert(&database, "Hut", &format!("2025-03-30 {time}.000000"));
    }
    drop(database);
    let report = place.import(&[FILE]);
    assert!(report.contains("2 stored, 0 duplicates, 3 rejected\n  3 timestamp_invalid\n"), "{report}");
    assert_eq!(place.times("Hut").await, [1_743_296_399, 1_743_296_400]);
    assert!(place.rejects().await.iter().all(|reject| reject.reason == RejectReason::TimestampInvalid));
}

/// Inserts rows of one node, one a minute.
fn fill(database: &Connection, node: &str, count: i64) {
    database.execute_batch("BEGIN").unwrap();
    for minute in 0..count {
        insert(
            database,
            node,
            &format!("2025-06-{:02} {:02}:{:02}:00.000000", 1 + minute / 1_440, minute / 60 % 24, minute % 60),
        );
    }
    database.execute_batch("COMMIT").unwrap();
}

#[tokio::test]
async fn what_is_still_in_the_write_ahead_log_is_imported_and_nothing_is_written() {
    let place = Place::new();
    fs::create_dir(place.path("old")).unwrap();
    let database = make(&place.path("old").join(FILE));
    let mode: String = database.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    fill(&database, "Hut", 100);
    let before = listing(&place.path("old"));
    assert_eq!(before.len(), 3, "there is a write-ahead log");
    let report = place.import(&[&format!("old/{FILE}")]);
    assert!(report.contains("100 stored"), "{report}");
    assert_eq!(listing(&place.path("old")), before);
    assert_eq!(place.times("Hut").await.len(), 100);
    drop(database);
    let before = listing(&place.path("old"));
    assert_eq!(before.len(), 1);
    let report = place.import(&["old"]);
    assert!(report.contains("100 duplicates"), "{report}");
    assert_eq!(listing(&place.path("old")), before);
    let left: Vec<_> = listing(place.0.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, [place.path("isems.redb"), place.path("old")], "the copy is gone");
}

#[tokio::test]
async fn what_was_never_committed_is_not_imported() {
    let place = Place::new();
    fs::create_dir(place.path("live")).unwrap();
    fs::create_dir(place.path("crashed")).unwrap();
    let database = make(&place.path("live").join(FILE));
    fill(&database, "Hut", 100);
    // Pages reach the file before the end of the transaction.
    database.execute_batch("PRAGMA cache_size = 10; BEGIN; UPDATE measurement SET \"nodeId\" = 'Changed'").unwrap();
    for count in 0..5_000 {
        insert(&database, &format!("Uncommitted {count}"), "2025-06-03 12:00:00.000000");
    }
    // The collector's computer loses its power.
    for (path, bytes) in listing(&place.path("live")) {
        fs::write(place.path("crashed").join(path.file_name().unwrap()), bytes).unwrap();
    }
    let before = listing(&place.path("crashed"));
    assert_eq!(before.len(), 2, "there is a journal");
    let report = place.import(&["crashed"]);
    assert!(report.contains("100 stored, 0 duplicates, 0 rejected"), "{report}");
    assert_eq!(listing(&place.path("crashed")), before);
    assert_eq!(place.times("Hut").await.len(), 100);
}

#[tokio::test]
async fn of_a_database_that_is_cut_short_the_rest_is_imported() {
    let place = Place::new();
    let database = make(&place.path("whole.sqlite"));
    fill(&database, "Hut", 5_000);
    drop(database);
    let bytes = fs::read(place.path("whole.sqlite")).unwrap();
    place.write(FILE, &bytes[..bytes.len() / 2]);
    place.write("stub.sqlite", &bytes[..16]);
    place.write("hut.log", super::minutes("Log", super::MONDAY, 5).collect::<String>());
    let output = place.fail(&[FILE, "stub.sqlite", "hut.log"]);
    let report = text(&output.stdout);
    assert!(report.contains("1 files read, 2 failed\n  isems-data-collector.sqlite: "), "{report}");
    assert!(report.contains("malformed") && report.contains("stub.sqlite: "), "{report}");
    assert_eq!(place.times("Log").await.len(), 5);
    let rest = place.times("Hut").await;
    assert!(rest.is_sorted() && (1_000..5_000).contains(&rest.len()), "{}", rest.len());
}
