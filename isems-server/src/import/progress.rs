//! The progress of an import.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::info;

/// The interval at which progress is logged where no bar can be drawn.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of reading the files: a bar where standard error is a terminal, a log line now and then otherwise.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
    all: u64,
}

impl Progress {
    /// Begins to tell about this many bytes.
    pub(super) fn new(all: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        let template = "{wide_bar} {percent}% of {total_bytes}, {msg}, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant"));
        Self { bar, read: Arc::default(), all }
    }

    /// Counts further bytes.
    pub(super) fn advance(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts what is read.
    pub(super) fn counting<R: Read>(&self, input: R) -> Counting<R> {
        Counting { input, progress: self.clone() }
    }

    /// Shows how far it is, and how many measurements have been dealt with.
    pub(super) fn show(&self, measurements: u64, last_logged: &mut Instant) {
        let read = self.read.load(Ordering::Relaxed);
        if !self.bar.is_hidden() {
            self.bar.set_position(read);
            self.bar.set_message(format!("{measurements} measurements"));
        } else if last_logged.elapsed() >= LOG_INTERVAL {
            *last_logged = Instant::now();
            info!(measurements, percent = (read * 100).checked_div(self.all).unwrap_or(100).min(100), "importing");
        }
    }

    /// Writes something to standard error while a bar is drawn there.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// An input whose bytes are counted as they are read.
pub(super) struct Counting<R> {
    input: R,
    progress: Progress,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}
