//! Blocks: the measurements of one node in one week, column by column.
//!
//! A block is a header and the [columns](super::column), little-endian:
//!
//! | part of the header | bytes |
//! |---|---|
//! | checksum | `u32`, of the node number `u32`, the week `u16` and all that follows in the header |
//! | format | `u8`, 1 |
//! | length of the header, length of the block | `u16`, `u32` |
//! | count of rows | `u32` |
//! | time of the last row | `u32` |
//! | time of the first row of each page | `u32` each |
//! | count of columns | `u8` |
//! | each column | kind `u8`, offset from the start of the block `u32`, length `u32`, checksum `u32` |
//!
//! The columns follow, small ones first, so that what does not change lies beside the header. A column without any
//! value is left out. Checksums are CRC-32 (ISO-HDLC). Times are Unix seconds; arrivals stand as they are, or as their
//! distance from the measured time, whichever is smaller.
//!
//! Invariants: at least one row; times ascend and lie in the week; the times in the header are those in the column of
//! times. The node and the week are part of the header's checksum, so a block that is met elsewhere does not pass for
//! another one. A reader needs the header and the columns that it wants, and verifies each of them. A block never
//! changes; it is replaced, see [`sealed`](super::sealed).

use std::ops::Range;

use pco::errors::PcoError;

use super::{
    bytes::{DamagedRecord, Reader},
    column::{Integers, Numbers, PAGE_ROWS, Texts, encode_integers, encode_numbers, encode_texts, filled, pages},
    tables::{WEEK_SECONDS, week_of},
};
use crate::{Field, FieldSet, Measurement, NodeId, NumberField, Status, TimeSource};

const FORMAT: u8 = 1;

/// The content of a column. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    pub(super) const TIME: Self = Self(0);
    const ARRIVAL: Self = Self(1);
    const DELAY: Self = Self(2);
    const TIME_SOURCE: Self = Self(3);
    const REVISION: Self = Self(4);
    const FIRMWARE: Self = Self(5);
    const POWER_SAVE_LEVEL: Self = Self(6);
    const STATUS: Self = Self(7);

    pub(super) fn number(field: NumberField) -> Self {
        Self(16 + field as u8)
    }

    /// Returns whether the column has to be read for some fields. Times always have to be, and so do columns that
    /// predict a field.
    pub(super) fn is_needed_for(self, fields: FieldSet) -> bool {
        match self {
            Self::TIME => true,
            Self::ARRIVAL | Self::DELAY => fields.contains(Field::ReceivedAt),
            Self::TIME_SOURCE => fields.contains(Field::TimeSource),
            Self::REVISION => fields.contains(Field::IsemsRevision),
            Self::FIRMWARE => fields.contains(Field::FirmwareVersion),
            Self::POWER_SAVE_LEVEL => fields.contains(Field::PowerSaveLevel),
            Self::STATUS => fields.contains(Field::Status),
            Self(_) => NumberField::ALL.into_iter().any(|field| {
                let holds = |field| self == Self::number(field);
                fields.contains(field.into()) && (holds(field) || reference(field).is_some_and(holds))
            }),
        }
    }

    /// Returns the format's name of the column.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TIME => "timestamp",
            Self::ARRIVAL | Self::DELAY => "receivedAt",
            Self::TIME_SOURCE => "timeSource",
            Self::REVISION => "isemsRevision",
            Self::FIRMWARE => "openMPPTFirmwareVersion",
            Self::POWER_SAVE_LEVEL => "isPowerSaveMode",
            Self::STATUS => "status",
            Self(number) => {
                let field = NumberField::ALL.get(usize::from(number.wrapping_sub(16)));
                field.map_or("unknown", |field| field.name())
            }
        }
    }
}

/// Returns the field that predicts another one: the nodes derive the end-of-charge voltage from the temperature, and
/// track the panel at a fixed fraction of its open-circuit voltage.
pub(super) fn reference(field: NumberField) -> Option<NumberField> {
    match field {
        NumberField::TemperatureCorrectedVoltage => Some(NumberField::BatteryTemperature),
        NumberField::MppVoltage => Some(NumberField::OpenCircuitVoltage),
        _ => None,
    }
}

