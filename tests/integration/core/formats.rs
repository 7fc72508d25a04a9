//! Files of every past format: they are opened, and contain what they did.
//!
//! `tests/fixtures` has a small file of each format, with its content as text. `UPDATE_GOLDEN=1` rewrites the texts;
//! the ignored test here makes the file of the current format.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use isems_core::{
    Batch, Measurement, MeasurementQuery, NumberField, RedbOptions, RedbRepository, Reject, RejectKind, RejectQuery,
    RejectReason, Repository, TimeSource, testing::sample_measurement,
};
use redb::{Database, ReadableDatabase, TableDefinition};
use tempfile::TempDir;

use super::{MONDAY, WEEK, node_id};

const CURRENT: u32 = 3;
const METADATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("metadata");
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");

/// The keys of metadata in the files.
const KEYS: [&str; 3] = ["", "http/offset", "missing"];

fn fixture(format: u32, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/format-{format}.{extension}"))
}

/// Copies a file of a format, so that it can be written to.
fn file_of(format: u32) -> (TempDir, PathBuf) {
    let compressed = fs::File::open(fixture(format, "redb.gz")).expect("there is a file of the format");
    let mut file = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut file).expect("it can be unpacked");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    fs::write(&path, file).expect("it can be written");
    (folder, path)
}

fn format_of(path: &Path) -> u32 {
    let database = Database::open(path).expect("the file is a redb file");
    let transaction = database.begin_read().expect("it can be read");
    let metadata = transaction.open_table(METADATA).expect("it has the table");
    let format = metadata.get("format").expect("it can be read").expect("it has a format");
    u32::from_le_bytes(format.value().try_into().expect("a format has four bytes"))
}

/// Returns everything in a repository.
async fn text_of(repository: &RedbRepository) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a text takes lines");
    for node in repository.nodes().await.expect("it can be read") {
        line(format!(
            "node {:?} {}: {} from {} to {}, arrived {} to {}",
            node.id,
            repository.node_numbers()[&node.id],
            node.measurements,
            node.first_timestamp,
            node.latest.timestamp,
            node.first_received_at,
            node.last_received_at
        ));
        let query = MeasurementQuery::oldest_first(node.id.clone());
        for measurement in repository.measurements(&query).await.expect("it can be read") {
            line(format!("{measurement} {} {:?}", measurement.received_at, measurement.time_source));
        }
    }
    for reject in repository.rejects(&RejectQuery::newest(usize::MAX)).await.expect("it can be read").rejects {
        line(serde_json::to_string(&reject).expect("a reject can be written"));
    }
    for key in KEYS {
        line(format!("{key:?}: {:?}", repository.metadata(key).await.expect("it can be read")));
    }
    text
}

#[tokio::test]
async fn files_of_every_format_hold_what_they_held() {
    for format in 1..=CURRENT {
        let (_folder, path) = file_of(format);
        assert_eq!(format_of(&path), format);
        let repository = RedbRepository::open(&path).expect("the file can be opened");
        let text = text_of(&repository).await;
        let golden = fixture(format, "txt");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &text).expect("the text can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert!(text == expected, "format {format} differs from {}; UPDATE_GOLDEN=1 writes it anew", golden.display());
        assert_eq!(repository.check().await.expect("it can be read").damages, []);
        drop(repository);
        assert_eq!(format_of(&path), CURRENT, "an older format is brought to the current one");

        // And it goes on: what is there is sealed, and what comes finds it.
        let repository = RedbRepository::open(&path).expect("the file can be opened again");
        repository.seal(i64::MAX).await.expect("it is sealed");
        assert!(text_of(&repository).await == expected, "sealing format {format} changes something");
        let id = repository.nodes().await.expect("it can be read")[0].id.clone();
        let query = MeasurementQuery::oldest_first(id);
        let measurements = repository.measurements(&query).await.expect("it can be read");
        let count = measurements.len() as u64;
        let again = repository.store(Batch { measurements, ..Batch::default() }).await.expect("it is stored");
        assert_eq!(again.duplicates(), count);
        assert_eq!(repository.check().await.expect("it can be read").damages, []);
    }
}

