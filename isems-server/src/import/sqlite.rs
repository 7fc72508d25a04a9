//! Reading the database of the Python collector: one table `measurement`, with times on Berlin's wall clock.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    str,
    sync::Arc,
};

use isems_core::{
    BoxError, ClockState, DroppedValue, Field, Measurement, NodeId, Reject, RejectReason, RejectedLine, Status,
};
use jiff::civil::DateTime;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};

use super::{
    autumn::{NodeClock, Settled},
    feed::Feed,
    packed::SourceLine,
    scratch::Scratch,
};
use crate::berlin::{Berlin, Instant};

/// Feeds the rows of a database in the order in which they were stored, because only that tells the two passes of the
/// hour in autumn apart. The file is not written to. The arrival of a row is not known; the measured time stands in for
/// it.
pub(super) fn read(path: &Path, bytes: u64, scratch: &Scratch, feed: &mut Feed) -> Result<(), BoxError> {
    let copy;
    let connection = if has_unfinished_changes(path) {
        copy = Copy::make(path, &scratch.folder()?)?;
        Connection::open(&copy.path)?
    } else {
        open(path)?
    };
    // Lets a truncated database be read as far as it goes.
    connection.pragma_update(None, "writable_schema", true)?;
    let mut rows = Rows { berlin: Berlin::new(), nodes: HashMap::new(), revision: None, firmware: None };
    let result = rows.read(&connection, bytes, feed);
    for node in rows.nodes.values_mut() {
        deliver(node.clock.end(), feed);
    }
    result
}

/// The files beside a database that contain changes not yet in it, or changes to be rolled back.
const COMPANIONS: [&str; 2] = ["-journal", "-wal"];

fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn has_unfinished_changes(path: &Path) -> bool {
    let is_filled = |suffix: &&str| fs::metadata(companion(path, suffix)).is_ok_and(|metadata| metadata.len() > 0);
    COMPANIONS.iter().any(is_filled)
}

/// A copy of a database and its side files, in which unfinished changes are completed or rolled back.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn make(path: &Path, folder: &Path) -> Result<Self, BoxError> {
        let copy = Self { path: folder.join("copy.sqlite") };
        let files = COMPANIONS.iter().filter(|suffix| companion(path, suffix).exists()).chain([&""]);
        for suffix in files {
            let mut source = File::open(companion(path, suffix))?;
            let copied = File::create(companion(&copy.path, suffix))
                .and_then(|mut target| std::io::copy(&mut source, &mut target));
            copied.map_err(|error| format!("cannot copy it, with its journal, to {}: {error}", folder.display()))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        for suffix in COMPANIONS.iter().chain(&["-shm", ""]) {
            // Missing files need not be removed, and the whole folder is removed at the end.
            let _ = fs::remove_file(companion(&self.path, suffix));
        }
    }
}

