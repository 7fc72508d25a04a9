//! Measurements in compact form, until they are stored.

use std::{iter, sync::Arc};

use isems_core::{Measurement, NumberField, Status, TimeSource};

/// The origin of a measurement: the number of a file, and the line in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SourceLine {
    pub(super) file: u32,
    pub(super) line: u32,
}

/// Measurements of one node, each stored as its difference from the previous one: about 20 bytes instead of 280.
#[derive(Debug)]
pub(super) struct Packed {
    first: Measurement,
    last: State,
    bytes: Vec<u8>,
    /// The texts that changed, in order.
    texts: Vec<Option<Arc<str>>>,
    measurements: usize,
}

/// The state that the next measurement is compared with.
#[derive(Debug, Clone)]
struct State {
    measurement: Measurement,
    source: SourceLine,
    /// The last value of each field, in thousandths.
    thousandths: [i64; NumberField::ALL.len()],
}

// The possible differences, as bits of the first integer of a record; the numeric fields start at `NUMBERS`.
const RECEIVED_AT: u64 = 1;
const REVISION: u64 = 1 << 1;
const FIRMWARE: u64 = 1 << 2;
const POWER_SAVE_LEVEL: u64 = 1 << 3;
const STATUS: u64 = 1 << 4;
const TIME_SOURCE: u64 = 1 << 5;
const NUMBERS: usize = 6;

// The encoding of a number, in the lowest bits of an integer.
const MISSING: u64 = 0;
const THOUSANDTHS: u64 = 1;
const BITS: u64 = 2;

impl State {
    fn before(first: &Measurement) -> Self {
        Self { measurement: first.clone(), source: SourceLine::default(), thousandths: [0; _] }
    }
}

impl Packed {
    pub(super) fn new(measurement: Measurement, source: SourceLine) -> Self {
        let last = State::before(&measurement);
        let mut week = Self { first: measurement.clone(), last, bytes: Vec::new(), texts: Vec::new(), measurements: 0 };
        week.push(measurement, source);
        week
    }

    /// Returns the number of measurements.
    pub(super) fn measurements(&self) -> usize {
        self.measurements
    }

    /// Returns the measured time of the last one, Unix seconds, UTC.
    pub(super) fn last_timestamp(&self) -> i64 {
        self.last.measurement.timestamp
    }

    /// Returns its approximate size in memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        2 * size_of::<Self>() + self.bytes.capacity() + self.texts.capacity() * 16
    }

    /// Adds a measurement of the same node, with the node's own time.
    pub(super) fn push(&mut self, measurement: Measurement, source: SourceLine) {
        let State { measurement: last, source: last_origin, thousandths } = &mut self.last;
        let mut changes = 0;
        let mut change = |is_changed: bool, bit: u64| changes |= if is_changed { bit } else { 0 };
        change(last.received_at != measurement.received_at, RECEIVED_AT);
        change(last.isems_revision != measurement.isems_revision, REVISION);
        change(last.firmware_version != measurement.firmware_version, FIRMWARE);
        change(last.power_save_level != measurement.power_save_level, POWER_SAVE_LEVEL);
        change(last.status != measurement.status, STATUS);
        change(last.time_source != measurement.time_source, TIME_SOURCE);
        for (place, field) in NumberField::ALL.into_iter().enumerate() {
            let bits = |measurement: &Measurement| measurement.number(field).map(f64::to_bits);
            change(bits(last) != bits(&measurement), 1 << (NUMBERS + place));
        }
        let bytes = &mut self.bytes;
        write(bytes, changes);
        write_signed(bytes, i64::from(source.file) - i64::from(last_origin.file));
        write_signed(bytes, i64::from(source.line) - i64::from(last_origin.line));
        write_signed(bytes, measurement.timestamp - last.timestamp);
        if changes & RECEIVED_AT != 0 {
            write_signed(bytes, measurement.received_at.wrapping_sub(last.received_at));
        }
        if changes & REVISION != 0 {
            self.texts.push(measurement.isems_revision.clone());
        }
        if changes & FIRMWARE != 0 {
            self.texts.push(measurement.firmware_version.clone());
        }
        if changes & POWER_SAVE_LEVEL != 0 {
            write(bytes, measurement.power_save_level.map_or(0, |level| u64::from(level) + 1));
        }
        if changes & STATUS != 0 {
            write(bytes, measurement.status.map_or(0, |status| u64::from(status.bits()) + 1));
        }
        for (place, field) in NumberField::ALL.into_iter().enumerate() {
            if changes & 1 << (NUMBERS + place) != 0 {
                write_number(bytes, measurement.number(field), &mut thousandths[place]);
            }
        }
        *last = measurement;
        *last_origin = source;
        self.measurements += 1;
    }

    /// Returns the measurements in the order in which they were added.
    pub(super) fn unpack(&self) -> impl Iterator<Item = (Measurement, SourceLine)> + '_ {
        let mut state = State::before(&self.first);
        let mut bytes = self.bytes.as_slice();
        let mut texts = self.texts.iter();
        iter::repeat_with(move || {
            let State { measurement, source, thousandths } = &mut state;
            let mut text = || texts.next().cloned().flatten();
            let changes = read(&mut bytes);
            source.file = (i64::from(source.file) + read_signed(&mut bytes)) as u32;
            source.line = (i64::from(source.line) + read_signed(&mut bytes)) as u32;
            measurement.timestamp += read_signed(&mut bytes);
            if changes & RECEIVED_AT != 0 {
                measurement.received_at = measurement.received_at.wrapping_add(read_signed(&mut bytes));
            }
            if changes & REVISION != 0 {
                measurement.isems_revision = text();
            }
            if changes & FIRMWARE != 0 {
                measurement.firmware_version = text();
            }
            if changes & POWER_SAVE_LEVEL != 0 {
                measurement.power_save_level = read(&mut bytes).checked_sub(1).map(|level| level as u8);
            }
            if changes & STATUS != 0 {
                let bits = read(&mut bytes).checked_sub(1);
                measurement.status = bits.and_then(|bits| Status::from_bits(bits as u16));
            }
            if changes & TIME_SOURCE != 0 {
                measurement.time_source = match measurement.time_source {
                    TimeSource::Node => TimeSource::Arrival,
                    TimeSource::Arrival => TimeSource::Node,
                };
            }
            for (place, field) in NumberField::ALL.into_iter().enumerate() {
                if changes & 1 << (NUMBERS + place) != 0 {
                    *measurement.number_mut(field) = read_number(&mut bytes, &mut thousandths[place]);
                }
            }
            (measurement.clone(), *source)
        })
        .take(self.measurements)
    }
}

