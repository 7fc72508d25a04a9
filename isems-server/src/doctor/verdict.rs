//! Verdicts on the parts of a set-up, for people and programs.

use std::io::{self, Write};

use serde::Serialize;

/// Everything that was looked at.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Report(Vec<Item>);

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Item {
    about: &'static str,
    verdict: Verdict,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// The verdict on a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but perhaps not as intended.
    Warning,
    /// It does not work.
    Problem,
}

impl Report {
    pub(super) fn ok(&mut self, about: &'static str, text: String) {
        self.0.push(Item { about, verdict: Verdict::Ok, text, advice: None });
    }

    pub(super) fn warning(&mut self, about: &'static str, text: String, advice: impl Into<String>) {
        self.0.push(Item { about, verdict: Verdict::Warning, text, advice: Some(advice.into()) });
    }

    pub(super) fn problem(&mut self, about: &'static str, text: String, advice: impl Into<String>) {
        self.0.push(Item { about, verdict: Verdict::Problem, text, advice: Some(advice.into()) });
    }

    pub(super) fn has(&self, verdict: Verdict) -> bool {
        self.count(verdict) > 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|item| item.verdict == verdict).count()
    }

    /// Writes a line for each thing, with what to do below it, and a last line that sums up.
    pub(super) fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        let width = self.0.iter().map(|item| item.about.len()).max().unwrap_or_default();
        for Item { about, verdict, text, advice } in &self.0 {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "WARNING",
                Verdict::Problem => "PROBLEM",
            };
            writeln!(output, "{about:<width$}  {verdict:<7}  {}", isems_core::printable(text))?;
            if let Some(advice) = advice {
                writeln!(output, "{:width$}  {:7}  -> {}", "", "", isems_core::printable(advice))?;
            }
        }
        let count = |number, name: &str| format!("{number} {name}{}", if number == 1 { "" } else { "s" });
        let (problems, warnings) = (self.count(Verdict::Problem), self.count(Verdict::Warning));
        writeln!(output, "{}, {}", count(problems, "problem"), count(warnings, "warning"))
    }
}
