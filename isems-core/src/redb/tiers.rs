//! Reading both tiers as one: each measurement is returned once, in time order.
//!
//! A query reads one snapshot. It goes from week to week, in the order that is asked for, by looking for the next row
//! and the next block and taking the nearer one. Within a week it merges the rows with the pages of the block, both of
//! which are sorted by time. A page that the range does not touch is not decompressed.
//!
//! A series needs no order among the tiers: it adds up what each block contributes to its buckets (kept in
//! [`summaries`](super::summaries) where the range covers the whole block), and then the rows.
//!
//! A damaged row, a row out of order, or a damaged block is a [`Hole`]: it is left out and reported to the caller. A
//! key that was not asked for, where the next week is looked for, ends the query with an error: going on from it would
//! send the reader in circles.

use std::{iter::Peekable, ops::Range};

use redb::{ReadableTable, StorageError};

use super::{
    block::{self, Header, Kind, Pages},
    bytes::DamagedRecord,
    column::Numbers,
    row,
    sealed::{self, BlockError},
    summaries::{Key, Summaries, Summary},
    tables::{NumberedNode, number_of, out_of_order, row_key, second_of, week_end, week_of, week_start},
};
use crate::{Bucket, Field, FieldSet, Measurement, NumberField, Order, Series, SeriesQuery};

/// Both tiers of one transaction.
pub(super) struct Tiers<'a, R, B> {
    pub(super) rows: &'a R,
    pub(super) blocks: &'a B,
}

/// A gap where something could not be read and was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hole {
    /// The node's number.
    pub(super) number: u32,
    /// The range of seconds in which it lies.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The problem.
    pub(super) problem: &'static str,
}

/// Passes failures of the file on, and turns damage into a hole.
pub(super) fn or_hole<T>(
    result: Result<T, BlockError>,
    number: u32,
    week: u16,
    holes: &mut Vec<Hole>,
) -> Result<Option<T>, StorageError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(BlockError::Damaged(DamagedRecord(problem))) => {
            holes.push(Hole { number, from: week_start(week), to: week_end(week), problem });
            Ok(None)
        }
        Err(BlockError::Storage(error)) => Err(error),
    }
}

/// A selection of a node's measurements.
#[derive(Clone)]
pub(super) struct TierQuery {
    /// Seconds.
    pub(super) range: Range<u64>,
    pub(super) order: Order,
    pub(super) limit: usize,
    /// The columns to read from blocks. Rows are small and read whole.
    pub(super) fields: FieldSet,
}

