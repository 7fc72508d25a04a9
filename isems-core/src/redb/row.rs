//! Rows: the binary form of a measurement in the recent tier, and of a node's record.
//!
//! A row, little-endian. The node and the measured time are in its key.
//!
//! | part | bytes |
//! |---|---|
//! | format | `u8`, 2 |
//! | checksum | `u32`, CRC-32 (ISO-HDLC) of the key as `u64` and of all that follows |
//! | flags | `u8`, from bit 0: time is that of arrival, has revision, firmware version, power save level, status |
//! | presence | `u16`, bit n: the number [`NumberField::ALL`]`[n]` is there |
//! | arrival | `i64`, Unix seconds |
//! | power save level | `u8` |
//! | status | `u16` |
//! | numbers | `f64` for each that is there |
//! | texts | for each that is there its length `u8` and UTF-8: revision, then firmware version |
//!
//! Format 1 has no checksum. A record of a node:
//!
//! | part | bytes |
//! |---|---|
//! | format | `u8`, 3. Format 2 has no first arrival, format 1 has no checksum either |
//! | checksum | `u32`, CRC-32 of the node number as `u64` and of all that follows |
//! | id | length `u8` and UTF-8 |
//! | count of measurements | `u64` |
//! | oldest measured time, first arrival, last arrival, newest measured time | `i64` each |
//! | newest measurement | a row |
//!
//! The key is part of each checksum, so a row that is met under another key does not pass for a measurement of that
//! node and second. A row or record that fails its checksum costs only itself.

use std::sync::Arc;

use super::{
    bytes::{DamagedRecord, Reader},
    tables::{MAX_NODE_NUMBER, NumberedNode, number_of, row_key},
};
use crate::{Measurement, Node, NodeId, NumberField, Status, TimeSource};

const FORMAT: u8 = 2;
const FORMAT_WITHOUT_CHECKSUM: u8 = 1;
/// The format of a node's record. Formats 1 and 2 have a checksum when those of rows do, and no first arrival.
const NODE_FORMAT: u8 = 3;
const TIME_IS_ARRIVAL: u8 = 1;
const HAS_REVISION: u8 = 1 << 1;
const HAS_FIRMWARE: u8 = 1 << 2;
const HAS_POWER_SAVE_LEVEL: u8 = 1 << 3;
const HAS_STATUS: u8 = 1 << 4;

/// Appends the row of a measurement with this key.
pub(super) fn encode(key: u64, measurement: &Measurement, row: &mut Vec<u8>) {
    let start = begin(FORMAT, row);
    let mut flags = 0;
    let mut flag = |set: bool, bit: u8| flags |= if set { bit } else { 0 };
    flag(measurement.time_source == TimeSource::Arrival, TIME_IS_ARRIVAL);
    flag(measurement.isems_revision.is_some(), HAS_REVISION);
    flag(measurement.firmware_version.is_some(), HAS_FIRMWARE);
    flag(measurement.power_save_level.is_some(), HAS_POWER_SAVE_LEVEL);
    flag(measurement.status.is_some(), HAS_STATUS);
    let mut presence = 0_u16;
    for (bit, field) in NumberField::ALL.into_iter().enumerate() {
        presence |= u16::from(measurement.number(field).is_some()) << bit;
    }
    row.push(flags);
    row.extend(presence.to_le_bytes());
    row.extend(measurement.received_at.to_le_bytes());
    row.push(measurement.power_save_level.unwrap_or(0));
    row.extend(measurement.status.map_or(0, Status::bits).to_le_bytes());
    for number in NumberField::ALL.into_iter().filter_map(|field| measurement.number(field)) {
        row.extend(number.to_le_bytes());
    }
    for text in [&measurement.isems_revision, &measurement.firmware_version].into_iter().flatten() {
        row.push(text.len() as u8);
        row.extend(text.as_bytes());
    }
    finish(key, &mut row[start..]);
}

/// Appends the format and space for the checksum, and returns the start of the record.
fn begin(format: u8, record: &mut Vec<u8>) -> usize {
    let start = record.len();
    record.extend([format, 0, 0, 0, 0]);
    start
}

/// Fills in the checksum.
fn finish(key: u64, record: &mut [u8]) {
    let checksum = checksum(key, &record[5..]);
    record[1..5].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(key: u64, content: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&key.to_le_bytes());
    checksum.update(content);
    checksum.finalize()
}

/// Returns the format of a record, which is at most this one, and the data after the checksum, if that matches.
fn verified(newest: u8, key: u64, record: &[u8]) -> Result<(u8, Reader<'_>), DamagedRecord> {
    let mut record = Reader(record);
    let format = record.u8()?;
    if !(FORMAT_WITHOUT_CHECKSUM..=newest).contains(&format) {
        return Err(DamagedRecord("unknown format"));
    }
    if format != FORMAT_WITHOUT_CHECKSUM && record.u32()? != checksum(key, record.0) {
        return Err(DamagedRecord("the checksum does not match"));
    }
    Ok((format, record))
}

/// The part of a row before its numbers.
struct Head {
    flags: u8,
    presence: u16,
    received_at: i64,
    power_save_level: u8,
    status: Option<Status>,
}

