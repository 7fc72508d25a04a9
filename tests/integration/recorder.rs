//! A recorder of log events, for tests. There is one subscriber for all threads, because what a subscriber for one
//! thread receives depends on the others.

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

/// Records everything logged from now on, and forgets earlier events of this thread.
pub(crate) fn record_log() {
    static START: Once = Once::new();
    START.call_once(|| tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(|| Log).init());
    LOG.take();
}

/// Returns this thread's recorded lines of a level.
pub(crate) fn logged(level: &str) -> Vec<String> {
    let lines = LOG.with_borrow(|bytes| lines(bytes));
    lines.into_iter().filter(|line| line.trim_start().starts_with(level)).collect()
}

/// Returns the recorded lines of any thread that contain a text.
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
