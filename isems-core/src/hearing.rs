//! Sources that are up and bring nothing: a broker whose access list lets a client subscribe but delivers nothing, a topic
//! filter that matches nothing, a node that no longer writes its log.

use std::time::Duration;

use tokio::time::Instant;

/// A source that has been heard is quiet after this many of the longest pauses that it has made so far.
const PAUSES: u32 = 4;

/// The expectation that a source brings something now and then while it is up.
///
/// A source is quiet when nothing has come for [`after`](Self::after) since it is up, or, once it has been heard, for four of
/// the longest pauses that it has made, if that is longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The time without anything after which a source is quiet at the earliest.
    pub after: Duration,
    /// The event that made the source be up, in a word: `subscribed`.
    pub began: &'static str,
    /// Advice for people: what to check.
    pub advice: &'static str,
}

/// When a source was heard.
#[derive(Debug)]
pub(crate) struct Hearing {
    expectation: Expectation,
    /// Since when the source is up.
    since: Instant,
    last: Option<Instant>,
    last_received_at: Option<i64>,
    longest_pause: Duration,
    is_told: bool,
}

impl Hearing {
    pub(crate) fn new(expectation: Expectation) -> Self {
        let since = Instant::now();
        Self { expectation, since, last: None, last_received_at: None, longest_pause: Duration::ZERO, is_told: false }
    }

    /// The source is up again, or down.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
        self.is_told = false;
    }

    pub(crate) fn hear(&mut self, received_at: i64) {
        let now = Instant::now();
        let pause_began = self.last.map(|last| last.max(self.since));
        self.longest_pause = self.longest_pause.max(pause_began.map_or(Duration::ZERO, |began| now - began));
        self.last = Some(now);
        self.last_received_at = Some(received_at);
        self.is_told = false;
    }

    pub(crate) fn last_received_at(&self) -> Option<i64> {
        self.last_received_at
    }

    /// The hint for people while the source is quiet.
    pub(crate) fn note(&self) -> Option<String> {
        let Expectation { began, advice, .. } = self.expectation;
        let quiet_for = self.pause();
        if quiet_for < self.patience() {
            return None;
        }
        let quiet_for = rounded(quiet_for);
        Some(if self.last.is_some_and(|last| last >= self.since) {
            format!("nothing received for {quiet_for}: {advice}")
        } else if self.last.is_some() {
            format!("{began} {quiet_for} ago, nothing received since: {advice}")
        } else {
            format!("{began} {quiet_for} ago, nothing received yet: {advice}")
        })
    }

    /// The hint, once for each time that the source falls quiet.
    pub(crate) fn news(&mut self) -> Option<String> {
        let note = self.note().filter(|_| !self.is_told)?;
        self.is_told = true;
        Some(note)
    }

    /// When the source can have fallen quiet.
    pub(crate) fn next_look(&self) -> Instant {
        let patience = self.patience();
        let due = self.last.map_or(self.since, |last| last.max(self.since)) + patience;
        if due > Instant::now() { due } else { Instant::now() + patience }
    }

    fn pause(&self) -> Duration {
        self.last.map_or(self.since, |last| last.max(self.since)).elapsed()
    }

    fn patience(&self) -> Duration {
        self.expectation.after.max(self.longest_pause * PAUSES)
    }
}

/// A duration for people.
fn rounded(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
