//! Measurements as lines of text.

use std::{
    fmt,
    io::{self, Write},
};

use isems_core::{Field, Measurement, TimeSource};
use jiff::tz::TimeZone;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};

use crate::time::Time;

/// The fields of a measurement in the order of its JSON form, by their names on the wire.
const FIELDS_BEFORE: [&str; 6] =
    ["nodeId", "timestamp", "timeSource", "receivedAt", "isemsRevision", "openMPPTFirmwareVersion"];

/// Writes the header of CSV: the names of the fields.
pub(crate) fn csv_header(output: &mut Vec<u8>) -> io::Result<()> {
    output.write_all(FIELDS_BEFORE.join(",").as_bytes())?;
    for field in Field::ALL {
        write!(output, ",{}", field.name())?;
        if field == Field::TimeToShutdown {
            output.write_all(b",isPowerSaveMode")?;
        }
    }
    output.write_all(b",status\r\n")
}

/// Writes a line of CSV. A missing value is an empty field.
pub(crate) fn csv(output: &mut Vec<u8>, measurement: &Measurement, zone: &TimeZone) -> io::Result<()> {
    let Measurement { node_id, timestamp, time_source, received_at, isems_revision, firmware_version, .. } =
        measurement;
    csv_text(output, node_id.as_str());
    let (time, arrival) = (Time { second: *timestamp, zone }, Time { second: *received_at, zone });
    write!(output, ",{time},{},{arrival},", source(*time_source))?;
    csv_text(output, isems_revision.as_deref().unwrap_or_default());
    output.push(b',');
    csv_text(output, firmware_version.as_deref().unwrap_or_default());
    for field in Field::ALL {
        output.push(b',');
        if let Some(number) = measurement.number(field) {
            write!(output, "{number}")?;
        }
        if field == Field::TimeToShutdown {
            output.push(b',');
            if let Some(level) = measurement.power_save_level {
                write!(output, "{level}")?;
            }
        }
    }
    output.push(b',');
    if let Some(status) = measurement.status {
        write!(output, "{status}")?;
    }
    output.write_all(b"\r\n")
}

/// Writes a text of CSV. What a spreadsheet would take for a formula gets an apostrophe in front, and so does what has one
/// already, so that removing one gives the text back. Texts have no control characters.
fn csv_text(output: &mut Vec<u8>, text: &str) {
    let is_quoted = text.contains([',', '"']);
    if is_quoted {
        output.push(b'"');
    }
    if text.starts_with(['=', '+', '-', '@', '\'']) {
        output.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            output.push(b'"');
        }
        output.push(byte);
    }
    if is_quoted {
        output.push(b'"');
    }
}

/// Writes a JSON object and a line end.
pub(crate) fn ndjson(output: &mut Vec<u8>, measurement: &Measurement, zone: &TimeZone) -> io::Result<()> {
    serde_json::to_writer(&mut *output, &Object { measurement, zone })?;
    output.write_all(b"\n")
}

/// Writes a csvlog line.
pub(crate) fn csvlog(output: &mut Vec<u8>, measurement: &Measurement) -> io::Result<()> {
    writeln!(output, "{measurement}")
}

fn source(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Node => "node",
        TimeSource::Arrival => "arrival",
    }
}

/// A measurement as its JSON form, but with times as text.
pub(crate) struct Object<'a> {
    pub(crate) measurement: &'a Measurement,
    pub(crate) zone: &'a TimeZone,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { measurement, zone } = *self;
        let [node, timestamp, time_source, received_at, revision, firmware] = FIELDS_BEFORE;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry(node, measurement.node_id.as_str())?;
        object.serialize_entry(timestamp, &Time { second: measurement.timestamp, zone })?;
        object.serialize_entry(time_source, source(measurement.time_source))?;
        object.serialize_entry(received_at, &Time { second: measurement.received_at, zone })?;
        object.serialize_entry(revision, &measurement.isems_revision)?;
        object.serialize_entry(firmware, &measurement.firmware_version)?;
        for field in Field::ALL {
            object.serialize_entry(field.name(), &measurement.number(field))?;
            if field == Field::TimeToShutdown {
                object.serialize_entry("isPowerSaveMode", &measurement.power_save_level)?;
            }
        }
        object.serialize_entry("status", &measurement.status.map(Text))?;
        object.end()
    }
}

/// What is written as text, without a string of its own.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0).map_err(S::Error::custom)
    }
}
