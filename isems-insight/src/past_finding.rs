//! Findings that are over.

use std::{collections::VecDeque, fmt::Write, str};

use crate::{Finding, FindingCode, FindingSeverity};

/// The age at which a finding that is over is forgotten, seconds: that of the [`History`](crate::History).
const KEPT: i64 = crate::History::DAYS * 86_400;

/// The most findings that are kept of a node; the oldest are forgotten. Even one that comes and goes every day leaves
/// room for others.
const MOST: usize = 100;

/// Something that was the matter with a node, and is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastFinding {
    /// The kind of finding.
    pub code: FindingCode,
    /// The severity that it had last.
    pub severity: FindingSeverity,
    /// When it began, as far as the measurements told, Unix seconds, UTC.
    pub since: i64,
    /// When it was noticed that it was over, Unix seconds, UTC.
    pub until: i64,
}

/// The findings of a node that are over, in the order in which they ended.
#[derive(Debug, Default, Clone)]
pub(crate) struct PastFindings(VecDeque<PastFinding>);

impl PastFindings {
    /// Adds one that has just ended.
    pub(crate) fn end(&mut self, finding: &Finding, now: i64) {
        let Finding { code, severity, since, .. } = *finding;
        // After a restart it may end once more.
        self.0.retain(|past| (past.code, past.since) != (code, since));
        self.0.push_back(PastFinding { code, severity, since, until: now });
        self.forget(now);
    }

    /// Puts earlier ones before those that have ended meanwhile.
    pub(crate) fn prepend(&mut self, earlier: Self, now: i64) {
        let meanwhile = std::mem::replace(self, earlier);
        self.0.extend(meanwhile.0);
        self.forget(now);
    }

    /// Forgets those that ended before a time, Unix seconds, UTC.
    pub(crate) fn retain_after(&mut self, time: i64) {
        self.0.retain(|past| past.until > time);
    }

    fn forget(&mut self, now: i64) {
        self.retain_after(now - KEPT);
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PastFinding> {
        self.0.iter()
    }

    /// Formats them as lines of a code, a severity, and two times.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for PastFinding { code, severity, since, until } in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {} {since} {until}", code.name(), severity.name());
        }
        text
    }

    /// Reads such lines. Those that another version may have written, and that say nothing here, are left out.
    pub(crate) fn from_text(text: &[u8]) -> Self {
        Self(str::from_utf8(text).unwrap_or_default().lines().filter_map(from_line).collect())
    }
}

fn from_line(line: &str) -> Option<PastFinding> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (code, severity) = (next()?, next()?);
    Some(PastFinding {
        code: FindingCode::ALL.into_iter().find(|known| known.name() == code)?,
        severity: FindingSeverity::ALL.into_iter().find(|known| known.name() == severity)?,
        since: next()?.parse().ok()?,
        until: next()?.parse().ok()?,
    })
}