fn numbers(measurements: &[Measurement], field: NumberField) -> Vec<Option<f64>> {
    measurements.iter().map(|measurement| measurement.number(field)).collect()
}

/// A block of measurements of one node in one week, in time order, each second once, and at least one.
pub(super) fn encode(number: u32, week: u16, measurements: &[Measurement]) -> Result<Vec<u8>, PcoError> {
    let mut columns: Vec<(Kind, Vec<u8>)> = Vec::new();
    let integers = |kind: Kind, integer: &dyn Fn(&Measurement) -> i64| {
        let integers: Vec<i64> = measurements.iter().map(integer).collect();
        let mut bytes = Vec::new();
        encode_integers(&integers, &mut bytes)?;
        Ok::<_, PcoError>((kind, bytes))
    };
    columns.push(integers(Kind::TIME, &|measurement| measurement.timestamp)?);
    let delay = integers(Kind::DELAY, &|measurement| measurement.received_at.wrapping_sub(measurement.timestamp))?;
    let arrival = integers(Kind::ARRIVAL, &|measurement| measurement.received_at)?;
    columns.push(if arrival.1.len() < delay.1.len() { arrival } else { delay });
    columns
        .push(integers(Kind::TIME_SOURCE, &|measurement| i64::from(measurement.time_source == TimeSource::Arrival))?);
    let level = |measurement: &Measurement| measurement.power_save_level.map_or(0, |level| i64::from(level) + 1);
    columns.push(integers(Kind::POWER_SAVE_LEVEL, &level)?);
    let status = |measurement: &Measurement| measurement.status.map_or(0, |status| i64::from(status.bits()) + 1);
    columns.push(integers(Kind::STATUS, &status)?);
    let mut revision = Vec::new();
    encode_texts(measurements.iter().map(|measurement| measurement.isems_revision.as_ref()), &mut revision)?;
    columns.push((Kind::REVISION, revision));
    let mut firmware = Vec::new();
    encode_texts(measurements.iter().map(|measurement| measurement.firmware_version.as_ref()), &mut firmware)?;
    columns.push((Kind::FIRMWARE, firmware));
    for field in NumberField::ALL {
        let values = numbers(measurements, field);
        if values.iter().any(Option::is_some) {
            let reference = reference(field).map(|reference| numbers(measurements, reference));
            let reference = reference.filter(|values| values.iter().any(Option::is_some));
            let mut bytes = Vec::new();
            encode_numbers(&values, reference.as_deref().map(filled).as_deref(), &mut bytes)?;
            columns.push((Kind::number(field), bytes));
        }
    }
    columns.sort_by_key(|(_, bytes)| bytes.len());
    Ok(assemble(number, week, measurements, &columns))
}

fn assemble(number: u32, week: u16, measurements: &[Measurement], columns: &[(Kind, Vec<u8>)]) -> Vec<u8> {
    let header_length = 4 + 1 + 2 + 4 + 4 + 4 + 4 * pages(measurements.len()) + 1 + 13 * columns.len();
    let length = header_length + columns.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let mut block = Vec::with_capacity(length);
    block.extend([0; 4]);
    block.push(FORMAT);
    block.extend((header_length as u16).to_le_bytes());
    block.extend((length as u32).to_le_bytes());
    block.extend((measurements.len() as u32).to_le_bytes());
    block.extend((measurements.last().map_or(0, |last| last.timestamp) as u32).to_le_bytes());
    for page in measurements.chunks(PAGE_ROWS) {
        block.extend((page[0].timestamp as u32).to_le_bytes());
    }
    block.push(columns.len() as u8);
    let mut offset = header_length;
    for (kind, bytes) in columns {
        block.push(kind.0);
        block.extend((offset as u32).to_le_bytes());
        block.extend((bytes.len() as u32).to_le_bytes());
        block.extend(crc32fast::hash(bytes).to_le_bytes());
        offset += bytes.len();
    }
    let checksum = header_checksum(number, week, &block[4..]);
    block[..4].copy_from_slice(&checksum.to_le_bytes());
    for (_, bytes) in columns {
        block.extend(bytes);
    }
    block
}

