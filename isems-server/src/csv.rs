//! Measurements as CSV (RFC 4180), including the dialects that spreadsheets read.

use std::{
    fmt,
    io::{self, Write},
};

use clap::ValueEnum;
use isems_core::{Field, Measurement};

use crate::{line::Layout, line::source, time::Time};

/// The separator between two values of CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Separator {
    /// `,`
    #[default]
    #[value(name = ",")]
    Comma,
    /// `;`, which spreadsheets expect if numbers have a decimal comma
    #[value(name = ";")]
    Semicolon,
    /// A tab
    #[value(name = "tab")]
    Tab,
}

/// The decimal mark of numbers in CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Decimal {
    /// `.`
    #[default]
    #[value(name = ".")]
    Point,
    /// `,`
    #[value(name = ",")]
    Comma,
}

impl Separator {
    const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// A dialect of CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) separator: Separator,
    pub(crate) decimal: Decimal,
}

impl Dialect {
    /// Makes a dialect in which values remain distinguishable.
    pub(crate) fn new(separator: Option<Separator>, decimal: Option<Decimal>) -> Result<Self, &'static str> {
        let dialect = Self { separator: separator.unwrap_or_default(), decimal: decimal.unwrap_or_default() };
        if dialect.separator == Separator::Comma && dialect.decimal == Decimal::Comma {
            return Err("a comma cannot be both the separator and the decimal mark; choose ; as separator");
        }
        Ok(dialect)
    }
}

/// Writes the header: the names of the fields.
pub(crate) fn header(output: &mut Vec<u8>, layout: &Layout) {
    for (place, field) in layout.fields.iter().enumerate() {
        if place > 0 {
            output.push(layout.dialect.separator.byte());
        }
        output.extend_from_slice(field.name().as_bytes());
    }
    output.extend_from_slice(b"\r\n");
}

/// Writes a line. A missing value is an empty field.
pub(crate) fn line(output: &mut Vec<u8>, measurement: &Measurement, layout: &Layout) -> io::Result<()> {
    let Layout { fields, zone, dialect } = layout;
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            output.push(dialect.separator.byte());
        }
        match *field {
            Field::NodeId => text(output, measurement.node_id.as_str(), *dialect),
            Field::Timestamp => write!(output, "{}", Time { second: measurement.timestamp, zone })?,
            Field::TimeSource => output.extend_from_slice(source(measurement.time_source).as_bytes()),
            Field::ReceivedAt => write!(output, "{}", Time { second: measurement.received_at, zone })?,
            Field::IsemsRevision => text(output, measurement.isems_revision.as_deref().unwrap_or_default(), *dialect),
            Field::FirmwareVersion => {
                text(output, measurement.firmware_version.as_deref().unwrap_or_default(), *dialect);
            }
            Field::PowerSaveLevel => value(output, measurement.power_save_level)?,
            Field::Number(field) => number(output, measurement.number(field), *dialect)?,
            Field::Status => value(output, measurement.status)?,
        }
    }
    output.write_all(b"\r\n")
}

fn value(output: &mut Vec<u8>, value: Option<impl fmt::Display>) -> io::Result<()> {
    value.map_or(Ok(()), |value| write!(output, "{value}"))
}

fn number(output: &mut Vec<u8>, number: Option<f64>, dialect: Dialect) -> io::Result<()> {
    let start = output.len();
    value(output, number)?;
    if dialect.decimal == Decimal::Comma
        && let Some(point) = output[start..].iter_mut().find(|byte| **byte == b'.')
    {
        *point = b',';
    }
    Ok(())
}

/// Writes a text. One that a spreadsheet would take for a formula is preceded by an apostrophe, as is one that already
/// starts with an apostrophe, so that removing one restores every text. Texts have no control characters.
fn text(output: &mut Vec<u8>, text: &str, dialect: Dialect) {
    let separator = char::from(dialect.separator.byte());
    let is_quoted = text.contains([separator, '"']);
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
