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

/// The interval at which progress is logged if no bar can be drawn.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of reading the files: a bar if standard error is a terminal, otherwise a log line now and then.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
    all: u64,
}

impl Progress {
    /// Starts showing progress for this many bytes.
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

    /// Counts the bytes read from an input.
    pub(super) fn counting<R: Read>(&self, input: R) -> Counting<R> {
        Counting { input, progress: self.clone() }
    }

    /// Shows the progress and the number of measurements processed.
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

    /// Writes something to standard error while a bar is shown there.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the bar.
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
