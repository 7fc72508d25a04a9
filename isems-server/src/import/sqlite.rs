//! Reading the database of the Python collector: one table `measurement`, times as Berlin's wall clock.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    str,
    sync::Arc,
};

use isems_core::{BoxError, ClockState, Field, Measurement, NodeId, Reject, RejectReason, RejectedLine, Status};
use jiff::civil::DateTime;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};

use super::{
    autumn::{NodeClock, Settled},
    feed::Feed,
    packed::Origin,
    scratch::Scratch,
};
use crate::berlin::{Berlin, Instant};

/// The columns, after the number of the row those of a csvlog line in their order.
const COLUMNS: [&str; 20] = [
    "id",
    "nodeId",
    "isemsRevision",
    "timestamp",
    "openMPPTFirmwareVersion",
    "timeToShutdown",
    "isPowerSaveMode",
    "openCircuitVoltage",
    "mppVoltage",
    "batteryVoltage",
    "batteryChargeEstimate",
    "batteryHealthEstimate",
    "batteryTemperature",
    "lowVoltageDisconnectVoltage",
    "temperatureCorrectedVoltage",
    "rateBatteryCapacity",
    "ratedSolarModuleCapacity",
    "latitude",
    "longitude",
    "status",
];

/// Feeds the rows of a database, in the order in which they were stored: only that tells the two passes of the hour in autumn
/// apart. The file is not written to. A row's arrival is not known; the measured time is taken for it.
pub(super) fn read(path: &Path, bytes: u64, scratch: &Scratch, feed: &mut Feed) -> Result<(), BoxError> {
    let copy;
    let connection = if has_unfinished_changes(path) {
        copy = Copy::make(path, &scratch.folder()?)?;
        Connection::open(&copy.path)?
    } else {
        open(path)?
    };
    // Lets a database that is cut short be read as far as it goes.
    connection.pragma_update(None, "writable_schema", true)?;
    let mut rows = Rows { berlin: Berlin::new(), nodes: HashMap::new(), revision: None, firmware: None };
    let result = rows.read(&connection, bytes, feed);
    for node in rows.nodes.values_mut() {
        deliver(node.clock.end(), feed);
    }
    result
}

/// The files beside a database that hold what is not in the database yet, or is to be taken back in it.
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

/// A copy of a database, with what belongs to it, in which what was left unfinished is finished.
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
            // Those that are not there need not be removed, and the folder is removed as a whole in the end.
            let _ = fs::remove_file(companion(&self.path, suffix));
        }
    }
}

