//! The report of an import.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use isems_core::{DroppedCounts, Field, RejectCounts, RejectReason, printable};

/// The maximum number of bad lines per reason, and of values per field, that are shown, and the maximum number of each
/// of them.
const EXAMPLES: usize = 3;
const EXAMPLE_CHARACTERS: usize = 100;

/// The account of an import so far, printed at its end.
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
    dropped: DroppedCounts,
    /// Of lines (without a field) and of dropped values.
    examples: BTreeMap<(Option<Field>, RejectReason), Vec<String>>,
}

impl Report {
    /// Counts a bad line.
    pub(super) fn reject(&mut self, reason: RejectReason, source: &str, line: u32, text: &str) {
        self.rejected.add(reason, 1);
        self.show(None, reason, source, line, text);
    }

    /// Counts a value dropped from a good line.
    pub(super) fn drop_value(&mut self, field: Field, reason: RejectReason, source: &str, line: u32, text: &str) {
        self.dropped.add(field, reason, 1);
        self.show(Some(field), reason, source, line, text);
    }

    fn show(&mut self, field: Option<Field>, reason: RejectReason, source: &str, line: u32, text: &str) {
        let examples = self.examples.entry((field, reason)).or_default();
        if examples.len() < EXAMPLES {
            let start: String = text.chars().take(EXAMPLE_CHARACTERS).collect();
            let mut shown = printable(&start).into_owned();
            if text.chars().nth(EXAMPLE_CHARACTERS).is_some() {
                shown.push('…');
            }
            examples.push(format!("{source}:{line}: {shown}"));
        }
    }

    fn write_examples(
        &self,
        field: Option<Field>,
        reason: RejectReason,
        formatter: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let mut examples = self.examples.get(&(field, reason)).into_iter().flatten();
        examples.try_for_each(|example| writeln!(formatter, "    {example}"))
    }

    /// Counts a file that could not be read at all, or not to its end.
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
            self.write_examples(None, reason, formatter)?;
        }
        if self.dropped.total() > 0 {
            writeln!(formatter, "{} values dropped, their lines kept", self.dropped.total())?;
        }
        for (field, reason, count) in self.dropped.iter() {
            writeln!(formatter, "  {count} {reason} in {field}")?;
            self.write_examples(Some(field), reason, formatter)?;
        }
        if self.ambiguous_times > 0 {
            writeln!(
                formatter,
                "{} times in the repeated hour of autumn are ambiguous; taken for summer time",
                self.ambiguous_times
            )?;
        }
        let measurements = self.stored + self.duplicates + rejected;
        let seconds = self.took.as_secs_f64();
        writeln!(formatter, "{seconds:.1} s, {:.0} measurements a second", measurements as f64 / seconds.max(1e-3))?;
        if self.is_interrupted {
            writeln!(formatter, "interrupted: the same command continues, and skips what is stored")?;
        }
        Ok(())
    }
}