/// Covers the node and the week, so that a block found elsewhere does not pass for another one.
fn header_checksum(number: u32, week: u16, header: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&number.to_le_bytes());
    checksum.update(&week.to_le_bytes());
    checksum.update(header);
    checksum.finalize()
}

/// The header of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The header's checksum, which identifies a version of the block.
    pub(super) checksum: u32,
    pub(super) length: usize,
    pub(super) rows: usize,
    last_time: u32,
    first_times: Vec<u32>,
    columns: Vec<ColumnPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ColumnPlace {
    kind: Kind,
    bytes: Range<usize>,
    checksum: u32,
}

impl Header {
    /// Reads the header from the start of the block for a node and a week.
    pub(super) fn parse(number: u32, week: u16, start: &[u8]) -> Result<Self, DamagedRecord> {
        let mut reader = Reader(start);
        let checksum = reader.u32()?;
        let format = reader.u8()?;
        let header_length = usize::from(reader.u16()?);
        let checked = start.get(4..header_length).ok_or(DamagedRecord("the header is too short"))?;
        if header_checksum(number, week, checked) != checksum {
            return Err(DamagedRecord("the header's checksum does not match"));
        }
        if format != FORMAT {
            return Err(DamagedRecord("unknown block format"));
        }
        // The format and the length of the header have been read.
        let mut reader = Reader(checked);
        reader.bytes(3)?;
        let length = reader.u32()? as usize;
        let rows = reader.u32()? as usize;
        if rows == 0 || rows as u64 > WEEK_SECONDS {
            return Err(DamagedRecord("impossible count of rows"));
        }
        let last_time = reader.u32()?;
        let first_times = (0..pages(rows)).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>()?;
        let is_of_week = |time: &u32| week_of(u64::from(*time)) == week;
        let ascends = first_times.is_sorted_by(|a, b| a < b) && first_times.last() <= Some(&last_time);
        if !ascends || !first_times.first().is_some_and(is_of_week) || !is_of_week(&last_time) {
            return Err(DamagedRecord("its times are outside its week"));
        }
        let count = reader.u8()?;
        let column = |_| {
            let kind = Kind(reader.u8()?);
            let (offset, size) = (reader.u32()? as usize, reader.u32()? as usize);
            let end = offset.checked_add(size).filter(|end| *end <= length);
            let bytes = offset..end.ok_or(DamagedRecord("a column lies outside the block"))?;
            Ok(ColumnPlace { kind, bytes, checksum: reader.u32()? })
        };
        let columns = (0..count).map(column).collect::<Result<_, DamagedRecord>>()?;
        Ok(Self { checksum, length, rows, last_time, first_times, columns })
    }

    /// Returns the seconds from the first row of a page to just after its last one, as the header says.
    fn span(&self, page: usize) -> Option<Range<u64>> {
        let start = self.first_times.get(page).copied()?;
        let end = self.first_times.get(page + 1).map_or(u64::from(self.last_time) + 1, |next| u64::from(*next));
        Some(u64::from(start)..end)
    }

    /// Returns whether all rows are within a range of seconds.
    pub(super) fn is_within(&self, range: &Range<u64>) -> bool {
        let first = self.first_times.first().copied();
        first.is_some_and(|first| range.start <= u64::from(first)) && u64::from(self.last_time) < range.end
    }

    /// Returns the pages that can have rows from one second until before another.
    pub(super) fn pages(&self, from: u64, to: u64) -> Range<usize> {
        if u64::from(self.last_time) < from {
            return 0..0;
        }
        let end = self.first_times.partition_point(|first| u64::from(*first) < to);
        let start = self.first_times.partition_point(|first| u64::from(*first) <= from).saturating_sub(1);
        start.min(end)..end
    }

    /// Returns the columns: their kinds, and the positions of their bytes in the block.
    pub(super) fn columns(&self) -> impl Iterator<Item = (Kind, Range<usize>)> + '_ {
        self.columns.iter().map(|column| (column.kind, column.bytes.clone()))
    }

    /// Verifies that these are a column's bytes as they were written.
    pub(super) fn verify(&self, kind: Kind, bytes: &[u8]) -> Result<(), DamagedRecord> {
        let column = self.columns.iter().find(|column| column.kind == kind);
        if column.is_some_and(|column| column.checksum == crc32fast::hash(bytes)) {
            Ok(())
        } else {
            Err(DamagedRecord("a column's checksum does not match"))
        }
    }
}

