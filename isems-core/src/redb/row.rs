//! The binary form of a measurement in the recent tier, and of a node.
//!
//! A row is little-endian: format `u8`, flags `u8`, presence of the numbers `u16` (bit n: [`Field::ALL`]`[n]`), arrival
//! `i64`, power save level `u8`, status `u16`, each present number `f64`, then each present text as length `u8` and UTF-8.
//! Node and time are in the key.

use std::{str, sync::Arc};

use crate::{Field, Measurement, Node, NodeId, Status, TimeSource};

const FORMAT: u8 = 1;
const TIME_IS_ARRIVAL: u8 = 1;
const HAS_REVISION: u8 = 1 << 1;
const HAS_FIRMWARE: u8 = 1 << 2;
const HAS_POWER_SAVE_LEVEL: u8 = 1 << 3;
const HAS_STATUS: u8 = 1 << 4;

/// A value in the database that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("damaged record: {0}")]
pub(super) struct DamagedRecord(pub(super) &'static str);

pub(super) fn encode(measurement: &Measurement, row: &mut Vec<u8>) {
    let mut flags = 0;
    let mut flag = |set: bool, bit: u8| flags |= if set { bit } else { 0 };
    flag(measurement.time_source == TimeSource::Arrival, TIME_IS_ARRIVAL);
    flag(measurement.isems_revision.is_some(), HAS_REVISION);
    flag(measurement.firmware_version.is_some(), HAS_FIRMWARE);
    flag(measurement.power_save_level.is_some(), HAS_POWER_SAVE_LEVEL);
    flag(measurement.status.is_some(), HAS_STATUS);
    let mut presence = 0_u16;
    for (bit, field) in Field::ALL.into_iter().enumerate() {
        presence |= u16::from(measurement.number(field).is_some()) << bit;
    }
    row.extend([FORMAT, flags]);
    row.extend(presence.to_le_bytes());
    row.extend(measurement.received_at.to_le_bytes());
    row.push(measurement.power_save_level.unwrap_or(0));
    row.extend(measurement.status.map_or(0, Status::bits).to_le_bytes());
    for number in Field::ALL.into_iter().filter_map(|field| measurement.number(field)) {
        row.extend(number.to_le_bytes());
    }
    for text in [&measurement.isems_revision, &measurement.firmware_version].into_iter().flatten() {
        row.push(text.len() as u8);
        row.extend(text.as_bytes());
    }
}

pub(super) fn decode(node: &NodeId, timestamp: i64, row: &[u8]) -> Result<Measurement, DamagedRecord> {
    let mut row = Reader(row);
    if row.byte()? != FORMAT {
        return Err(DamagedRecord("unknown row format"));
    }
    let flags = row.byte()?;
    let presence = u16::from_le_bytes(row.array()?);
    let mut measurement = Measurement::new(node.clone(), timestamp, i64::from_le_bytes(row.array()?));
    if flags & TIME_IS_ARRIVAL != 0 {
        measurement.time_source = TimeSource::Arrival;
    }
    let level = row.byte()?;
    measurement.power_save_level = (flags & HAS_POWER_SAVE_LEVEL != 0).then_some(level);
    let status = u16::from_le_bytes(row.array()?);
    if flags & HAS_STATUS != 0 {
        measurement.status = Some(Status::from_bits(status).ok_or(DamagedRecord("impossible status"))?);
    }
    for (bit, field) in Field::ALL.into_iter().enumerate() {
        if presence & 1 << bit != 0 {
            *measurement.number_mut(field) = Some(f64::from_le_bytes(row.array()?));
        }
    }
    if flags & HAS_REVISION != 0 {
        measurement.isems_revision = Some(row.text()?);
    }
    if flags & HAS_FIRMWARE != 0 {
        measurement.firmware_version = Some(row.text()?);
    }
    Ok(measurement)
}

/// A node's record: format `u8`, id, counters and times, then its newest measurement as a row.
pub(super) fn encode_node(node: &Node) -> Vec<u8> {
    let id = node.id.as_str();
    let mut record = vec![FORMAT, id.len() as u8];
    record.extend(id.as_bytes());
    record.extend(node.measurements.to_le_bytes());
    record.extend(node.first_timestamp.to_le_bytes());
    record.extend(node.last_received_at.to_le_bytes());
    record.extend(node.latest.timestamp.to_le_bytes());
    encode(&node.latest, &mut record);
    record
}

pub(super) fn decode_node(number: u32, record: &[u8]) -> Result<Node, DamagedRecord> {
    let mut record = Reader(record);
    if record.byte()? != FORMAT {
        return Err(DamagedRecord("unknown node format"));
    }
    let id = NodeId::new(&record.text()?).map_err(|_| DamagedRecord("impossible node id"))?;
    let measurements = u64::from_le_bytes(record.array()?);
    let first_timestamp = i64::from_le_bytes(record.array()?);
    let last_received_at = i64::from_le_bytes(record.array()?);
    let timestamp = i64::from_le_bytes(record.array()?);
    let latest = decode(&id, timestamp, record.0)?;
    Ok(Node { id, number, measurements, first_timestamp, last_received_at, latest })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DamagedRecord> {
        let (head, tail) = self.0.split_first_chunk().ok_or(DamagedRecord("too short"))?;
        self.0 = tail;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, DamagedRecord> {
        self.array().map(|[byte]| byte)
    }

    fn text(&mut self) -> Result<Arc<str>, DamagedRecord> {
        let length = usize::from(self.byte()?);
        let (head, tail) = self.0.split_at_checked(length).ok_or(DamagedRecord("too short"))?;
        self.0 = tail;
        str::from_utf8(head).map(Into::into).map_err(|_| DamagedRecord("text is no UTF-8"))
    }
}
