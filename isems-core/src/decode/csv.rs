//! CSV with a header, as a collector writes it: one column per field, under the field's name.
//!
//! The header tells the separator: a comma, a semicolon or a tab. If it is not a comma, a comma in a number is a
//! decimal comma, as in German spreadsheets. Otherwise this is RFC 4180, except that no field contains a line break, so
//! each record is one line.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{
    Decoded, LineError, lines,
    record::{Record, Records, Texts, place},
    undated::UnsetClocks,
    value::Values,
    without_byte_order_mark,
};
use crate::{ClockState, DroppedValue, Field, Measurement, Payload, RejectReason, RejectedLine};

pub(super) fn decode(payload: &Payload<'_>, clock: ClockState) -> Decoded {
    let mut decoded = Decoded::default();
    let mut unset = UnsetClocks::default();
    let mut csv: Option<CsvDecoder> = None;
    for (number, line) in lines(payload.bytes) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Some(csv) = &mut csv else {
            let records = Records::new(payload.node.clone(), payload.received_at, clock);
            csv = CsvDecoder::new(line, records);
            if csv.is_none() {
                decoded.rejects.push(LineError::whole(RejectReason::FieldCount).rejected(number, line));
                break;
            }
            continue;
        };
        let before = decoded.dropped.len();
        match csv.record(number, line, &mut decoded.dropped).and_then(|record| record.dated(clock)) {
            Ok(record) => {
                unset.note(&decoded, &record.measurement, number, line);
                decoded.add(record, number);
            }
            Err(error) => {
                decoded.dropped.truncate(before);
                decoded.rejects.push(error.rejected(number, line));
            }
        }
    }
    unset.settle(&mut decoded, payload.received_at, clock);
    decoded
}

/// Decodes CSV line by line, for files too large for a [`Payload`].
///
/// A line from a node whose clock was not set is rejected, because nothing tells when it was measured.
#[derive(Debug, Clone)]
pub struct CsvDecoder {
    records: Records,
    reader: Box<Reader>,
    separator: u8,
    /// The position in [`Field::ALL`] of each column, if its name is known.
    columns: Vec<Option<usize>>,
    // Buffers for the fields of a line.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl CsvDecoder {
    /// Makes a decoder for a file that a collector has written: it names the nodes, and may say when a measurement
    /// arrived and whose clock dated it. `now` is the time of reading, Unix seconds, UTC, by a clock in this state.
    /// Returns `None` if the line is not a header.
    pub fn of_collector(header: &[u8], now: i64, clock: ClockState) -> Option<Self> {
        let decoder = Self::new(header, Records::of_collector(now, clock))?;
        let has = |field| decoder.columns.contains(&Some(place(field)));
        (has(Field::NodeId) && has(Field::Timestamp)).then_some(decoder)
    }

    fn new(header: &[u8], records: Records) -> Option<Self> {
        let header = without_byte_order_mark(header).trim_ascii_end();
        let is_header = |separator: &u8| {
            let mut names = header.split(|byte| byte == separator).map(<[u8]>::trim_ascii);
            names.any(|name| name.strip_prefix(b"\"").unwrap_or(name).starts_with(Field::Timestamp.name().as_bytes()))
        };
        let separator =
            [b',', b';', b'\t'].into_iter().find(|separator| header.contains(separator) && is_header(separator))?;
        let reader = Box::new(ReaderBuilder::new().delimiter(separator).build());
        let mut decoder = Self { records, reader, separator, columns: Vec::new(), text: Vec::new(), ends: Vec::new() };
        let columns = decoder.split(header).ok()?;
        let place = |name: &&str| Field::ALL.iter().position(|field| field.name() == name.trim());
        decoder.columns = columns.iter().map(place).collect();
        decoder.columns.iter().any(Option::is_some).then_some(decoder)
    }

    /// Returns whether a line is the header of a CSV file that can be decoded: it contains field names, and the next
    /// line, if there is one, has as many fields.
    pub(crate) fn is_header(line: &[u8], next: Option<&[u8]>) -> bool {
        let Some(mut decoder) = Self::new(line, Records::new(None, 0, ClockState::Plausible)) else { return false };
        let columns = decoder.columns.len();
        next.is_none_or(|line| decoder.split(line.trim_ascii_end()).is_ok_and(|fields| fields.len() == columns))
    }

    /// Decodes a line without its line feed; returns `None` if it is blank. `number` is its number in the file. Values
    /// that cannot be used are added to `dropped`.
    pub fn decode(
        &mut self,
        number: u32,
        line: &[u8],
        dropped: &mut Vec<DroppedValue>,
    ) -> Option<Result<Measurement, RejectedLine>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return None;
        }
        let before = dropped.len();
        let decoded = self.record(number, line, dropped).and_then(|record| {
            let measurement = record.measurement;
            measurement.validate_time()?;
            Ok(measurement)
        });
        Some(decoded.map_err(|error| {
            dropped.truncate(before);
            error.rejected(number, line)
        }))
    }

    fn record(&mut self, line: u32, bytes: &[u8], dropped: &mut Vec<DroppedValue>) -> Result<Record, LineError> {
        let has_decimal_comma = self.separator != b',';
        let columns = std::mem::take(&mut self.columns);
        let result = self.split(bytes).and_then(|fields| {
            if fields.len() != columns.len() {
                return Err(LineError::whole(RejectReason::FieldCount));
            }
            let mut texts: [Cow<'_, str>; Field::ALL.len()] = [const { Cow::Borrowed("") }; Field::ALL.len()];
            for (text, place) in fields.into_iter().zip(&columns) {
                let Some(place) = *place else { continue };
                texts[place] = match Field::ALL[place] {
                    // A text that a spreadsheet would take for a formula is preceded by an apostrophe.
                    Field::NodeId | Field::IsemsRevision | Field::FirmwareVersion => {
                        text.strip_prefix('\'').unwrap_or(text).into()
                    }
                    Field::Number(_) if has_decimal_comma && text.contains(',') => text.replacen(',', ".", 1).into(),
                    _ => text.into(),
                };
            }
            Ok(texts.map(Cow::into_owned))
        });
        self.columns = columns;
        let texts = result?;
        let texts: Texts<'_> = texts.each_ref().map(String::as_str);
        self.records.record(&texts, &mut Values { line, dropped })
    }

    /// Splits a line into its fields, without their quotes.
    fn split(&mut self, line: &[u8]) -> Result<Vec<&str>, LineError> {
        self.reader.reset();
        self.text.resize(line.len() + 1, 0);
        self.ends.resize(line.len() + 1, 0);
        let (_, _, text, ends) = self.reader.read_record(line, &mut self.text, &mut self.ends);
        let (result, _, _, more) = self.reader.read_record(&[], &mut self.text[text..], &mut self.ends[ends..]);
        if result != ReadRecordResult::Record {
            return Err(LineError::whole(RejectReason::FieldCount));
        }
        let mut start = 0;
        self.ends[..ends + more]
            .iter()
            .map(|end| {
                let field = &self.text[std::mem::replace(&mut start, *end)..*end];
                str::from_utf8(field).map_err(|_| LineError::whole(RejectReason::EncodingInvalid))
            })
            .collect()
    }
}
