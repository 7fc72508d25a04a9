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

/// Writes the header of CSV: the names of the fields.
pub(crate) fn csv_header(output: &mut Vec<u8>) {
    for (place, field) in Field::ALL.into_iter().enumerate() {
        if place > 0 {
            output.push(b',');
        }
        output.extend_from_slice(field.name().as_bytes());
    }
    output.extend_from_slice(b"\r\n");
}

/// Writes a line of CSV. A missing value is an empty field.
pub(crate) fn csv(output: &mut Vec<u8>, measurement: &Measurement, zone: &TimeZone) -> io::Result<()> {
    for (place, field) in Field::ALL.into_iter().enumerate() {
        if place > 0 {
            output.push(b',');
        }
        match field {
            Field::NodeId => csv_text(output, measurement.node_id.as_str()),
            Field::Timestamp => write!(output, "{}", Time { second: measurement.timestamp, zone })?,
            Field::TimeSource => output.extend_from_slice(source(measurement.time_source).as_bytes()),
            Field::ReceivedAt => write!(output, "{}", Time { second: measurement.received_at, zone })?,
            Field::IsemsRevision => csv_text(output, measurement.isems_revision.as_deref().unwrap_or_default()),
            Field::FirmwareVersion => csv_text(output, measurement.firmware_version.as_deref().unwrap_or_default()),
            Field::PowerSaveLevel => csv_value(output, measurement.power_save_level)?,
            Field::Number(field) => csv_value(output, measurement.number(field))?,
            Field::Status => csv_value(output, measurement.status)?,
        }
    }
    output.write_all(b"\r\n")
}

fn csv_value(output: &mut Vec<u8>, value: Option<impl fmt::Display>) -> io::Result<()> {
    value.map_or(Ok(()), |value| write!(output, "{value}"))
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
        let mut object = serializer.serialize_map(Some(Field::ALL.len()))?;
        for field in Field::ALL {
            let name = field.name();
            match field {
                Field::NodeId => object.serialize_entry(name, measurement.node_id.as_str())?,
                Field::Timestamp => object.serialize_entry(name, &Time { second: measurement.timestamp, zone })?,
                Field::TimeSource => object.serialize_entry(name, source(measurement.time_source))?,
                Field::ReceivedAt => object.serialize_entry(name, &Time { second: measurement.received_at, zone })?,
                Field::IsemsRevision => object.serialize_entry(name, &measurement.isems_revision)?,
                Field::FirmwareVersion => object.serialize_entry(name, &measurement.firmware_version)?,
                Field::PowerSaveLevel => object.serialize_entry(name, &measurement.power_save_level)?,
                Field::Number(field) => object.serialize_entry(name, &measurement.number(field))?,
                Field::Status => object.serialize_entry(name, &measurement.status.map(Text))?,
            }
        }
        object.end()
    }
}

/// Serializes as text, without a string of its own.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0).map_err(S::Error::custom)
    }
}
