//! Tests of the core part.

mod clock;
mod collector;
mod crash;
mod csvlog;
mod damage;
mod decode_properties;
mod disk;
mod fleet;
mod formats;
mod history;
mod inbox;
mod interruption;
mod json;
mod limits;
mod log;
mod redb;
mod redb_files;
mod retention;
mod sealing;
mod simulation;
mod suites;
mod true_mesh;

use isems_core::{
    Decoded, Field, Format, Measurement, MeasurementQuery, NodeId, NumberField, Payload, RejectReason, Repository,
    decode,
    testing::{SAMPLE_LINE_19, SAMPLE_TIME},
};

/// The time at which the payloads of these tests arrive: a minute after the sample line was measured.
const ARRIVAL: i64 = SAMPLE_TIME + 60;

fn node_id(name: &str) -> NodeId {
    name.parse().expect("the test's node id is valid")
}

/// Makes a payload as delivered by a broker: complete.
fn payload(bytes: &[u8]) -> Payload<'_> {
    Payload { format: Format::Csvlog, node: None, source: "a test", received_at: ARRIVAL, whole: true, bytes }
}

/// Decodes lines as delivered by a broker.
fn decode_whole(bytes: impl AsRef<[u8]>) -> Decoded {
    decode(&payload(bytes.as_ref()))
}

/// Decodes lines as read from a log that is being written.
fn decode_polled(bytes: impl AsRef<[u8]>) -> Decoded {
    decode(&Payload { whole: false, ..payload(bytes.as_ref()) })
}

/// Returns the sample line with one field replaced (counted from 1, as in the documentation of the format).
fn line_with(place: usize, value: &str) -> String {
    let mut fields: Vec<_> = SAMPLE_LINE_19.split(';').collect();
    fields[place - 1] = value;
    fields.join(";")
}

/// Returns the sample line, measured at a different time.
fn line_at(timestamp: i64) -> String {
    line_with(3, &timestamp.to_string())
}

/// Returns the single measurement of a payload without rejects and dropped values.
#[track_caller]
fn only_measurement(decoded: Decoded) -> Measurement {
    assert_eq!((&*decoded.rejects, &*decoded.dropped), (&[][..], &[][..]));
    let [measurement] = decoded.measurements.try_into().expect("there is one measurement");
    measurement
}

/// Returns reasons and fields of the rejects.
fn reasons(decoded: &Decoded) -> Vec<(RejectReason, Option<&'static str>)> {
    decoded.rejects.iter().map(|reject| (reject.reason, reject.field.map(Field::name))).collect()
}

async fn all_of(repository: &dyn Repository, node: &str) -> Vec<Measurement> {
    repository.measurements(&MeasurementQuery::oldest_first(node_id(node))).await.expect("the repository can be read")
}

/// A Monday at 00:00 UTC, when a week begins.
const MONDAY: i64 = 2600 * WEEK - 259_200;

/// The seconds of a week.
const WEEK: i64 = 604_800;

/// Compares measurements bit for bit, because `==` takes -0 for 0.
#[track_caller]
fn assert_exact(found: &[Measurement], expected: &[Measurement]) {
    let bits = |measurement: &Measurement| NumberField::ALL.map(|field| measurement.number(field).map(f64::to_bits));
    let differs = |(found, expected): (&Measurement, &Measurement)| found != expected || bits(found) != bits(expected);
    if let Some(place) = found.iter().zip(expected).position(differs) {
        panic!("number {place} is {:?}, not {:?}", found[place], expected[place]);
    }
    assert_eq!(found.len(), expected.len());
}
