//! A disk that fails on demand.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{BackendError, StorageBackend};

const PAGE: usize = 4096;

/// A call to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Len,
    Read,
    Write,
    Resize,
    Sync,
}

/// A way in which a call fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The call after this many others fails, and no other.
    Once(usize),
    /// Every call of a kind fails.
    Always(Call),
    /// There is space for this many pages. As on most disks, pages that were never written take none.
    Full(usize),
}

/// One file on a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    len: u64,
    pages: BTreeMap<u64, Vec<u8>>,
    fault: Option<Fault>,
    calls: usize,
    is_open: bool,
}

impl Disk {
    /// Opens the file, which only one can have open.
    pub(super) fn open(&self) -> io::Result<OpenFile> {
        if std::mem::replace(&mut self.state().is_open, true) {
            return Err(io::Error::other("the file is opened twice"));
        }
        Ok(OpenFile { disk: self.clone(), is_closed: AtomicBool::new(false) })
    }

    /// Copies the disk's current content to a working disk.
    pub(super) fn copy(&self) -> Self {
        let State { len, pages, .. } = self.state().clone();
        Self(Arc::new(Mutex::new(State { len, pages, ..State::default() })))
    }

    pub(super) fn fail(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = Some(fault);
        state.calls = 0;
    }

    pub(super) fn work(&self) {
        self.state().fault = None;
    }

    /// Returns the number of calls since the disk was last told to fail.
    pub(super) fn calls(&self) -> usize {
        self.state().calls
    }

    /// Returns the number of pages written.
    pub(super) fn pages(&self) -> usize {
        self.state().pages.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the file, unless the call fails.
    fn call(&self, call: Call) -> (MutexGuard<'_, State>, io::Result<()>) {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        let fails = match state.fault {
            Some(Fault::Once(wanted)) => number == wanted,
            Some(Fault::Always(wanted)) => call == wanted,
            Some(Fault::Full(_)) | None => false,
        };
        let result = if fails { Err(io::Error::other(format!("{call:?} does not work"))) } else { Ok(()) };
        (state, result)
    }
}

impl State {
    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < data.len() {
            let place = offset + done as u64;
            let (page, within) = (place / PAGE as u64, place as usize % PAGE);
            let len = (PAGE - within).min(data.len() - done);
            let is_full = matches!(self.fault, Some(Fault::Full(room)) if self.pages.len() >= room);
            if is_full && !self.pages.contains_key(&page) {
                return Err(ErrorKind::StorageFull.into());
            }
            let bytes = self.pages.entry(page).or_insert_with(|| vec![0; PAGE]);
            bytes[within..within + len].copy_from_slice(&data[done..done + len]);
            done += len;
        }
        self.len = self.len.max(offset + data.len() as u64);
        Ok(())
    }
}

/// An open file on the disk.
#[derive(Debug)]
pub(super) struct OpenFile {
    disk: Disk,
    is_closed: AtomicBool,
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        let (state, result) = self.disk.call(Call::Len);
        result.map(|()| state.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (state, result) = self.disk.call(Call::Read);
        result?;
        if offset + out.len() as u64 > state.len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < out.len() {
            let place = offset as usize + done;
            let within = place % PAGE;
            let len = (PAGE - within).min(out.len() - done);
            match state.pages.get(&((place / PAGE) as u64)) {
                Some(page) => out[done..done + len].copy_from_slice(&page[within..within + len]),
                None => out[done..done + len].fill(0),
            }
            done += len;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, result) = self.disk.call(Call::Resize);
        result?;
        state.pages.retain(|page, _| page * (PAGE as u64) < len);
        if let Some(last) = state.pages.get_mut(&(len / PAGE as u64)) {
            last[len as usize % PAGE..].fill(0);
        }
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.call(Call::Sync).1
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        assert!(!self.is_closed.load(Ordering::SeqCst), "a file that is closed is written");
        let (mut state, result) = self.disk.call(Call::Write);
        if result.is_err() {
            // What fails may have been done in part.
            state.write(offset, &data[..data.len() / 2])?;
        }
        result?;
        state.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        if !self.is_closed.swap(true, Ordering::SeqCst) {
            self.disk.state().is_open = false;
        }
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // Nothing is to be done when it is closed already.
        let _ = self.close();
    }
}
