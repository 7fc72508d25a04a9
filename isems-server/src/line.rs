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

use crate::{csv::Dialect, time::Time};

/// The format of measurements that are written line by line.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The fields to write, in order.
    pub(crate) fields: Vec<Field>,
    /// The time zone of times.
    pub(crate) zone: TimeZone,
    /// The dialect of CSV.
    pub(crate) dialect: Dialect,
}

/// Writes a JSON object and a line ending.
pub(crate) fn ndjson(output: &mut Vec<u8>, measurement: &Measurement, layout: &Layout) -> io::Result<()> {
    let object = Object { measurement, fields: &layout.fields, zone: &layout.zone };
    serde_json::to_writer(&mut *output, &object)?;
    output.write_all(b"\n")
}

/// Writes a csvlog line.
pub(crate) fn csvlog(output: &mut Vec<u8>, measurement: &Measurement) -> io::Result<()> {
    writeln!(output, "{measurement}")
}

pub(crate) fn source(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Node => "node",
        TimeSource::Arrival => "arrival",
    }
}

/// A measurement in its JSON form, but with times as text, and only some fields, in order.
pub(crate) struct Object<'a> {
    pub(crate) measurement: &'a Measurement,
    pub(crate) fields: &'a [Field],
    pub(crate) zone: &'a TimeZone,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { measurement, fields, zone } = *self;
        let mut object = serializer.serialize_map(Some(fields.len()))?;
        for field in fields {
            let name = field.name();
            match *field {
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

/// Serializes as text, without allocating a string.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0).map_err(S::Error::custom)
    }
}
