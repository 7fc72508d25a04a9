//! Columns of a block: numbers, integers and texts of many measurements, compressed without loss.
//!
//! Numbers are compressed with [pco](https://github.com/pcodec/pcodec), in pages of [`PAGE_ROWS`] that are decompressed
//! one by one. Its wrapped format carries the numbers; around them stands, little-endian:
//!
//! | part | bytes |
//! |---|---|
//! | integers | tag `u8`, then by the tag |
//! | - constant | `i64` |
//! | - compressed, `i32` or `i64` | length of the metadata `u32`, of each page `u32`, metadata, pages |
//! | presence | `u8`. 0: every value is there. 1: count of runs `u32`, integers: present and missing in turn |
//! | numbers | presence, tag `u8`, then by the tag |
//! | - constant | `f64` |
//! | - decimal | digits `u8`, integers |
//! | - predicted | digits `u8`, slope and intercept `f64`, integers |
//! | - float | as compressed integers |
//! | texts | count `u32`, each distinct text with its length `u8`; integers: its place from 1 on, 0 if missing |
//!
//! A decimal is an integer divided by a power of ten, used only where that gives every number back to the bit. A
//! predicted column holds what is left of the integers when a straight line over another column is taken away. A
//! missing value takes the place of the value before it among the compressed numbers, which costs next to nothing. A
//! decoder trusts no length: it reads within the column's bytes, and yields as many rows as the header says, or damage.

use std::{collections::HashMap, iter, sync::Arc};

use pco::{
    ChunkConfig, DeltaSpec, PagingSpec,
    data_types::Number,
    errors::PcoError,
    wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor},
};

use super::bytes::{DamagedRecord, Reader};

/// The number of rows per page; the last page of a block has the rest. This is about a day of a node that reports once
/// a minute: small enough for reading one day, large enough to have little overhead.
pub(super) const PAGE_ROWS: usize = 2048;

const CONSTANT: u8 = 0;
const NARROW: u8 = 1;
const WIDE: u8 = 2;

const DECIMAL: u8 = 1;
const PREDICTED: u8 = 2;
const FLOAT: u8 = 3;

/// The powers of ten that turn decimals into integers. The nodes print at most six decimals.
const SCALES: [f64; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

/// Returns the rows of a page.
pub(super) fn page_rows(rows: usize, page: usize) -> usize {
    rows.saturating_sub(page * PAGE_ROWS).min(PAGE_ROWS)
}

pub(super) fn pages(rows: usize) -> usize {
    rows.div_ceil(PAGE_ROWS)
}

/// Compresses numbers in pages. Both differences and plain values are tried, because pco decides by a sample, which is
/// misleading if half the values are from the night.
fn compress<T: Number>(numbers: &[T], out: &mut Vec<u8>) -> Result<(), PcoError> {
    let sizes: Vec<usize> = (0..pages(numbers.len())).map(|page| page_rows(numbers.len(), page)).collect();
    let mut best: Option<Vec<u8>> = None;
    for delta in [DeltaSpec::TryConsecutive(1), DeltaSpec::NoOp] {
        let config = ChunkConfig::default().with_delta_spec(delta).with_paging_spec(PagingSpec::Exact(sizes.clone()));
        let mut compressor = FileCompressor::default().chunk_compressor(numbers, &config)?;
        let mut head = Vec::new();
        FileCompressor::default().write_header(&mut head)?;
        compressor.write_meta(&mut head)?;
        let mut lengths = vec![head.len() as u32];
        let mut body = head;
        for page in 0..sizes.len() {
            let start = body.len();
            compressor.write_page(page, &mut body)?;
            lengths.push((body.len() - start) as u32);
        }
        let whole: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).chain(body).collect();
        if best.as_ref().is_none_or(|best| whole.len() < best.len()) {
            best = Some(whole);
        }
    }
    out.extend(best.unwrap_or_default());
    Ok(())
}

/// Compressed numbers, decompressed page by page.
pub(super) struct Compressed<'a, T: Number> {
    decompressor: ChunkDecompressor<T>,
    pages: Vec<&'a [u8]>,
    rows: usize,
}

impl<'a, T: Number> Compressed<'a, T> {
    fn parse(bytes: &mut Reader<'a>, rows: usize) -> Result<Self, DamagedRecord> {
        let head = bytes.u32()? as usize;
        let lengths = (0..pages(rows)).map(|_| bytes.u32()).collect::<Result<Vec<_>, _>>()?;
        let head = bytes.bytes(head)?;
        let (file, rest) = FileDecompressor::new(head)?;
        let (decompressor, _) = file.chunk_decompressor(rest)?;
        let pages = lengths.into_iter().map(|length| bytes.bytes(length as usize)).collect::<Result<_, _>>()?;
        Ok(Self { decompressor, pages, rows })
    }