/// Reads the start of a row with this key and node number, and returns it with the rest.
fn head(number: u32, key: u64, row: &[u8]) -> Result<(Head, Reader<'_>), DamagedRecord> {
    // In a damaged file a range can contain foreign keys.
    if number_of(key) != number {
        return Err(DamagedRecord("the row belongs to another node"));
    }
    let (_, mut row) = verified(FORMAT, key, row)?;
    let (flags, presence, received_at) = (row.u8()?, row.u16()?, row.i64()?);
    let (power_save_level, status) = (row.u8()?, row.u16()?);
    let status = (flags & HAS_STATUS != 0).then(|| Status::from_bits(status).ok_or(DamagedRecord("impossible status")));
    Ok((Head { flags, presence, received_at, power_save_level, status: status.transpose()? }, row))
}

/// The second and the numbers of a row, by field position in [`NumberField::ALL`].
pub(super) type TimedNumbers = (i64, [Option<f64>; NumberField::ALL.len()]);

/// Decodes the part of a row that series need, without allocating.
pub(super) fn decode_numbers(number: u32, key: u64, row: &[u8]) -> Result<TimedNumbers, DamagedRecord> {
    let (Head { presence, .. }, mut row) = head(number, key, row)?;
    let mut numbers = [None; NumberField::ALL.len()];
    for (bit, number) in numbers.iter_mut().enumerate() {
        if presence & 1 << bit != 0 {
            *number = Some(row.f64()?);
        }
    }
    Ok((i64::from(key as u32), numbers))
}

/// The texts of the previous row. Neighbouring rows usually repeat them, and then share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    revision: Option<Arc<str>>,
    firmware: Option<Arc<str>>,
}

fn shared(text: &str, previous: &mut Option<Arc<str>>) -> Arc<str> {
    match previous {
        Some(previous) if **previous == *text => previous.clone(),
        _ => previous.insert(text.into()).clone(),
    }
}

/// Decodes the measurement in a row with this key and node number.
pub(super) fn decode(
    node: &NodeId,
    number: u32,
    key: u64,
    row: &[u8],
    texts: &mut Texts,
) -> Result<Measurement, DamagedRecord> {
    let (Head { flags, presence, received_at, power_save_level, status }, mut row) = head(number, key, row)?;
    let mut measurement = Measurement::new(node.clone(), i64::from(key as u32), received_at);
    if flags & TIME_IS_ARRIVAL != 0 {
        measurement.time_source = TimeSource::Arrival;
    }
    measurement.power_save_level = (flags & HAS_POWER_SAVE_LEVEL != 0).then_some(power_save_level);
    measurement.status = status;
    for (bit, field) in NumberField::ALL.into_iter().enumerate() {
        if presence & 1 << bit != 0 {
            *measurement.number_mut(field) = Some(row.f64()?);
        }
    }
    if flags & HAS_REVISION != 0 {
        measurement.isems_revision = Some(shared(row.text()?, &mut texts.revision));
    }
    if flags & HAS_FIRMWARE != 0 {
        measurement.firmware_version = Some(shared(row.text()?, &mut texts.firmware));
    }
    Ok(measurement)
}

/// Decodes a node's record: format `u8`, checksum `u32` of the node's number as `u64` and of the rest, id, counters and
/// times, then the newest measurement as a row.
pub(super) fn encode_node(node: &NumberedNode) -> Vec<u8> {
    let id = node.id.as_str();
    let mut record = Vec::new();
    begin(NODE_FORMAT, &mut record);
    record.push(id.len() as u8);
    record.extend(id.as_bytes());
    record.extend(node.measurements.to_le_bytes());
    record.extend(node.first_timestamp.to_le_bytes());
    record.extend(node.first_received_at.to_le_bytes());
    record.extend(node.last_received_at.to_le_bytes());
    record.extend(node.latest.timestamp.to_le_bytes());
    encode(row_key(node.number, node.latest.timestamp as u32), &node.latest, &mut record);
    finish(node.number.into(), &mut record);
    record
}

pub(super) fn decode_node(number: u32, record: &[u8]) -> Result<NumberedNode, DamagedRecord> {
    let (format, mut record) = verified(NODE_FORMAT, number.into(), record)?;
    let id = NodeId::new(record.text()?).map_err(|_| DamagedRecord("impossible node id"))?;
    let measurements = record.u64()?;
    let first_timestamp = record.i64()?;
    let first_received_at = if format < NODE_FORMAT { first_timestamp } else { record.i64()? };
    let last_received_at = record.i64()?;
    let timestamp = record.i64()?;
    let seconds = 0..=i64::from(u32::MAX);
    if !seconds.contains(&first_timestamp) || !seconds.contains(&timestamp) || first_timestamp > timestamp {
        return Err(DamagedRecord("impossible times"));
    }
    if !(1..=MAX_NODE_NUMBER).contains(&number) {
        return Err(DamagedRecord("impossible node number"));
    }
    let latest = decode(&id, number, row_key(number, timestamp as u32), record.0, &mut Texts::default())?;
    let node = Node { id, measurements, first_timestamp, first_received_at, last_received_at, latest };
    Ok(NumberedNode { number, node: Arc::new(node) })
}