/// The verified bytes of some columns of a block.
pub(super) struct Columns<'h> {
    pub(super) header: &'h Header,
    pub(super) bytes: Vec<(Kind, Vec<u8>)>,
}

impl Columns<'_> {
    fn get(&self, kind: Kind) -> Option<Reader<'_>> {
        self.bytes.iter().find(|(this, _)| *this == kind).map(|(_, bytes)| Reader(bytes))
    }

    fn integers(&self, kind: Kind) -> Result<Option<Integers<'_>>, DamagedRecord> {
        self.get(kind).map(|mut bytes| Integers::parse(&mut bytes, self.header.rows)).transpose()
    }

    fn texts(&self, kind: Kind) -> Result<Option<Texts<'_>>, DamagedRecord> {
        self.get(kind).map(|mut bytes| Texts::parse(&mut bytes, self.header.rows)).transpose()
    }

    pub(super) fn times(&self) -> Result<Times<'_>, DamagedRecord> {
        let integers = self.integers(Kind::TIME)?.ok_or(DamagedRecord("there are no times"))?;
        Ok(Times { integers, header: self.header })
    }

    pub(super) fn numbers(&self, field: NumberField) -> Result<Option<Numbers<'_>>, DamagedRecord> {
        self.get(Kind::number(field)).map(|mut bytes| Numbers::parse(&mut bytes, self.header.rows)).transpose()
    }
}

/// The times of a block.
pub(super) struct Times<'a> {
    integers: Integers<'a>,
    header: &'a Header,
}

impl Times<'_> {
    /// Returns the times of a page, ascending, as given by the header.
    pub(super) fn page(&mut self, page: usize) -> Result<Vec<i64>, DamagedRecord> {
        let times = self.integers.page(page, |time| time)?;
        let span = self.header.span(page).map(|span| span.start as i64..span.end as i64);
        let is_in_span = |span: &Range<i64>| {
            times.first() == Some(&span.start) && times.last().is_some_and(|last| span.contains(last))
        };
        if times.is_sorted_by(|a, b| a < b) && span.as_ref().is_some_and(is_in_span) {
            Ok(times)
        } else {
            Err(DamagedRecord("its times contradict its header"))
        }
    }
}

/// The measurements of a block, read page by page.
pub(super) struct Pages<'a> {
    fields: FieldSet,
    node: &'a NodeId,
    times: Times<'a>,
    arrivals: Option<Integers<'a>>,
    delays: Option<Integers<'a>>,
    time_sources: Option<Integers<'a>>,
    levels: Option<Integers<'a>>,
    statuses: Option<Integers<'a>>,
    revisions: Option<Texts<'a>>,
    firmwares: Option<Texts<'a>>,
    numbers: Vec<(NumberField, Numbers<'a>)>,
}

