//! Episodes: a problem from its beginning to its end, and what was told of it.

use std::collections::BTreeMap;

use isems_insight::{FindingCode, FindingSeverity};
use serde::{Deserialize, Serialize};

use crate::{Change, Code, Problem, severity};

/// A problem from its beginning to its end, and what was told of it.
///
/// It is told once it has lasted for the hold, and it is over once it has been gone for as long; what comes back sooner
/// goes on. Both are counted in seconds in which somebody looked, so that a clock that jumps changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Episode {
    /// The problem, as it was last seen.
    pub problem: Problem,
    /// The time at which it was first seen, Unix seconds, UTC.
    pub began_at: i64,
    /// Since when it has not been seen any more, Unix seconds, UTC.
    pub gone_at: Option<i64>,
    /// Set once it is over.
    pub is_over: bool,
    /// Set if this happens to the node night after night.
    pub(crate) is_usual: bool,
    /// The time for which it has been as severe as each severity or more.
    #[serde(default)]
    held: [Held; FindingSeverity::ALL.len()],
    /// The record of what each channel was told.
    pub(crate) told: BTreeMap<String, Told>,
}

/// The time for which a problem has had a severity or a higher one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    /// The time at which it was first seen, Unix seconds, UTC.
    seen_at: Option<i64>,
    /// Set once it has been seen for the hold. It stays, so that it is told even if it was over before it could be.
    is_long: bool,
    /// For how many seconds it has been seen.
    #[serde(skip)]
    present: i64,
    /// For how many seconds it has not been seen any more.
    #[serde(skip)]
    absent: i64,
}

/// The record of what a channel was told of an episode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    stages: Vec<Stage>,
    /// The time at which it was last told, Unix seconds, UTC.
    pub(crate) at: i64,
    /// Set once it was told that it is over.
    is_over: bool,
}

/// The state of a problem when it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stage {
    code: Code,
    #[serde(with = "severity")]
    severity: FindingSeverity,
}

impl Stage {
    /// Returns whether people who were told this need not be told another stage, too.
    fn covers(self, other: Self) -> bool {
        const OFF: [Code; 2] = [Code::Finding(FindingCode::Silent), Code::Finding(FindingCode::RanEmpty)];
        let is_same = self.code == other.code || OFF.contains(&self.code) && OFF.contains(&other.code);
        // A node that runs empty as was predicted, and will come back by itself, is no news.
        let is_as_predicted = self.code == Code::Finding(FindingCode::LoadOffPredicted)
            && other.code == Code::Finding(FindingCode::RanEmpty)
            && other.severity < FindingSeverity::Urgent;
        is_same && self.severity >= other.severity || is_as_predicted
    }
}

impl Episode {
    pub(crate) fn new(problem: Problem, at: i64, is_usual: bool) -> Self {
        let held = [Held::default(); FindingSeverity::ALL.len()];
        let mut episode =
            Self { problem, began_at: at, gone_at: None, is_over: false, is_usual, held, told: BTreeMap::new() };
        episode.count(at, 0, i64::MAX);
        episode
    }

    /// Takes note that the problem is there, `elapsed` seconds after the last look. Returns whether that is news.
    pub(crate) fn see(&mut self, problem: &Problem, at: i64, elapsed: i64, hold: i64) -> bool {
        let is_news = self.gone_at.take().is_some()
            || (self.problem.code, self.problem.severity) != (problem.code, problem.severity);
        // A silence whose cause becomes clear began no later.
        let since =
            if self.problem.code == problem.code { self.problem.since.min(problem.since) } else { problem.since };
        self.problem.clone_from(problem);
        self.problem.since = since;
        self.count(at, elapsed, hold) || is_news
    }

    /// Takes note that the problem is not there, `elapsed` seconds after the last look. Returns whether that is news.
    pub(crate) fn miss(&mut self, at: i64, elapsed: i64, hold: i64) -> bool {
        let is_news = self.gone_at.is_none();
        self.gone_at.get_or_insert(at);
        for held in &mut self.held {
            held.absent += elapsed;
        }
        let is_over = self.held[0].absent >= hold;
        let was_over = std::mem::replace(&mut self.is_over, is_over);
        is_news || was_over != is_over
    }

    /// Ends it now, because nothing more is to be known of its subject.
    pub(crate) fn end(&mut self, at: i64) {
        self.gone_at.get_or_insert(at);
        self.is_over = true;
    }

