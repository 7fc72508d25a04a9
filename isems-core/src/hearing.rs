//! Sources that are up but deliver nothing: a broker whose access list lets a client subscribe but passes nothing on, a
//! topic filter that matches nothing, a node that no longer writes its log.

use std::time::Duration;

use tokio::time::Instant;

/// A source that has been heard counts as quiet after this many times its longest pause so far.
const PAUSES: u32 = 4;

/// The expectation that a source delivers something now and then while it is up.
///
/// A source is quiet if nothing has arrived for [`after`](Self::after) since it came up. Once it has been heard, four
/// times its longest pause so far must pass if that is longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The time without a delivery after which a source may be called quiet.
    pub after: Duration,
    /// The event that brought the source up, in one word: `subscribed`.
    pub began: &'static str,
    /// Advice for people on what to check.
    pub advice: &'static str,
}

/// The record of when a source was heard.
#[derive(Debug)]
pub(crate) struct Hearing {
    expectation: Expectation,
    /// The instant at which the source came up.
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

    /// Starts over: the source has come up again, or gone down.
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

    /// Returns the hint for people while the source is quiet.
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

    /// Returns the hint once each time the source falls quiet.
    pub(crate) fn news(&mut self) -> Option<String> {
        let note = self.note().filter(|_| !self.is_told)?;
        self.is_told = true;
        Some(note)
    }

    /// Returns the next instant at which the source could be found quiet.
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

/// Formats a duration for people.
fn rounded(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