impl<'a> Pages<'a> {
    /// `columns` are those that the fields [need](Kind::is_needed_for); other parts of the block may be missing.
    pub(super) fn new(columns: &'a Columns<'_>, node: &'a NodeId, fields: FieldSet) -> Result<Self, DamagedRecord> {
        let mut numbers: Vec<(NumberField, Numbers<'_>)> = Vec::new();
        for field in NumberField::ALL {
            numbers.extend(columns.numbers(field)?.map(|column| (field, column)));
        }
        let is_selected = |field: NumberField| fields.contains(field.into());
        let predicted = numbers.iter().filter(|(field, column)| is_selected(*field) && column.needs_reference());
        let references: Vec<NumberField> = predicted.filter_map(|(field, _)| reference(*field)).collect();
        numbers.retain(|(field, _)| is_selected(*field) || references.contains(field));
        Ok(Self {
            fields,
            node,
            times: columns.times()?,
            arrivals: columns.integers(Kind::ARRIVAL)?,
            delays: columns.integers(Kind::DELAY)?,
            time_sources: columns.integers(Kind::TIME_SOURCE)?,
            levels: columns.integers(Kind::POWER_SAVE_LEVEL)?,
            statuses: columns.integers(Kind::STATUS)?,
            revisions: columns.texts(Kind::REVISION)?,
            firmwares: columns.texts(Kind::FIRMWARE)?,
            numbers,
        })
    }

    /// Returns the measurements of a page from one second until before another.
    pub(super) fn page(&mut self, page: usize, from: u64, to: u64) -> Result<Vec<Measurement>, DamagedRecord> {
        let times = self.times.page(page)?;
        let place = |time: u64| times.partition_point(|this| (*this as u64) < time);
        let wanted = place(from)..place(to);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let new = |time: &i64| Measurement::new(self.node.clone(), *time, *time);
        let mut measurements: Vec<Measurement> = times[wanted.clone()].iter().map(new).collect();
        let each = |column: &mut Option<Integers<'_>>| -> Result<Vec<i64>, DamagedRecord> {
            let integers = column.as_mut().map(|column| column.page(page, |integer| integer)).transpose()?;
            Ok(integers.map(|integers| integers[wanted.clone()].to_vec()).unwrap_or_default())
        };
        for (measurement, arrival) in measurements.iter_mut().zip(each(&mut self.arrivals)?) {
            measurement.received_at = arrival;
        }
        for (measurement, delay) in measurements.iter_mut().zip(each(&mut self.delays)?) {
            measurement.received_at = measurement.timestamp.wrapping_add(delay);
        }
        for (measurement, source) in measurements.iter_mut().zip(each(&mut self.time_sources)?) {
            measurement.time_source = match source {
                0 => TimeSource::Node,
                1 => TimeSource::Arrival,
                _ => return Err(DamagedRecord("impossible time source")),
            };
        }
        for (measurement, level) in measurements.iter_mut().zip(each(&mut self.levels)?) {
            let impossible = DamagedRecord("impossible power save level");
            measurement.power_save_level = optional(level, impossible, |level| u8::try_from(level).ok())?;
        }
        for (measurement, status) in measurements.iter_mut().zip(each(&mut self.statuses)?) {
            let bits = |bits| u16::try_from(bits).ok().and_then(Status::from_bits);
            measurement.status = optional(status, DamagedRecord("impossible status"), bits)?;
        }
        if let Some(revisions) = &mut self.revisions {
            for (measurement, revision) in measurements.iter_mut().zip(revisions.page(page)?.drain(wanted.clone())) {
                measurement.isems_revision = revision;
            }
        }
        if let Some(firmwares) = &mut self.firmwares {
            for (measurement, firmware) in measurements.iter_mut().zip(firmwares.page(page)?.drain(wanted.clone())) {
                measurement.firmware_version = firmware;
            }
        }
        let mut decoded: Vec<(NumberField, Vec<f64>)> = Vec::with_capacity(self.numbers.len());
        for (field, column) in &mut self.numbers {
            let reference = reference(*field);
            let reference = decoded.iter().find(|(this, _)| Some(*this) == reference).map(|(_, numbers)| numbers);
            let numbers = column.page(page, reference.map_or(&[], Vec::as_slice))?;
            let presence = column.presence(page).map(|presence| &presence[wanted.clone()]);
            // Columns that only predict others are not part of the answer.
            let selected = if self.fields.contains((*field).into()) { wanted.clone() } else { 0..0 };
            for (row, (measurement, number)) in measurements.iter_mut().zip(&numbers[selected]).enumerate() {
                if presence.is_none_or(|presence| presence[row]) {
                    *measurement.number_mut(*field) = Some(*number);
                }
            }
            decoded.push((*field, numbers));
        }
        Ok(measurements)
    }
}

/// Returns a value as stored in a column of integers: 0 if it is missing, otherwise the value plus one.
fn optional<T>(
    integer: i64,
    impossible: DamagedRecord,
    value: impl FnOnce(i64) -> Option<T>,
) -> Result<Option<T>, DamagedRecord> {
    if integer == 0 {
        return Ok(None);
    }
    integer.checked_sub(1).and_then(value).map(Some).ok_or(impossible)
}