/// Opens a database that is whole by itself, so that nothing is written, not even beside it.
fn open(path: &Path) -> Result<Connection, BoxError> {
    let mut start = [0; 20];
    File::open(path)?.read_exact(&mut start)?;
    // Of a database with a write-ahead log SQLite would make that log. There is none, so nobody is writing.
    let is_write_ahead = start[18..20].contains(&2);
    let encoded = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    let uri = format!("file:{encoded}{}", if is_write_ahead { "?immutable=1" } else { "" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(uri, flags)?)
}

/// What reading a database takes.
struct Rows {
    berlin: Berlin,
    nodes: HashMap<String, NodeState>,
    // What neighbouring rows have in common is shared.
    revision: Option<Arc<str>>,
    firmware: Option<Arc<str>>,
}

struct NodeState {
    id: NodeId,
    clock: NodeClock,
}

/// What is wrong with a row, and in which column.
struct Fault {
    reason: RejectReason,
    field: &'static str,
}

impl Rows {
    fn read(&mut self, connection: &Connection, bytes: u64, feed: &mut Feed) -> Result<(), BoxError> {
        let foreign = |error: rusqlite::Error| format!("it is no database of the Python collector: {error}");
        let columns = COLUMNS.join(", ");
        let mut statement =
            connection.prepare(&format!("SELECT {columns} FROM measurement ORDER BY id")).map_err(foreign)?;
        let range =
            "SELECT coalesce((SELECT min(id) FROM measurement), 0), coalesce((SELECT max(id) FROM measurement), 0)";
        // Only progress is told by them, so that it does not matter if they cannot be read.
        let ids = connection.query_row(range, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (first, last): (i64, i64) = ids.unwrap_or_default();
        let all_ids = u128::from(last.abs_diff(first)) + 1;
        let mut told = 0;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if feed.is_over() {
                return Ok(());
            }
            let id: i64 = row.get(0)?;
            let read = (u128::from(id.abs_diff(first)) * u128::from(bytes) / all_ids).min(bytes.into()) as u64;
            feed.progress.advance(read.saturating_sub(told));
            told = told.max(read);
            let line = id.clamp(0, u32::MAX.into()) as u32;
            if let Err(fault) = self.row(row, line, feed) {
                let line = RejectedLine { reason: fault.reason, field: Some(fault.field), line, text: text_of(row) };
                let node = row.get_ref(1).ok().and_then(|node| node.as_str().ok()).map(Into::into);
                feed.reject(line, node);
            }
        }
        feed.progress.advance(bytes.saturating_sub(told));
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>, line: u32, feed: &mut Feed) -> Result<(), Fault> {
        let node = text(row, 1)?.unwrap_or_default();
        if !self.nodes.contains_key(node) {
            let id = NodeId::new(node).map_err(|_| fault(RejectReason::NodeIdInvalid, 1))?;
            self.nodes.insert(node.into(), NodeState { id, clock: NodeClock::default() });
        }
        let invalid = || fault(RejectReason::TimestampInvalid, 3);
        let wall: DateTime = text(row, 3)?.and_then(|time| time.parse().ok()).ok_or_else(invalid)?;
        let instant = self.berlin.instant(wall);
        let (Instant::Once(timestamp) | Instant::Twice { first: timestamp }) = instant else { return Err(invalid()) };
        let state = self.nodes.get_mut(node).expect("it was inserted above if it was missing");
        let mut measurement = Measurement::new(state.id.clone(), timestamp, timestamp);
        measurement.isems_revision = shared(text(row, 2)?, &mut self.revision);
        measurement.firmware_version = shared(text(row, 4)?, &mut self.firmware);
        measurement.time_to_shutdown = number(row, 5)?;
        measurement.power_save_level = power_save_level(row, 6)?;
        for (column, field) in (7..).zip(Field::ALL.into_iter().skip(1)) {
            *measurement.number_mut(field) = number(row, column)?;
        }
        measurement.status = status(row, 19)?;
        measurement.validate().map_err(|fault| Fault { reason: fault.reason, field: fault.field })?;
        if feed.clock() == ClockState::Plausible && timestamp > feed.now() + Measurement::CLOCK_AHEAD_SECONDS {
            return Err(fault(RejectReason::ClockAhead, 3));
        }
        if let Instant::Twice { .. } = instant {
            deliver(state.clock.twice(measurement, Origin { file: 0, line }), feed);
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

fn fault(reason: RejectReason, column: usize) -> Fault {
    Fault { reason, field: COLUMNS[column] }
}

fn value<'a>(row: &'a Row<'_>, column: usize) -> ValueRef<'a> {
    row.get_ref(column).expect("every column was asked for")
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a str>, Fault> {
    match value(row, column) {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => {
            str::from_utf8(bytes).map(Some).map_err(|_| fault(RejectReason::EncodingInvalid, column))
        }
        _ => Err(fault(RejectReason::TextInvalid, column)),
    }
}

fn shared(text: Option<&str>, previous: &mut Option<Arc<str>>) -> Option<Arc<str>> {
    let text = text.filter(|text| !["", "-"].contains(text))?;
    if previous.as_deref() != Some(text) {
        *previous = Some(text.into());
    }
    previous.clone()
}

/// A number. What csvlog lines call missing is that as a text, too.
fn number(row: &Row<'_>, column: usize) -> Result<Option<f64>, Fault> {
    let number = match value(row, column) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(integer) => integer as f64,
        ValueRef::Real(real) => real,
        ValueRef::Text(text) => match str::from_utf8(text).unwrap_or_default().trim() {
            "" | "-" => return Ok(None),
            text => text.parse().map_err(|_| fault(RejectReason::NumberInvalid, column))?,
        },
        ValueRef::Blob(_) => return Err(fault(RejectReason::NumberInvalid, column)),
    };
    Ok(number.is_finite().then_some(number))
}

/// A level; the collector kept only whether it is 1.
fn power_save_level(row: &Row<'_>, column: usize) -> Result<Option<u8>, Fault> {
    match number(row, column)? {
        None => Ok(None),
        Some(level) if level.fract() == 0.0 && (0.0..=255.0).contains(&level) => Ok(Some(level as u8)),
        Some(_) => Err(fault(RejectReason::NumberOutOfRange, column)),
    }
}

fn status(row: &Row<'_>, column: usize) -> Result<Option<Status>, Fault> {
    let status = match value(row, column) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(bits) => u16::try_from(bits).ok().and_then(Status::from_bits),
        _ => None,
    };
    status.map(Some).ok_or_else(|| fault(RejectReason::StatusInvalid, column))
}

/// A row as the csvlog line that it was, but for the time.
fn text_of(row: &Row<'_>) -> String {
    let values = (1..COLUMNS.len()).map(|column| match value(row, column) {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Reject::text_of(bytes),
    });
    Reject::text_of(values.collect::<Vec<_>>().join(";").as_bytes())
}