/// Opens a database that needs no side files, so that nothing is written, not even beside it.
fn open(path: &Path) -> Result<Connection, BoxError> {
    let mut start = [0; 20];
    File::open(path)?.read_exact(&mut start)?;
    // For a database in write-ahead mode SQLite would create a log. There is none, so nobody is writing.
    let is_write_ahead = start[18..20].contains(&2);
    let encoded = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    let uri = format!("file:{encoded}{}", if is_write_ahead { "?immutable=1" } else { "" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(uri, flags)?)
}

/// The state of reading a database.
struct Rows {
    berlin: Berlin,
    nodes: HashMap<String, NodeRows>,
    // Values shared by neighbouring rows.
    revision: Option<Arc<str>>,
    firmware: Option<Arc<str>>,
}

struct NodeRows {
    id: NodeId,
    clock: NodeClock,
}

/// The reason why a row is not a measurement, and the column at fault.
struct RowError {
    reason: RejectReason,
    field: Field,
}

impl Rows {
    fn read(&mut self, connection: &Connection, bytes: u64, feed: &mut Feed) -> Result<(), BoxError> {
        let foreign = |error: rusqlite::Error| format!("it is not a database of the Python collector: {error}");
        let columns = Field::CSVLOG.map(Field::name).join(", ");
        let mut statement =
            connection.prepare(&format!("SELECT {columns}, id FROM measurement ORDER BY id")).map_err(foreign)?;
        let range =
            "SELECT coalesce((SELECT min(id) FROM measurement), 0), coalesce((SELECT max(id) FROM measurement), 0)";
        // These are only used for showing progress, so failing to read them does not matter.
        let ids = connection.query_row(range, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (first, last): (i64, i64) = ids.unwrap_or_default();
        let all_ids = u128::from(last.abs_diff(first)) + 1;
        let mut told = 0;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if feed.is_over() {
                return Ok(());
            }
            let id: i64 = row.get(Field::CSVLOG.len())?;
            let read = (u128::from(id.abs_diff(first)) * u128::from(bytes) / all_ids).min(bytes.into()) as u64;
            feed.progress.advance(read.saturating_sub(told));
            told = told.max(read);
            let line = id.clamp(0, u32::MAX.into()) as u32;
            if let Err(RowError { reason, field }) = self.row(row, line, feed) {
                let line = RejectedLine { reason, field: Some(field), line, text: text_of(row) };
                let node = value(row, Field::NodeId).as_str().ok().map(Into::into);
                feed.reject(line, node);
            }
        }
        feed.progress.advance(bytes.saturating_sub(told));
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, line: u32, feed: &mut Feed) -> Result<(), RowError> {
        let invalid = |field, reason| RowError { reason, field };
        let node = text(row, Field::NodeId).map_err(|reason| invalid(Field::NodeId, reason))?.unwrap_or_default();
        if !self.nodes.contains_key(node) {
            let id = NodeId::new(node).map_err(|_| invalid(Field::NodeId, RejectReason::NodeIdInvalid))?;
            self.nodes.insert(node.into(), NodeRows { id, clock: NodeClock::default() });
        }
        let no_time = || invalid(Field::Timestamp, RejectReason::TimestampInvalid);
        let wall: DateTime =
            text(row, Field::Timestamp).ok().flatten().and_then(|time| time.parse().ok()).ok_or_else(no_time)?;
        let instant = self.berlin.instant(wall);
        let (Instant::Once(timestamp) | Instant::Twice { first: timestamp }) = instant else { return Err(no_time()) };
        let reason = if timestamp < Measurement::CLOCK_UNSET_BEFORE {
            Some(RejectReason::ClockUnset)
        } else if feed.clock() == ClockState::Plausible && timestamp > feed.now() + Measurement::CLOCK_AHEAD_SECONDS
            || timestamp > i64::from(u32::MAX)
        {
            Some(RejectReason::ClockAhead)
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(invalid(Field::Timestamp, reason));
        }
        let state = self.nodes.get_mut(node).expect("it was inserted above if it was missing");
        let mut measurement = Measurement::new(state.id.clone(), timestamp, timestamp);
        let mut dropped = Vec::new();
        for field in Field::CSVLOG {
            let read = match field {
                Field::IsemsRevision => {
                    text(row, field).map(|text| measurement.isems_revision = shared(text, &mut self.revision))
                }
                Field::FirmwareVersion => {
                    text(row, field).map(|text| measurement.firmware_version = shared(text, &mut self.firmware))
                }
                Field::PowerSaveLevel => power_save_level(row).map(|level| measurement.power_save_level = level),
                Field::Number(number_field) => {
                    number(row, field).map(|number| *measurement.number_mut(number_field) = number)
                }
                Field::Status => status(row).map(|status| measurement.status = status),
                Field::NodeId | Field::Timestamp | Field::TimeSource | Field::ReceivedAt => Ok(()),
            };
            if let Err(reason) = read {
                dropped.push(DroppedValue { reason, field, line, text: value_text(value(row, field)) });
            }
        }
        measurement.drop_invalid_values(line, &mut dropped);
        for value in dropped {
            feed.drop_value(&measurement.node_id, value);
        }
        if let Instant::Twice { .. } = instant {
            deliver(state.clock.twice(measurement, SourceLine { file: 0, line }), feed);
        } else {
            deliver(state.clock.once(timestamp), feed);
            feed.measurement(line, measurement);
        }
        Ok(())
    }
}

fn deliver(settled: Settled, feed: &mut Feed) {
    if settled.ambiguous > 0 {
        feed.ambiguous_times(settled.ambiguous);
    }
    for (measurement, origin) in settled.rows {
        feed.measurement(origin.line, measurement);
    }
}

/// Returns the value of a field. The columns are selected in the order of the csvlog line.
fn value<'a>(row: &'a Row<'_>, field: Field) -> ValueRef<'a> {
    let column = field.csvlog_place().expect("only columns of the collector are asked for");
    row.get_ref(column).expect("every column was asked for")
}

fn text<'a>(row: &'a Row<'_>, field: Field) -> Result<Option<&'a str>, RejectReason> {
    match value(row, field) {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => str::from_utf8(bytes).map(Some).map_err(|_| RejectReason::EncodingInvalid),
        _ => Err(RejectReason::TextInvalid),
    }
}

fn shared(text: Option<&str>, previous: &mut Option<Arc<str>>) -> Option<Arc<str>> {
    let text = text.filter(|text| !["", "-"].contains(text))?;
    if previous.as_deref() != Some(text) {
        *previous = Some(text.into());
    }
    previous.clone()
}

/// Reads a number. Texts that mean "missing" in csvlog lines mean the same here.
fn number(row: &Row<'_>, field: Field) -> Result<Option<f64>, RejectReason> {
    let number = match value(row, field) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(integer) => integer as f64,
        ValueRef::Real(real) => real,
        ValueRef::Text(text) => match str::from_utf8(text).unwrap_or_default().trim() {
            "" | "-" => return Ok(None),
            text => text.parse().map_err(|_| RejectReason::NumberInvalid)?,
        },
        ValueRef::Blob(_) => return Err(RejectReason::NumberInvalid),
    };
    Ok(number.is_finite().then_some(number))
}

/// Reads a power save level; the collector kept only whether it is 1.
fn power_save_level(row: &Row<'_>) -> Result<Option<u8>, RejectReason> {
    match number(row, Field::PowerSaveLevel)? {
        None => Ok(None),
        Some(level) if level.fract() == 0.0 && (0.0..=255.0).contains(&level) => Ok(Some(level as u8)),
        Some(_) => Err(RejectReason::NumberOutOfRange),
    }
}

fn status(row: &Row<'_>) -> Result<Option<Status>, RejectReason> {
    let status = match value(row, Field::Status) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(bits) => u16::try_from(bits).ok().and_then(Status::from_bits),
        _ => None,
    };
    status.map(Some).ok_or(RejectReason::StatusInvalid)
}

/// Formats a row as the csvlog line that it came from, except for the time.
fn text_of(row: &Row<'_>) -> String {
    let values: Vec<String> = Field::CSVLOG.into_iter().map(|field| value_text(value(row, field))).collect();
    Reject::text_of(values.join(";").as_bytes())
}

fn value_text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Reject::text_of(bytes),
    }
}
