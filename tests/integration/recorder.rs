//! A recorder of log events, for tests to look at. There is one subscriber for all threads: what one for a thread alone
//! is told of depends on the others.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::{Mutex, Once, PoisonError},
};

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Of all threads.
static WHOLE_LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Records what is logged from now on. What was recorded of this thread is forgotten.
pub(crate) fn record_log() {
    static START: Once = Once::new();
    START.call_once(|| tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(|| Log).init());
    LOG.take();
}

/// The recorded lines of a level, of this thread.
pub(crate) fn logged(level: &str) -> Vec<String> {
    let lines = LOG.with_borrow(|bytes| lines(bytes));
    lines.into_iter().filter(|line| line.trim_start().starts_with(level)).collect()
}

/// The recorded lines of any thread that have a text.
pub(crate) fn logged_with(text: &str) -> Vec<String> {
    let lines = lines(&WHOLE_LOG.lock().unwrap_or_else(PoisonError::into_inner));
    lines.into_iter().filter(|line| line.contains(text)).collect()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    std::str::from_utf8(bytes).expect("it is text").lines().map(str::to_owned).collect()
}

/// Writes to both records.
struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        WHOLE_LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