impl<R, B> Tiers<'_, R, B>
where
    R: ReadableTable<u64, &'static [u8]>,
    B: ReadableTable<u64, &'static [u8]>,
{
    pub(super) fn measurements(
        &self,
        node: &NumberedNode,
        wanted: TierQuery,
        holes: &mut Vec<Hole>,
    ) -> Result<Vec<Measurement>, StorageError> {
        let TierQuery { range: mut left, order, limit, fields } = wanted;
        let mut found = Vec::new();
        while left.start < left.end && found.len() < limit {
            let Some(week) = self.next_week(node.number, &left, order)? else { break };
            let (start, end) = (week_start(week), week_end(week));
            let span = start.max(left.start)..end.min(left.end);
            self.week(node, week, TierQuery { range: span, order, limit, fields }, &mut found, holes)?;
            match order {
                Order::OldestFirst => left.start = end,
                Order::NewestFirst => left.end = start,
            }
        }
        Ok(found)
    }

    /// Counts the measurements of a node. Blocks that do not say how many they have count as empty.
    pub(super) fn count(&self, node: &NumberedNode) -> Result<u64, StorageError> {
        let base = row_key(node.number, 0);
        let mut count = 0;
        for row in self.rows.range(base..base + (1 << 32))? {
            row?;
            count += 1;
        }
        let mut next = Some(0);
        while let Some(first) = next {
            let Some(week) = sealed::first_week(self.blocks, node.number, first, u16::MAX)? else { break };
            let header = or_hole(sealed::header(self.blocks, node.number, week), node.number, week, &mut Vec::new())?;
            count += header.flatten().map_or(0, |header| header.rows as u64);
            next = week.checked_add(1);
        }
        Ok(count)
    }

    /// Returns the next week that contains something.
    fn next_week(&self, number: u32, left: &Range<u64>, order: Order) -> Result<Option<u16>, StorageError> {
        let base = row_key(number, 0);
        let mut rows = self.rows.range(base + left.start..base + left.end)?;
        let (first, last) = (week_of(left.start), week_of(left.end - 1));
        let week = |row: Result<(redb::AccessGuard<'_, u64>, _), StorageError>| {
            let key = row?.0.value();
            let is_in_range = number_of(key) == number && left.contains(&second_of(key));
            if is_in_range { Ok(week_of(second_of(key))) } else { Err(out_of_order()) }
        };
        Ok(match order {
            Order::OldestFirst => {
                let of_rows = rows.next().map(week).transpose()?;
                let of_blocks = sealed::first_week(self.blocks, number, first, of_rows.unwrap_or(last))?;
                of_blocks.into_iter().chain(of_rows).min()
            }
            Order::NewestFirst => {
                let of_rows = rows.next_back().map(week).transpose()?;
                let of_blocks = sealed::last_week(self.blocks, number, of_rows.unwrap_or(first), last)?;
                of_blocks.into_iter().chain(of_rows).max()
            }
        })
    }

    /// Appends the measurements of a week.
    fn week(
        &self,
        node: &NumberedNode,
        week: u16,
        wanted: TierQuery,
        found: &mut Vec<Measurement>,
        holes: &mut Vec<Hole>,
    ) -> Result<(), StorageError> {
        let TierQuery { range, order, limit, fields } = wanted;
        let mut row_holes = Vec::new();
        let mut texts = row::Texts::default();
        let decode = move |key, row: &[u8]| row::decode(&node.id, node.number, key, row, &mut texts);
        let mut rows = self.rows_of(node, &range, order, decode, &mut row_holes)?;
        let sealed = (|| {
            let Some(header) = sealed::header(self.blocks, node.number, week)? else { return Ok(()) };
            let mut wanted_pages: Vec<usize> = header.pages(range.start, range.end).collect();
            if order == Order::NewestFirst {
                wanted_pages.reverse();
            }
            if wanted_pages.is_empty() {
                return Ok(());
            }
            let is_needed = |kind: Kind| kind.is_needed_for(fields);
            let columns = sealed::columns(self.blocks, node.number, week, &header, is_needed)?;
            let mut pages = Pages::new(&columns, &node.id, fields)?;
            for page in wanted_pages {
                let mut measurements = pages.page(page, range.start, range.end)?;
                if order == Order::NewestFirst {
                    measurements.reverse();
                }
                // Rows beside a block are rare: lines that came after their week was sealed.
                if rows.peek().is_none() && found.len() + measurements.len() <= limit {
                    found.append(&mut measurements);
                    continue;
                }
                for measurement in measurements {
                    take_before(&mut rows, &measurement, order, limit, found)?;
                    if found.len() >= limit {
                        return Ok(());
                    }
                    found.push(measurement);
                }
            }
            Ok(())
        })();
        or_hole(sealed, node.number, week, holes)?;
        while found.len() < limit {
            let Some(row) = rows.next() else { break };
            found.push(row?);
        }
        drop(rows);
        holes.append(&mut row_holes);
        Ok(())
    }

    /// Returns the decoded rows of a span, skipping damaged ones.
    fn rows_of<'h, T>(
        &'h self,
        node: &'h NumberedNode,
        range: &Range<u64>,
        order: Order,
        mut decode: impl FnMut(u64, &[u8]) -> Result<T, DamagedRecord> + 'h,
        holes: &'h mut Vec<Hole>,
    ) -> Result<Rows<'h, T>, StorageError> {
        let base = row_key(node.number, 0);
        let rows = self.rows.range(base + range.start..base + range.end)?;
        let mut range = range.clone();
        let decoded = move |entry: Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &[u8]>), StorageError>| {
            let (key, row) = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let second = second_of(key.value());
            let in_order = |decoded| {
                if range.contains(&second) { Ok(decoded) } else { Err(DamagedRecord("rows are not in order")) }
            };
            match decode(key.value(), row.value()).and_then(in_order) {
                Ok(decoded) => {
                    match order {
                        Order::OldestFirst => range.start = second + 1,
                        Order::NewestFirst => range.end = second,
                    }
                    Some(Ok(decoded))
                }
                Err(DamagedRecord(problem)) => {
                    holes.push(Hole { number: node.number, from: second, to: second + 1, problem });
                    None
                }
            }
        };
        let rows: Box<dyn Iterator<Item = _>> = match order {
            Order::OldestFirst => Box::new(rows.filter_map(decoded)),
            Order::NewestFirst => Box::new(rows.rev().filter_map(decoded)),
        };
        Ok(rows.peekable())
    }

    pub(super) fn series(
        &self,
        node: &NumberedNode,
        query: &SeriesQuery,
        summaries: &Summaries,
        holes: &mut Vec<Hole>,
    ) -> Result<Series, StorageError> {
        let mut series = Series::empty(query, node.first_timestamp, node.latest.timestamp);
        let from = query.from.max(node.first_timestamp) as u64;
        let to = query.to.min(node.latest.timestamp + 1).max(0) as u64;
        if from >= to {
            return Ok(series);
        }
        let last = week_of(to - 1);
        let mut next = week_of(from);
        while let Some(week) = sealed::first_week(self.blocks, node.number, next, last)? {
            let sealed = self.summaries_of(node.number, week, from..to, &query.fields, series.interval, summaries);
            let sealed = or_hole(sealed, node.number, week, holes)?;
            for ((_, buckets), summary) in series.fields.iter_mut().zip(sealed.unwrap_or_default()) {
                for (place, bucket) in summary.iter() {
                    buckets[(place - series.start / series.interval) as usize].merge(bucket);
                }
            }
            next = week + 1;
            if next > last {
                break;
            }
        }
        let mut row_holes = Vec::new();
        let decode = |key, row: &[u8]| row::decode_numbers(node.number, key, row);
        for row in self.rows_of(node, &(from..to), Order::OldestFirst, decode, &mut row_holes)? {
            let (timestamp, numbers) = row?;
            series.add_numbers(timestamp, |field| numbers[field as usize]);
        }
        holes.append(&mut row_holes);
        Ok(series)
    }

    /// Returns the contribution of a block to the series of each field.
    fn summaries_of(
        &self,
        number: u32,
        week: u16,
        range: Range<u64>,
        fields: &[NumberField],
        interval: i64,
        summaries: &Summaries,
    ) -> Result<Vec<Summary>, BlockError> {
        let Some(header) = sealed::header(self.blocks, number, week)? else { return Ok(Vec::new()) };
        if !header.is_within(&range) {
            return self.summarize(number, week, &header, range, fields, interval);
        }
        let key = |field: &NumberField| Key::new(number, week, &header, *field, interval);
        let mut found: Vec<Option<Summary>> = fields.iter().map(|field| summaries.get(&key(field))).collect();
        let missing: Vec<NumberField> =
            fields.iter().zip(&found).filter(|(_, known)| known.is_none()).map(|(field, _)| *field).collect();
        if !missing.is_empty() {
            let new = self.summarize(number, week, &header, range, &missing, interval)?;
            for (field, summary) in missing.iter().zip(&new) {
                summaries.keep(key(field), summary);
            }
            let unknown = found.iter_mut().filter(|known| known.is_none());
            unknown.zip(new).for_each(|(unknown, summary)| *unknown = Some(summary));
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads the contribution of a block to the series of each of the fields.
    fn summarize(
        &self,
        number: u32,
        week: u16,
        header: &Header,
        range: Range<u64>,
        fields: &[NumberField],
        interval: i64,
    ) -> Result<Vec<Summary>, BlockError> {
        let mut summaries = vec![Vec::new(); fields.len()];
        let wanted_pages = header.pages(range.start, range.end);
        if wanted_pages.is_empty() {
            return Ok(Vec::new());
        }
        let selected: FieldSet = fields.iter().map(|field| Field::Number(*field)).collect();
        let is_needed = |kind: Kind| kind.is_needed_for(selected);
        let columns = sealed::columns(self.blocks, number, week, header, is_needed)?;
        let mut times = columns.times()?;
        let mut decoders: Vec<(Option<Numbers<'_>>, Option<Numbers<'_>>)> = Vec::new();
        for field in fields {
            let numbers = columns.numbers(*field)?;
            let needs_reference = numbers.as_ref().is_some_and(Numbers::needs_reference);
            let reference = block::reference(*field).filter(|_| needs_reference);
            decoders.push((numbers, reference.map(|field| columns.numbers(field)).transpose()?.flatten()));
        }
        for page in wanted_pages {
            let times = times.page(page)?;
            let place = |time: u64| times.partition_point(|this| (*this as u64) < time);
            let wanted = place(range.start)..place(range.end);
            let spans = spans(&times, wanted, interval);
            for ((numbers, reference), summary) in decoders.iter_mut().zip(&mut summaries) {
                let Some(numbers) = numbers else { continue };
                let reference = reference.as_mut().map(|column| column.page(page, &[])).transpose()?;
                let values = numbers.page(page, &reference.unwrap_or_default())?;
                let presence = numbers.presence(page);
                for (place, rows) in &spans {
                    let mut bucket = Bucket::EMPTY;
                    for row in rows.clone() {
                        if presence.is_none_or(|presence| presence[row]) {
                            bucket.add(values[row]);
                        }
                    }
                    summary.push((*place, bucket));
                }
            }
        }
        Ok(summaries.into_iter().map(Into::into).collect())
    }
}

/// Decoded rows, in order.
type Rows<'a, T> = Peekable<Box<dyn Iterator<Item = Result<T, StorageError>> + 'a>>;

/// Takes the rows that precede a measurement.
fn take_before<I: Iterator<Item = Result<Measurement, StorageError>>>(
    rows: &mut Peekable<I>,
    measurement: &Measurement,
    order: Order,
    limit: usize,
    found: &mut Vec<Measurement>,
) -> Result<(), StorageError> {
    let goes_before = |row: &Result<Measurement, StorageError>| {
        row.as_ref().map_or(true, |row| match order {
            Order::OldestFirst => row.timestamp < measurement.timestamp,
            Order::NewestFirst => row.timestamp > measurement.timestamp,
        })
    };
    while found.len() < limit {
        let Some(row) = rows.next_if(goes_before) else { break };
        found.push(row?);
    }
    Ok(())
}

/// Returns which of the selected rows of a page belong to which bucket, by its number since the epoch.
fn spans(times: &[i64], wanted: Range<usize>, interval: i64) -> Vec<(i64, Range<usize>)> {
    let mut spans = Vec::new();
    let mut row = wanted.start;
    while row < wanted.end {
        let bucket = times[row].div_euclid(interval);
        let bucket_end = (bucket + 1) * interval;
        let end = row + times[row..wanted.end].partition_point(|time| *time < bucket_end);
        spans.push((bucket, row..end));
        row = end;
    }
    spans
}