#[tokio::test]
async fn a_file_whose_format_was_not_changed_to_the_end_is_opened() {
    let (_folder, path) = file_of(1);
    let database = Database::open(&path).expect("the file is a redb file");
    let transaction = database.begin_write().expect("it can be written");
    transaction.open_table(BLOCKS).expect("it can be made");
    transaction.commit().expect("it can be written");
    drop(database);
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    assert!(text_of(&repository).await == fs::read_to_string(fixture(1, "txt")).expect("it can be read"));
    drop(repository);
    assert_eq!(format_of(&path), CURRENT);
}

/// Returns a measurement with many odd values.
fn measurement(name: &str, number: i64) -> Measurement {
    let time = MONDAY + number * 14_000;
    let mut measurement = sample_measurement(name, time);
    measurement.received_at = time + number % 50;
    let temperature = (number % 70) as f64 / 2.0 - 10.0;
    measurement.battery_temperature = Some(temperature);
    measurement.temperature_corrected_voltage = Some(((14.5 - 0.03 * temperature) * 1000.0).round() / 1000.0);
    if number % 7 == 0 {
        measurement.battery_health_estimate = None;
        measurement.isems_revision = None;
        measurement.power_save_level = None;
        measurement.status = None;
    }
    if number % 11 == 0 {
        measurement.latitude = Some(1.0 / 3.0);
        measurement.longitude = Some(-180.0);
        measurement.rated_battery_capacity = Some(-0.0);
        measurement.firmware_version = Some(format!("ÄÖ {number:0123}").into());
        measurement.time_source = TimeSource::Arrival;
        measurement.received_at = i64::MAX;
    }
    if number % 13 == 0 {
        measurement = Measurement::new(node_id(name), time, time - Measurement::CLOCK_AHEAD_SECONDS);
    }
    measurement
}

/// Makes the file of the current format, which is kept when a release changes the format.
#[tokio::test]
#[ignore = "it writes the file of the current format, for when that is new"]
async fn makes_the_file_of_the_current_format() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).expect("the file can be made");
    let names = ["Barn", "Größe 1.2 "];
    let of = |numbers: fn(&i64) -> bool| {
        let each = move |name| (0..150).filter(numbers).map(move |number| measurement(name, number));
        names.into_iter().flat_map(each).collect::<Vec<_>>()
    };
    let rejects = (1_u32..).zip(RejectReason::ALL).map(|(line, reason)| Reject {
        kind: RejectKind::Line,
        received_at: MONDAY + i64::from(line),
        transport: "mqtt".into(),
        source: "isems/Barn".into(),
        node: line.is_multiple_of(2).then(|| "Barn".into()),
        reason,
        field: line.is_multiple_of(3).then(|| NumberField::Latitude.name().into()),
        line,
        text: format!("line {line} with „quotes“ and \u{fffd}"),
    });
    let metadata = vec![("http/offset".into(), vec![0, 255, 7]), (String::new(), b"empty".to_vec())];
    let batch =
        Batch { measurements: of(|number| number % 5 > 0), rejects: rejects.collect(), metadata, ..Batch::default() };
    repository.store(batch).await.expect("it is stored");
    repository.seal(MONDAY + 2 * WEEK).await.expect("it is sealed");
    repository.import(Batch { measurements: of(|number| *number == 130), ..Batch::default() }).await.expect("imported");
    let late = Batch { measurements: of(|number| number % 5 == 0 && *number != 130), ..Batch::default() };
    repository.store(late).await.expect("it is stored");
    repository.delete(&node_id("Barn"), MONDAY + WEEK, MONDAY + WEEK + 70_000).await.expect("it is deleted");
    drop(repository);
    RedbOptions::default().compact(&path).expect("it can be compacted");
    assert_eq!(format_of(&path), CURRENT);
    let target = fs::File::create(fixture(CURRENT, "redb.gz")).expect("the file can be written");
    let mut target = GzBuilder::new().write(target, Compression::best());
    target.write_all(&fs::read(&path).expect("it can be read")).expect("the file can be written");
    target.finish().expect("the file can be written");
}
