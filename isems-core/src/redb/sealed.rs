//! The sealed tier: blocks, cut into pieces that fill a page of the file each.
//!
//! A [block](super::block) of a node and a week is one string of bytes. It lies in the table `blocks` in pieces of
//! 4,080 bytes, numbered from 0; the last piece has what is left. redb gives a value that exceeds a page the next power
//! of two of bytes, so pieces waste less than whole blocks would, and a reader fetches only the pieces of the columns
//! that it needs.
//!
//! The header stands at the start of the first piece and fits into it. It says how long the block is and where its
//! columns are, each with its checksum, so every column can be read and verified by itself. A missing or short piece is
//! damage of the block; other blocks do not notice.
//!
//! A block is replaced as a whole: [`insert`] removes all pieces that are there and writes the new ones, in the
//! caller's transaction. A crash leaves the old block or the new one, never a mixture.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::{Range, RangeInclusive},
};

use redb::{AccessGuard, ReadableTable, StorageError, Table};

use super::{
    block::{Columns, Header, Kind, Pages},
    bytes::DamagedRecord,
    tables::{number_of, out_of_order, piece_key, week_of_piece},
};
use crate::{FieldSet, Measurement, NodeId};

/// The length of a piece in bytes; the last one has the rest. With its key a piece fills one page of redb, which rounds
/// larger values up to a power of two of pages.
const PIECE_BYTES: usize = 4080;

/// The reason why a block cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlockError {
    /// This block is damaged; others can be read.
    #[error(transparent)]
    Damaged(#[from] DamagedRecord),
    /// The file cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Returns the header of a node's block for a week, or `None` if there is no such block.
pub(super) fn header(
    blocks: &impl ReadableTable<u64, &'static [u8]>,
    number: u32,
    week: u16,
) -> Result<Option<Header>, BlockError> {
    // A range would also need the following page.
    if let Some(first) = blocks.get(piece_key(number, week, 0))? {
        return Ok(Some(Header::parse(number, week, first.value())?));
    }
    match blocks.range(piece_key(number, week, 0)..=piece_key(number, week, u16::MAX))?.next() {
        Some(Ok(_)) => Err(DamagedRecord("its first piece is missing").into()),
        Some(Err(error)) => Err(error.into()),
        None => Ok(None),
    }
}

/// Returns the keys of the pieces of a block.
pub(super) fn piece_keys(number: u32, week: u16, header: &Header) -> Range<u64> {
    let first = piece_key(number, week, 0);
    first..first + (header.length.div_ceil(PIECE_BYTES) as u64).min(1 << 16)
}

/// Reads and verifies the selected columns of a block.
pub(super) fn columns<'h>(
    blocks: &impl ReadableTable<u64, &'static [u8]>,
    number: u32,
    week: u16,
    header: &'h Header,
    is_wanted: impl Fn(Kind) -> bool,
) -> Result<Columns<'h>, BlockError> {
    let mut pieces: BTreeMap<u16, AccessGuard<'_, &[u8]>> = BTreeMap::new();
    let mut columns = Columns { header, bytes: Vec::new() };
    for (kind, place) in header.columns().filter(|(kind, _)| is_wanted(*kind)) {
        let mut bytes = Vec::new();
        let mut offset = place.start;
        while offset < place.end {
            let number_of_piece = offset / PIECE_BYTES;
            let place_of_piece = u16::try_from(number_of_piece).map_err(|_| DamagedRecord("it is too long"))?;
            let piece = match pieces.entry(place_of_piece) {
                Entry::Occupied(piece) => piece.into_mut(),
                Entry::Vacant(entry) => {
                    let piece = blocks.get(piece_key(number, week, place_of_piece))?;
                    entry.insert(piece.ok_or(DamagedRecord("a piece is missing"))?)
                }
            };
            let piece = piece.value();
            let start = offset - number_of_piece * PIECE_BYTES;
            let end = (place.end - number_of_piece * PIECE_BYTES).min(piece.len());
            let part =
                piece.get(start..end).filter(|part| !part.is_empty()).ok_or(DamagedRecord("a piece is too short"))?;
            bytes.extend(part);
            offset += part.len();
        }
        header.verify(kind, &bytes)?;
        columns.bytes.push((kind, bytes));
    }
    Ok(columns)
}

/// Returns every measurement of a block.
pub(super) fn whole(
    blocks: &impl ReadableTable<u64, &'static [u8]>,
    node: &NodeId,
    number: u32,
    week: u16,
    header: &Header,
) -> Result<Vec<Measurement>, BlockError> {
    let columns = columns(blocks, number, week, header, |_| true)?;
    let mut pages = Pages::new(&columns, node, FieldSet::ALL)?;
    let mut measurements = Vec::new();
    for page in header.pages(0, u64::MAX) {
        measurements.extend(pages.page(page, 0, u64::MAX)?);
    }
    Ok(measurements)
}

/// Writes a block in place of the existing one.
pub(super) fn insert(
    blocks: &mut Table<'_, u64, &'static [u8]>,
    number: u32,
    week: u16,
    block: &[u8],
) -> Result<(), StorageError> {
    remove(blocks, number, week)?;
    for (piece, bytes) in block.chunks(PIECE_BYTES).enumerate() {
        blocks.insert(piece_key(number, week, piece as u16), bytes)?;
    }
    Ok(())
}

/// Removes a node's block for a week.
pub(super) fn remove(blocks: &mut Table<'_, u64, &'static [u8]>, number: u32, week: u16) -> Result<(), StorageError> {
    blocks.retain_in(piece_key(number, week, 0)..=piece_key(number, week, u16::MAX), |_, _| false)
}

/// Returns the first week between two, both included, for which a node has a block.
pub(super) fn first_week(
    blocks: &impl ReadableTable<u64, &'static [u8]>,
    number: u32,
    first: u16,
    last: u16,
) -> Result<Option<u16>, StorageError> {
    let mut pieces = blocks.range(piece_key(number, first, 0)..=piece_key(number, last, u16::MAX))?;
    pieces.next().map(|piece| week_of_one(piece?.0.value(), number, first..=last)).transpose()
}

/// Returns the last week between two, both included, for which a node has a block.
pub(super) fn last_week(
    blocks: &impl ReadableTable<u64, &'static [u8]>,
    number: u32,
    first: u16,
    last: u16,
) -> Result<Option<u16>, StorageError> {
    let mut pieces = blocks.range(piece_key(number, first, 0)..=piece_key(number, last, u16::MAX))?;
    pieces.next_back().map(|piece| week_of_one(piece?.0.value(), number, first..=last)).transpose()
}

fn week_of_one(key: u64, number: u32, weeks: RangeInclusive<u16>) -> Result<u16, StorageError> {
    let week = week_of_piece(key);
    if number_of(key) == number && weeks.contains(&week) { Ok(week) } else { Err(out_of_order()) }
}
