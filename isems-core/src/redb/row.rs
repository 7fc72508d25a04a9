//! The binary form of a measurement in the recent tier, and of a node.
//!
//! A row is little-endian: format `u8`, flags `u8`, presence of the numbers `u16` (bit n: [`Field::ALL`]`[n]`), arrival
//! `i64`, power save level `u8`, status `u16`, each present number `f64`, then each present text as length `u8` and UTF-8.
//! Node and time are in the key.

use super::bytes::{DamagedRecord, Reader};
use crate::{Field, Measurement, Node, NodeId, Status, TimeSource};

const FORMAT: u8 = 1;
const TIME_IS_ARRIVAL: u8 = 1;
const HAS_REVISION: u8 = 1 << 1;
const HAS_FIRMWARE: u8 = 1 << 2;
const HAS_POWER_SAVE_LEVEL: u8 = 1 << 3;
const HAS_STATUS: u8 = 1 << 4;

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
    if row.u8()? != FORMAT {
        return Err(DamagedRecord("unknown row format"));
    }
    let flags = row.u8()?;
    let presence = row.u16()?;
    let mut measurement = Measurement::new(node.clone(), timestamp, row.i64()?);
    if flags & TIME_IS_ARRIVAL != 0 {
        measurement.time_source = TimeSource::Arrival;
    }
    let level = row.u8()?;
    measurement.power_save_level = (flags & HAS_POWER_SAVE_LEVEL != 0).then_some(level);
    let status = row.u16()?;
    if flags & HAS_STATUS != 0 {
        measurement.status = Some(Status::from_bits(status).ok_or(DamagedRecord("impossible status"))?);
    }
    for (bit, field) in Field::ALL.into_iter().enumerate() {
        if presence & 1 << bit != 0 {
            *measurement.number_mut(field) = Some(row.f64()?);
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
    if record.u8()? != FORMAT {
        return Err(DamagedRecord("unknown node format"));
    }
    let id = NodeId::new(&record.text()?).map_err(|_| DamagedRecord("impossible node id"))?;
    let measurements = record.u64()?;
    let first_timestamp = record.i64()?;
    let last_received_at = record.i64()?;
    let timestamp = record.i64()?;
    let seconds = 0..=i64::from(u32::MAX);
    if !seconds.contains(&first_timestamp) || !seconds.contains(&timestamp) || first_timestamp > timestamp {
        return Err(DamagedRecord("impossible times"));
    }
    if !(1..=Node::MAX_NUMBER).contains(&number) {
        return Err(DamagedRecord("impossible node number"));
    }
    let latest = decode(&id, timestamp, record.0)?;
    Ok(Node { id, number, measurements, first_timestamp, last_received_at, latest })
}