    fn page(&mut self, page: usize, out: &mut Vec<T>) -> Result<(), DamagedRecord> {
        let rows = page_rows(self.rows, page);
        let bytes = *self.pages.get(page).ok_or(DamagedRecord("a page is missing"))?;
        out.clear();
        out.resize(rows, T::default());
        let progress = self.decompressor.page_decompressor(bytes, rows)?.read(out)?;
        if progress.n_processed == rows { Ok(()) } else { Err(DamagedRecord("a page is too short")) }
    }
}

pub(super) fn encode_integers(integers: &[i64], out: &mut Vec<u8>) -> Result<(), PcoError> {
    let first = integers.first().copied().unwrap_or_default();
    if integers.iter().all(|integer| *integer == first) {
        out.push(CONSTANT);
        out.extend(first.to_le_bytes());
        return Ok(());
    }
    if let Ok(narrow) = integers.iter().map(|integer| i32::try_from(*integer)).collect::<Result<Vec<_>, _>>() {
        out.push(NARROW);
        compress(&narrow, out)
    } else {
        out.push(WIDE);
        compress(integers, out)
    }
}

/// A column of integers.
pub(super) enum Integers<'a> {
    Constant { value: i64, rows: usize },
    Narrow { numbers: Compressed<'a, i32>, buffer: Vec<i32> },
    Wide(Compressed<'a, i64>),
}

impl<'a> Integers<'a> {
    pub(super) fn parse(bytes: &mut Reader<'a>, rows: usize) -> Result<Self, DamagedRecord> {
        match bytes.u8()? {
            CONSTANT => Ok(Self::Constant { value: bytes.i64()?, rows }),
            NARROW => Ok(Self::Narrow { numbers: Compressed::parse(bytes, rows)?, buffer: Vec::new() }),
            WIDE => Ok(Self::Wide(Compressed::parse(bytes, rows)?)),
            _ => Err(DamagedRecord("unknown kind of integers")),
        }
    }

    /// Returns the integers of a page, each converted.
    pub(super) fn page<T>(&mut self, page: usize, convert: impl Fn(i64) -> T) -> Result<Vec<T>, DamagedRecord> {
        match self {
            Self::Constant { value, rows } => {
                Ok(iter::repeat_with(|| convert(*value)).take(page_rows(*rows, page)).collect())
            }
            Self::Narrow { numbers, buffer } => {
                numbers.page(page, buffer)?;
                Ok(buffer.iter().map(|integer| convert(i64::from(*integer))).collect())
            }
            Self::Wide(numbers) => {
                let mut integers = Vec::new();
                numbers.page(page, &mut integers)?;
                Ok(integers.into_iter().map(convert).collect())
            }
        }
    }
}

/// Returns the lengths of alternating runs of present and missing values, starting with present ones.
fn runs(values: &[Option<f64>]) -> Vec<i64> {
    let mut runs = Vec::new();
    let (mut present, mut length) = (true, 0);
    for value in values {
        if value.is_some() != present {
            runs.push(length);
            (present, length) = (!present, 0);
        }
        length += 1;
    }
    runs.push(length);
    runs
}

fn encode_presence(values: &[Option<f64>], out: &mut Vec<u8>) -> Result<(), PcoError> {
    if values.iter().all(Option::is_some) {
        out.push(0);
        return Ok(());
    }
    let runs = runs(values);
    out.push(1);
    out.extend((runs.len() as u32).to_le_bytes());
    encode_integers(&runs, out)
}

/// Returns for each row whether its value is present, or `None` if all are.
fn parse_presence(bytes: &mut Reader<'_>, rows: usize) -> Result<Option<Vec<bool>>, DamagedRecord> {
    if bytes.u8()? == 0 {
        return Ok(None);
    }
    let count = bytes.u32()? as usize;
    if count > rows + 1 {
        return Err(DamagedRecord("too many runs"));
    }
    let mut runs = Integers::parse(bytes, count)?;
    let mut present = Vec::with_capacity(rows);
    let mut is_present = true;
    for page in 0..pages(count) {
        for run in runs.page(page, |run| run)? {
            let length = usize::try_from(run).unwrap_or(usize::MAX);
            if length > rows - present.len() {
                return Err(DamagedRecord("runs are too long"));
            }
            present.extend(iter::repeat_n(is_present, length));
            is_present = !is_present;
        }
    }
    if present.len() == rows { Ok(Some(present)) } else { Err(DamagedRecord("runs are too short")) }
}

/// Returns the values with each missing one replaced by the one before it, which decoding ignores.
pub(super) fn filled(values: &[Option<f64>]) -> Vec<f64> {
    let mut last = values.iter().find_map(|value| *value).unwrap_or_default();
    let fill = |value: &Option<f64>| {
        last = value.unwrap_or(last);
        last
    };
    values.iter().map(fill).collect()
}

/// Returns the numbers as integers with the lowest power of ten that restores each of them bit for bit.
fn decimals(numbers: &[f64]) -> Option<(u8, Vec<i64>)> {
    (0_u8..).zip(SCALES).find_map(|(digits, scale)| {
        let exact = |number: &f64| {
            let integer = (number * scale).round();
            let is_exact = integer.abs() < 9e15 && (integer as i64 as f64 / scale).to_bits() == number.to_bits();
            is_exact.then_some(integer as i64)
        };
        Some((digits, numbers.iter().map(exact).collect::<Option<Vec<_>>>()?))
    })
}

fn scale(digits: u8) -> Result<f64, DamagedRecord> {
    SCALES.get(usize::from(digits)).copied().ok_or(DamagedRecord("too many digits"))
}

/// A straight line that predicts one column from another, in units of the last digit.
#[derive(Clone, Copy)]
struct Line {
    slope: f64,
    intercept: f64,
}

impl Line {
    /// Multiplication, addition and rounding are exact by IEEE 754, so every machine predicts the same.
    fn predict(self, reference: f64) -> i64 {
        (self.slope * reference + self.intercept).round() as i64
    }

    /// Returns lines worth trying: the least-squares fit, and the median ratio, which a few outliers do not affect.
    fn candidates(reference: &[f64], integers: &[i64]) -> Vec<Self> {
        let points = || {
            let pairs = reference.iter().zip(integers).map(|(x, y)| (*x, *y as f64));
            pairs.filter(|(x, y)| x.abs() > f64::EPSILON && y.abs() > f64::EPSILON)
        };
        let count = points().count() as f64;
        if count < 2.0 {
            return Vec::new();
        }
        let sums = points().fold((0.0, 0.0), |(x_sum, y_sum), (x, y)| (x_sum + x, y_sum + y));
        let (x_mean, y_mean) = (sums.0 / count, sums.1 / count);
        let covariance: f64 = points().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
        let variance: f64 = points().map(|(x, _)| (x - x_mean).powi(2)).sum();
        let mut ratios: Vec<f64> = points().map(|(x, y)| y / x).collect();
        let middle = ratios.len() / 2;
        let (_, ratio, _) = ratios.select_nth_unstable_by(middle, f64::total_cmp);
        let slope = covariance / variance;
        let candidates = [Self { slope, intercept: y_mean - slope * x_mean }, Self { slope: *ratio, intercept: 0.0 }];
        candidates.into_iter().filter(|line| line.slope.is_finite() && line.intercept.is_finite()).collect()
    }
}

/// Encodes a column of numbers. A reference is a [`filled`] column that precedes this one and may predict it.
pub(super) fn encode_numbers(
    values: &[Option<f64>],
    reference: Option<&[f64]>,
    out: &mut Vec<u8>,
) -> Result<(), PcoError> {
    encode_presence(values, out)?;
    let numbers = filled(values);
    let first = numbers.first().copied().unwrap_or_default();
    if numbers.iter().all(|number| number.to_bits() == first.to_bits()) {
        out.push(CONSTANT);
        out.extend(first.to_le_bytes());
        return Ok(());
    }
    let Some((digits, integers)) = decimals(&numbers) else {
        out.push(FLOAT);
        return compress(&numbers, out);
    };
    let mut best = vec![DECIMAL, digits];
    encode_integers(&integers, &mut best)?;
    if let Some(reference) = reference {
        for line in Line::candidates(reference, &integers) {
            let residuals: Vec<i64> = reference
                .iter()
                .zip(&integers)
                .map(|(reference, integer)| integer.wrapping_sub(line.predict(*reference)))
                .collect();
            let mut predicted = vec![PREDICTED, digits];
            predicted.extend(line.slope.to_le_bytes());
            predicted.extend(line.intercept.to_le_bytes());
            encode_integers(&residuals, &mut predicted)?;
            if predicted.len() < best.len() {
                best = predicted;
            }
        }
    }
    out.extend(best);
    Ok(())
}

/// A column of numbers.
pub(super) struct Numbers<'a> {
    presence: Option<Vec<bool>>,
    values: Values<'a>,
    rows: usize,
}