    /// Starts to hold it anew, unless it was told already.
    pub(crate) fn hold_anew(&mut self) {
        if self.told.is_empty() {
            self.held = [Held::default(); FindingSeverity::ALL.len()];
        }
    }

    /// Counts on from what was stored, if it was held or had gone when the program ended.
    pub(crate) fn resume(&mut self, at: i64, hold: i64) {
        for held in &mut self.held {
            held.absent = self.gone_at.map_or(0, |gone_at| at.saturating_sub(gone_at).clamp(0, hold));
            held.present = held.seen_at.map_or(0, |seen_at| at.saturating_sub(seen_at).clamp(0, hold));
        }
    }

    /// Counts the seconds of each severity, and returns whether one has now been held.
    fn count(&mut self, at: i64, elapsed: i64, hold: i64) -> bool {
        let mut is_news = false;
        for (severity, held) in FindingSeverity::ALL.into_iter().zip(&mut self.held) {
            if severity > self.problem.severity {
                held.absent += elapsed;
                if held.absent >= hold {
                    (held.seen_at, held.present) = (None, 0);
                }
                continue;
            }
            held.present += if held.seen_at.is_some() { elapsed } else { 0 };
            held.seen_at.get_or_insert(at);
            held.absent = 0;
            if held.present >= hold && !held.is_long {
                (held.is_long, is_news) = (true, true);
            }
        }
        is_news
    }

    /// Returns the severity that has been held, if it is at least `least`.
    fn held_severity(&self, least: FindingSeverity) -> Option<FindingSeverity> {
        let mut held = FindingSeverity::ALL.into_iter().zip(&self.held).rev().filter(|(_, held)| held.is_long);
        held.next().map(|(severity, _)| severity).filter(|severity| *severity >= least)
    }

    /// Returns whether it has been held at a severity.
    pub(crate) fn is_held(&self, least: FindingSeverity) -> bool {
        self.held_severity(least).is_some()
    }

    /// Returns what a channel has yet to be told, with the severity: given the least severity that it is told, and the
    /// time after which it is told again.
    pub(crate) fn news(
        &self,
        channel: &str,
        least: FindingSeverity,
        repeat: Option<i64>,
        at: i64,
    ) -> Option<(Change, FindingSeverity)> {
        let told = self.told.get(channel);
        if self.is_over {
            return match told {
                Some(told) if told.is_over => None,
                None if self.is_usual_at(self.problem.severity) => None,
                Some(_) => Some((Change::Cleared, self.problem.severity)),
                None => self.held_severity(least).map(|severity| (Change::Passed, severity)),
            };
        }
        let severity = self.held_severity(least)?;
        let stage = Stage { code: self.problem.code, severity };
        match told {
            None => Some((Change::Raised, severity)),
            Some(told) if !told.stages.iter().any(|before| before.covers(stage)) => Some((Change::Worsened, severity)),
            Some(told) if self.gone_at.is_none() && repeat.is_some_and(|repeat| at - told.at >= repeat) => {
                Some((Change::Repeated, severity))
            }
            Some(_) => None,
        }
    }

    /// Returns whether it is what happens to the node night after night: it is or will be off, and comes back by
    /// itself.
    pub(crate) fn is_usual_at(&self, severity: FindingSeverity) -> bool {
        self.is_usual
            && (self.problem.is_finding(FindingCode::LoadOffPredicted)
                || self.problem.is_finding(FindingCode::RanEmpty) && severity < FindingSeverity::Urgent)
    }

    /// Takes note that a channel is told.
    pub(crate) fn tell(&mut self, channel: &str, change: Change, severity: FindingSeverity, at: i64) {
        let stage = Stage { code: self.problem.code, severity };
        let told = self.told.entry(channel.into()).or_default();
        told.at = at;
        told.is_over = !change.is_open();
        told.stages.push(stage);
        told.stages.dedup();
    }

    /// Goes on with what was told of the prediction that has come true.
    pub(crate) fn absorb(&mut self, predicted: &Self) {
        for (channel, told) in &predicted.told {
            let mine = self.told.entry(channel.clone()).or_default();
            mine.at = mine.at.max(told.at);
            mine.stages.extend(&told.stages);
        }
    }

    /// Returns whether a channel was told of it and not yet that it is over.
    pub fn is_told(&self, channel: &str) -> bool {
        self.told.get(channel).is_some_and(|told| !told.is_over)
    }
}