/// Returns a number as whole thousandths if that is lossless. Nodes print at most three decimals.
fn thousandths(number: f64) -> Option<i64> {
    let thousandths = (number * 1000.0).round() as i64;
    let is_exact = thousandths.abs() < 1 << 50 && (thousandths as f64 / 1000.0).to_bits() == number.to_bits();
    is_exact.then_some(thousandths)
}

fn write_number(bytes: &mut Vec<u8>, number: Option<f64>, last: &mut i64) {
    match number.map(|number| thousandths(number).ok_or(number)) {
        None => write(bytes, MISSING),
        Some(Ok(thousandths)) => {
            write(bytes, zigzag(thousandths - *last) << 2 | THOUSANDTHS);
            *last = thousandths;
        }
        Some(Err(number)) => {
            write(bytes, BITS);
            bytes.extend(number.to_le_bytes());
        }
    }
}

fn read_number(bytes: &mut &[u8], last: &mut i64) -> Option<f64> {
    let told = read(bytes);
    match told & 3 {
        THOUSANDTHS => {
            *last += unzigzag(told >> 2);
            Some(*last as f64 / 1000.0)
        }
        BITS => {
            let (number, rest) = bytes.split_first_chunk().expect("a number was written");
            *bytes = rest;
            Some(f64::from_le_bytes(*number))
        }
        _ => None,
    }
}

fn zigzag(integer: i64) -> u64 {
    (integer << 1 ^ integer >> 63) as u64
}

fn unzigzag(integer: u64) -> i64 {
    (integer >> 1) as i64 ^ -((integer & 1) as i64)
}

/// Writes an integer in groups of seven bits, lowest first; the eighth bit says that more follow.
fn write(bytes: &mut Vec<u8>, mut integer: u64) {
    while integer >= 1 << 7 {
        bytes.push(integer as u8 | 1 << 7);
        integer >>= 7;
    }
    bytes.push(integer as u8);
}

fn write_signed(bytes: &mut Vec<u8>, integer: i64) {
    write(bytes, zigzag(integer));
}

fn read(bytes: &mut &[u8]) -> u64 {
    let mut integer = 0;
    let mut shift = 0;
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        integer |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 1 << 7 == 0 {
            break;
        }
    }
    integer
}

fn read_signed(bytes: &mut &[u8]) -> i64 {
    unzigzag(read(bytes))
}
