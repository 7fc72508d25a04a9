//! A storage backend for reading when nothing can be written.
//!
//! Opening a redb file writes to it, even if it is only read afterwards: the header says that it is open. On a full or
//! failed disk that alone would hide everything that is stored. The overlay passes reads through to the file and keeps
//! whatever redb writes in memory, in pieces of 4,096 bytes by their offset.
//!
//! A byte is that of the piece that covers its offset, or that of the file as far as the file still counts (`set_len`
//! can cut it), or zero. Nothing ever reaches the file, so a crash leaves it untouched; what is in memory is forgotten
//! when the file is opened to write. The lock is shared, so that several readers can coexist, and no writer beside
//! them.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    ops::Bound,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use redb::{BackendError, StorageBackend};

/// The size of the pieces in which writes are kept, in bytes.
const PIECE: usize = 4096;

/// A backend that is never written to, with all writes kept in memory on top of it. Opening a database writes a little
/// even if it is only read afterwards.
#[derive(Debug)]
pub(super) struct Overlay<B> {
    beneath: B,
    written: RwLock<Written>,
}

#[derive(Debug)]
struct Written {
    /// The length of the whole.
    len: u64,
    /// The length of the part of the underlying file that still counts.
    beneath: u64,
    /// The pieces, keyed by the position of their first byte.
    pieces: BTreeMap<u64, Box<[u8; PIECE]>>,
}

impl<B: StorageBackend> Overlay<B> {
    pub(super) fn over(beneath: B) -> io::Result<Self> {
        let len = beneath.len()?;
        Ok(Self { beneath, written: RwLock::new(Written { len, beneath: len, pieces: BTreeMap::new() }) })
    }

    fn written(&self) -> RwLockReadGuard<'_, Written> {
        self.written.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn written_mut(&self) -> RwLockWriteGuard<'_, Written> {
        self.written.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads beyond the kept writes. Anything past the end is zero.
    fn read_beneath(&self, end: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = end.saturating_sub(offset).min(out.len() as u64) as usize;
        let (there, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { self.beneath.read(offset, there) }
    }
}

/// Returns the positions of the pieces that overlap a range.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = u64> {
    let first = offset - offset % PIECE as u64;
    (first..offset + len as u64).step_by(PIECE)
}

/// Returns the overlap of a range and a piece: its position in the piece, its position in the range, and its length.
fn common(piece: u64, offset: u64, len: usize) -> (usize, usize, usize) {
    let start = piece.max(offset);
    let end = (piece + PIECE as u64).min(offset + len as u64);
    ((start - piece) as usize, (start - offset) as usize, (end - start) as usize)
}

impl<B: StorageBackend> StorageBackend for Overlay<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset + out.len() as u64 > written.len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.read_beneath(written.beneath, offset, out)?;
        let first = offset - offset % PIECE as u64;
        for (place, piece) in written.pieces.range(first..offset + out.len() as u64) {
            let (from, to, len) = common(*place, offset, out.len());
            out[to..to + len].copy_from_slice(&piece[from..from + len]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written_mut();
        written.beneath = written.beneath.min(len);
        let last = len - len % PIECE as u64;
        if let Some(piece) = written.pieces.get_mut(&last) {
            piece[(len - last) as usize..].fill(0);
        }
        written.pieces.retain(|place, _| *place < len);
        written.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written_mut();
        for place in pieces(offset, data.len()) {
            if !written.pieces.contains_key(&place) {
                let mut piece = Box::new([0; PIECE]);
                self.read_beneath(written.beneath, place, &mut *piece)?;
                written.pieces.insert(place, piece);
            }
            let (to, from, len) = common(place, offset, data.len());
            if let Some(piece) = written.pieces.get_mut(&place) {
                piece[to..to + len].copy_from_slice(&data[from..from + len]);
            }
        }
        written.len = written.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.beneath.close()
    }

    /// Readers share the underlying file with other readers.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.beneath.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.beneath.unlock_range(start, end)
    }
}
