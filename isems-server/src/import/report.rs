//! What an import has done.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use isems_core::{RejectCounts, RejectReason, printable};

/// How many bad lines of a reason are shown, and how much of each.
const EXAMPLES: usize = 3;
const EXAMPLE_CHARACTERS: usize = 100;

/// What an import has done so far. Printed when it has ended.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) files_read: u64,
    pub(super) failed: Vec<(PathBuf, String)>,
    pub(super) stored: u64,
    pub(super) duplicates: u64,
    pub(super) ambiguous_times: u64,
    pub(super) is_interrupted: bool,
    pub(super) took: Duration,
    rejected: RejectCounts,
    examples: BTreeMap<RejectReason, Vec<String>>,
}

impl Report {
    /// Counts a bad line.
    pub(super) fn reject(&mut self, reason: RejectReason, source: &str, line: u32, text: &str) {
        self.rejected.add(reason, 1);
        let examples = self.examples.entry(reason).or_default();
        if examples.len() < EXAMPLES {
            let start: String = text.chars().take(EXAMPLE_CHARACTERS).collect();
            let mut shown = printable(&start).into_owned();
            if text.chars().nth(EXAMPLE_CHARACTERS).is_some() {
                shown.push('…');
            }
            examples.push(format!("{source}:{line}: {shown}"));
        }
    }

    /// Counts a file that could not be read, or not to its end.
    pub(super) fn fail(&mut self, path: &Path, error: String) {
        self.failed.push((path.into(), error));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} files read, {} failed", self.files_read, self.failed.len())?;
        for (path, error) in &self.failed {
            writeln!(formatter, "  {}: {error}", path.display())?;
        }
        let rejected = self.rejected.total();
        writeln!(formatter, "{} stored, {} duplicates, {rejected} rejected", self.stored, self.duplicates)?;
        for (reason, count) in self.rejected.iter() {
            writeln!(formatter, "  {count} {reason}")?;
            for example in self.examples.get(&reason).into_iter().flatten() {
                writeln!(formatter, "    {example}")?;
            }
        }
        if self.ambiguous_times > 0 {
            writeln!(
                formatter,
                "{} times of an hour that the clock went through twice could be either; taken for summer time",
                self.ambiguous_times
            )?;
        }
        let measurements = self.stored + self.duplicates + rejected;
        let seconds = self.took.as_secs_f64();
        writeln!(formatter, "{seconds:.1} s, {:.0} measurements a second", measurements as f64 / seconds.max(1e-3))?;
        if self.is_interrupted {
            writeln!(formatter, "interrupted: the same command goes on, and skips what is stored")?;
        }
        Ok(())
    }
}