enum Values<'a> {
    Constant(f64),
    Decimal { scale: f64, integers: Integers<'a> },
    Predicted { scale: f64, line: Line, residuals: Integers<'a> },
    Float(Compressed<'a, f64>),
}

impl<'a> Numbers<'a> {
    pub(super) fn parse(bytes: &mut Reader<'a>, rows: usize) -> Result<Self, DamagedRecord> {
        let presence = parse_presence(bytes, rows)?;
        let values = match bytes.u8()? {
            CONSTANT => Values::Constant(bytes.f64()?),
            DECIMAL => Values::Decimal { scale: scale(bytes.u8()?)?, integers: Integers::parse(bytes, rows)? },
            PREDICTED => Values::Predicted {
                scale: scale(bytes.u8()?)?,
                line: Line { slope: bytes.f64()?, intercept: bytes.f64()? },
                residuals: Integers::parse(bytes, rows)?,
            },
            FLOAT => Values::Float(Compressed::parse(bytes, rows)?),
            _ => return Err(DamagedRecord("unknown kind of numbers")),
        };
        Ok(Self { presence, values, rows })
    }

    /// Returns whether a page can only be decoded with the same page of its reference.
    pub(super) fn needs_reference(&self) -> bool {
        matches!(self.values, Values::Predicted { .. })
    }

    /// Returns the numbers of a page, with missing ones filled in.
    pub(super) fn page(&mut self, page: usize, reference: &[f64]) -> Result<Vec<f64>, DamagedRecord> {
        match &mut self.values {
            Values::Constant(value) => Ok(vec![*value; page_rows(self.rows, page)]),
            Values::Decimal { scale, integers } => integers.page(page, |integer| integer as f64 / *scale),
            Values::Predicted { scale, line, residuals } => {
                let residuals = residuals.page(page, |residual| residual)?;
                if reference.len() != residuals.len() {
                    return Err(DamagedRecord("the column that predicts another is missing"));
                }
                let number = |(reference, residual): (&f64, i64)| {
                    line.predict(*reference).wrapping_add(residual) as f64 / *scale
                };
                Ok(reference.iter().zip(residuals).map(number).collect())
            }
            Values::Float(numbers) => {
                let mut page_numbers = Vec::new();
                numbers.page(page, &mut page_numbers)?;
                Ok(page_numbers)
            }
        }
    }

    /// Returns for each row of a page whether its value is present, or `None` if all are.
    pub(super) fn presence(&self, page: usize) -> Option<&[bool]> {
        let start = page * PAGE_ROWS;
        self.presence.as_deref().map(|presence| &presence[start..start + page_rows(self.rows, page)])
    }
}

pub(super) fn encode_texts<'a>(
    texts: impl Iterator<Item = Option<&'a Arc<str>>>,
    out: &mut Vec<u8>,
) -> Result<(), PcoError> {
    let mut distinct: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, i64> = HashMap::new();
    let mut place = |text: &'a Arc<str>| {
        *places.entry(text).or_insert_with(|| {
            distinct.push(text);
            distinct.len() as i64
        })
    };
    let integers: Vec<i64> = texts.map(|text| text.map_or(0, &mut place)).collect();
    out.extend((distinct.len() as u32).to_le_bytes());
    for text in distinct {
        out.push(text.len() as u8);
        out.extend(text.as_bytes());
    }
    encode_integers(&integers, out)
}

/// A column of texts.
pub(super) struct Texts<'a> {
    distinct: Vec<Arc<str>>,
    places: Integers<'a>,
}

impl<'a> Texts<'a> {
    pub(super) fn parse(bytes: &mut Reader<'a>, rows: usize) -> Result<Self, DamagedRecord> {
        let count = bytes.u32()?;
        let distinct = (0..count).map(|_| bytes.text().map(Into::into)).collect::<Result<_, _>>()?;
        Ok(Self { distinct, places: Integers::parse(bytes, rows)? })
    }

    pub(super) fn page(&mut self, page: usize) -> Result<Vec<Option<Arc<str>>>, DamagedRecord> {
        let text = |place: i64| match usize::try_from(place).ok()?.checked_sub(1) {
            None => Some(None),
            Some(place) => self.distinct.get(place).cloned().map(Some),
        };
        let texts = self.places.page(page, text)?;
        texts.into_iter().collect::<Option<_>>().ok_or(DamagedRecord("there is no such text"))
    }
}
