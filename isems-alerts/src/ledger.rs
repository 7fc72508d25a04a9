//! The ledger: which problems there are, what each channel was told of them, and what is on its way.
//!
//! It is a plain value that knows no clock, no channel's other side and no database: it is shown everything that is
//! known at a moment, and says what to deliver. So days pass in milliseconds in tests.

use std::collections::{BTreeMap, VecDeque};

use isems_core::NodeId;
use isems_insight::{FindingCode, FindingSeverity};
use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    AlertsState, Change, Channel, Code, Episode, Letter, Mute, PastMessage, Problem, Subject, Trouble, View,
    compose::{Composer, News},
    schedule::local,
};

/// The longest time between two looks that counts, seconds. After a longer one the clock has jumped, or nobody looked.
const LONGEST_LOOK: i64 = 60;

/// The share of the hold for which news are gathered before they are told, so that many at once are one message.
const GATHERING: i64 = 10;

/// The share of the hold that is the shortest time between two messages to a channel.
const SPACING: i64 = 2;

/// The time by which a node may have fallen silent before the collector's own trouble was noticed, seconds.
const NOTICE: i64 = 900;

/// The time after a night in which a node ran empty during which doing so again is usual, seconds.
const USUAL: i64 = 48 * 3600;

/// The hours of the evening, local time, in which nodes that run empty night after night are announced.
const EVENING: std::ops::Range<i8> = 18..22;

/// The number of messages that the history keeps.
const KEPT: usize = 200;

/// The rules that all channels share.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The time for which a problem must last before it is told, and must be gone before that is told, seconds.
    pub hold: i64,
    /// The time zone of quiet hours, digests and texts.
    pub time_zone: TimeZone,
    /// The address of the server's pages, without a slash at its end. Without it, messages have no links.
    pub public_url: Option<String>,
}

/// The problems there are, what each channel was told of them, and what is on its way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// A word that distinguishes this ledger's messages from those of others.
    nonce: String,
    last_message: u64,
    last_mute: u64,
    episodes: Vec<Episode>,
    mutes: Vec<Mute>,
    letters: Vec<Letter>,
    rhythms: BTreeMap<String, Rhythm>,
    /// The nodes that ran empty lately, each with the last time, Unix seconds, UTC.
    ran_empty: BTreeMap<NodeId, i64>,
    /// The troubles that were reported, until they are reported to be over.
    reported: Vec<Problem>,
    #[serde(skip)]
    history: VecDeque<PastMessage>,
    /// The time of the last look, Unix seconds, UTC.
    #[serde(skip)]
    looked_at: Option<i64>,
    #[serde(skip)]
    judged: usize,
    #[serde(skip)]
    changes: Changes,
}

/// The times of a channel's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rhythm {
    /// The time of the last message about changes, Unix seconds, UTC.
    last_at: Option<i64>,
    /// The date of the last digest.
    last_digest: Option<Date>,
    /// Since when news are gathered, Unix seconds, UTC.
    #[serde(skip)]
    gathering_since: Option<i64>,
}

/// The parts that have changed and are not stored yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// The ledger without its history.
    pub ledger: bool,
    /// The history.
    pub history: bool,
}

impl Ledger {
    /// Creates an empty ledger. The nonce is part of the messages' ids: letters and digits, other ones for each ledger.
    pub fn new(nonce: impl Into<String>) -> Self {
        Self { nonce: nonce.into(), ..Self::default() }
    }

    /// Takes up the history that was stored apart.
    #[must_use]
    pub fn with_history(mut self, history: VecDeque<PastMessage>) -> Self {
        self.history = history;
        self
    }

    /// Returns the parts that have changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Takes the parts for changed again, since they could not be stored.
    pub fn put_back(&mut self, changes: Changes) {
        self.changes.ledger |= changes.ledger;
        self.changes.history |= changes.history;
    }

    /// Returns the problems that are not over, in the order in which they began.
    pub fn open(&self) -> impl Iterator<Item = &Episode> {
        self.episodes.iter().filter(|episode| !episode.is_over)
    }

    /// Returns the mutes that have not ended, in the order in which they began.
    pub fn mutes(&self) -> &[Mute] {
        &self.mutes
    }

    /// Returns the messages that are on their way.
    pub fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// Returns the messages that were delivered or given up, oldest first, 200 at most.
    pub fn history(&self) -> &VecDeque<PastMessage> {
        &self.history
    }

    /// Returns everything that there is to show.
    pub fn state(&self) -> AlertsState {
        AlertsState {
            open: self.open().cloned().collect(),
            mutes: self.mutes.clone(),
            letters: self.letters.clone(),
            history: self.history.iter().cloned().collect(),
        }
    }

    /// Mutes a node, or a finding about it, and returns the mute.
    pub fn mute(&mut self, mute: Mute) -> &Mute {
        self.changes.ledger = true;
        self.last_mute += 1;
        self.mutes.push(Mute { id: self.last_mute, ..mute });
        &self.mutes[self.mutes.len() - 1]
    }

    /// Ends a mute, and returns it; `None` if there is none with this id.
    pub fn unmute(&mut self, id: u64) -> Option<Mute> {
        let place = self.mutes.iter().position(|mute| mute.id == id)?;
        self.changes.ledger = true;
        Some(self.mutes.remove(place))
    }

    /// Reports a trouble of the collector that lasts until it is reported to be over.
    pub fn report(&mut self, trouble: Problem) {
        self.report_over(&trouble.subject, trouble.code);
        self.reported.push(trouble);
        self.changes.ledger = true;
    }

    /// Reports that a trouble of the collector is over.
    pub fn report_over(&mut self, subject: &Subject, code: Code) {
        let before = self.reported.len();
        self.reported.retain(|reported| (&reported.subject, reported.code) != (subject, code));
        self.changes.ledger |= self.reported.len() != before;
    }

    /// Looks at everything that is known at a moment, and writes letters to the channels that have to be told
    /// something.
    ///
    /// It must be called every few seconds. What each channel was told of is remembered under its name.
    pub fn look(&mut self, view: &View, channels: &[Channel], policy: &Policy) {
        let is_first = self.looked_at.is_none();
        let elapsed = (view.at - self.looked_at.unwrap_or(view.at)).clamp(0, LONGEST_LOOK);
        self.looked_at = Some(view.at);
        self.judged = view.judged.len();
        if is_first {
            for episode in &mut self.episodes {
                episode.resume(view.at, policy.hold);
            }
        }
        let mutes = self.mutes.len();
        self.mutes.retain(|mute| mute.until > view.at);
        self.changes.ledger |= self.mutes.len() != mutes;
        self.follow(view, elapsed, policy.hold);
        self.come_true();
        self.explain_silences();
        for channel in channels {
            self.write(channel, view.at, policy);
            self.write_digest(channel, view.at, policy);
        }
        self.forget(channels, view.at);
    }

    /// Brings the episodes up to date.
    fn follow(&mut self, view: &View, elapsed: i64, hold: i64) {
        let mut is_seen = vec![false; self.episodes.len()];
        let mut open: BTreeMap<Subject, Vec<usize>> = BTreeMap::new();
        for (place, episode) in self.episodes.iter().enumerate().filter(|(_, episode)| !episode.is_over) {
            open.entry(episode.problem.subject.clone()).or_default().push(place);
        }
        for problem in view.problems.iter().chain(&self.reported) {
            let place = open.get(&problem.subject).and_then(|places| {
                places.iter().copied().find(|place| problem.continues(&self.episodes[*place].problem))
            });
            if let Some(place) = place {
                // A node can only be silent once.
                if !std::mem::replace(&mut is_seen[place], true) {
                    self.changes.ledger |= self.episodes[place].see(problem, view.at, elapsed, hold);
                }
            } else {
                let is_usual = (problem.is_finding(FindingCode::LoadOffPredicted)
                    || problem.is_finding(FindingCode::RanEmpty))
                    && problem.subject.node().is_some_and(|node| {
                        self.ran_empty.get(node).is_some_and(|last| view.at.saturating_sub(*last) < USUAL)
                    });
                open.entry(problem.subject.clone()).or_default().push(self.episodes.len());
                is_seen.push(true);
                self.episodes.push(Episode::new(problem.clone(), view.at, is_usual));
                self.changes.ledger = true;
            }
            if let (Some(node), true) = (problem.subject.node(), problem.is_finding(FindingCode::RanEmpty)) {
                self.ran_empty.insert(node.clone(), view.at);
            }
        }
        for (episode, is_seen) in self.episodes.iter_mut().zip(is_seen) {
            if is_seen || episode.is_over {
                continue;
            }
            if view.has_lost(&episode.problem.subject) {
                episode.end(view.at);
                self.changes.ledger = true;
            } else if view.knows(&episode.problem.subject) {
                self.changes.ledger |= episode.miss(view.at, elapsed, hold);
            }
        }
    }

    /// Lets what was told of a predicted switch-off go on with the silence that it has become.
    fn come_true(&mut self) {
        let silent: BTreeMap<Subject, usize> = self
            .episodes
            .iter()
            .enumerate()
            .filter(|(_, episode)| episode.problem.is_off() && !episode.is_over)
            .map(|(place, episode)| (episode.problem.subject.clone(), place))
            .collect();
        let is_gone = |episode: &Episode| {
            episode.problem.is_finding(FindingCode::LoadOffPredicted) && episode.gone_at.is_some() && !episode.is_over
        };
        let come_true: Vec<usize> = (0..self.episodes.len())
            .filter(|place| {
                let episode = &self.episodes[*place];
                is_gone(episode) && silent.contains_key(&episode.problem.subject)
            })
            .collect();
        for place in come_true.into_iter().rev() {
            let predicted = self.episodes[place].clone();
            self.episodes[silent[&predicted.problem.subject]].absorb(&predicted);
            self.episodes[place].told.clear();
            self.episodes[place].hold_anew();
            self.episodes[place].end(predicted.gone_at.unwrap_or_default());
            self.changes.ledger = true;
        }
    }

    /// Holds silences back for as long as the collector's own trouble explains them.
    fn explain_silences(&mut self) {
        let troubles = self.episodes.iter().filter(|episode| !episode.is_over && episode.gone_at.is_none());
        let explains = |episode: &Episode| match episode.problem.code {
            Code::Trouble(Trouble::ClockUnset | Trouble::ClockBehind) => Some(i64::MIN),
            Code::Trouble(trouble) if trouble.explains_silence() => Some(episode.problem.since - NOTICE),
            _ => None,
        };
        let Some(since) = troubles.filter_map(explains).min() else { return };
        for episode in &mut self.episodes {
            let is_silent = episode.problem.is_finding(FindingCode::Silent) && episode.problem.since >= since;
            if is_silent && !episode.is_over {
                episode.hold_anew();
            }
        }
    }

    /// Returns what a channel has to be told now.
    fn news(&self, channel: &Channel, at: i64, policy: &Policy) -> Vec<News<'_>> {
        let options = &channel.options;
        let repeat = options.repeat.map(|repeat| repeat.as_secs() as i64);
        let is_quiet = options.quiet.is_some_and(|quiet| quiet.contain(at, &policy.time_zone));
        let is_evening = EVENING.contains(&local(at, &policy.time_zone).hour());
        let wanted = |episode: &Episode| options.wants(&episode.problem.subject, episode.problem.code);
        let all = self.episodes.iter().enumerate();
        let news = all.filter(|(_, episode)| wanted(episode)).filter_map(|(place, episode)| {
            let (change, severity) = episode.news(&channel.name, options.severity, repeat, at)?;
            let is_muted =
                self.mutes.iter().any(|mute| mute.covers(&episode.problem.subject, episode.problem.code, at));
            let waits = is_quiet && (severity < FindingSeverity::Urgent || !change.is_open())
                || episode.is_usual_at(severity) && !is_evening && change.is_open();
            (!waits && (!is_muted || change == Change::Cleared)).then_some(News { place, episode, change, severity })
        });
        news.collect()
    }

    /// Writes a letter with all news of a channel, if it is time for one.
    fn write(&mut self, channel: &Channel, at: i64, policy: &Policy) {
        if self.letters.iter().any(|letter| letter.channel == channel.name && letter.message.kind.is_alert()) {
            return;
        }
        let rhythm = self.rhythms.get(&channel.name).copied().unwrap_or_default();
        let news = self.news(channel, at, policy);
        if news.is_empty() {
            self.set_rhythm(channel, Rhythm { gathering_since: None, ..rhythm });
            return;
        }
        // A clock that was set back makes nothing wait longer.
        let gathering_since = rhythm.gathering_since.filter(|since| *since <= at).unwrap_or(at);
        let last_at = rhythm.last_at.filter(|last| *last <= at);
        let (gathering, spacing) = (policy.hold / GATHERING, policy.hold / SPACING);
        if at - gathering_since < gathering || last_at.is_some_and(|last| at - last < spacing) {
            self.set_rhythm(channel, Rhythm { gathering_since: Some(gathering_since), ..rhythm });
            return;
        }
        let composer = Composer::new(channel.options.language, at, policy);
        let message = composer.alert(self.next_id(), &news);
        let told: Vec<_> = news.iter().map(|news| (news.place, news.change, news.severity)).collect();
        for (place, change, severity) in told {
            self.episodes[place].tell(&channel.name, change, severity, at);
        }
        self.last_message += 1;
        self.letters.push(Letter::new(&channel.name, message));
        self.set_rhythm(channel, Rhythm { gathering_since: None, last_at: Some(at), ..rhythm });
        self.changes.ledger = true;
    }

    /// Writes the regular report, if it is due.
    fn write_digest(&mut self, channel: &Channel, at: i64, policy: &Policy) {
        let Some(time) = channel.options.digest else { return };
        let rhythm = self.rhythms.get(&channel.name).copied().unwrap_or_default();
        // Before the nodes have been judged, nothing can be said about them.
        let Some(date) = time.due(at, &policy.time_zone, rhythm.last_digest).filter(|_| self.judged > 0) else {
            return;
        };
        let open = self.open().filter(|episode| {
            channel.options.wants(&episode.problem.subject, episode.problem.code)
                && episode.is_held(FindingSeverity::Attention)
        });
        let open: Vec<&Episode> = open.collect();
        let message = Composer::new(channel.options.language, at, policy).digest(self.next_id(), &open, self.judged);
        self.last_message += 1;
        self.letters.retain(|letter| letter.channel != channel.name || !letter.message.kind.is_digest());
        self.letters.push(Letter::new(&channel.name, message));
        self.set_rhythm(channel, Rhythm { last_digest: Some(date), ..rhythm });
        self.changes.ledger = true;
    }

    fn set_rhythm(&mut self, channel: &Channel, rhythm: Rhythm) {
        self.rhythms.insert(channel.name.clone(), rhythm);
    }

    /// Returns the id of the next message.
    fn next_id(&self) -> String {
        format!("{}-{}", self.nonce, self.last_message + 1)
    }

    /// Forgets what nobody has to be told of any more.
    fn forget(&mut self, channels: &[Channel], at: i64) {
        let before = self.episodes.len() + self.letters.len();
        let mutes = &self.mutes;
        self.episodes.retain(|episode| {
            let is_muted = || mutes.iter().any(|mute| mute.covers(&episode.problem.subject, episode.problem.code, at));
            let is_awaited = |channel: &Channel| {
                let options = &channel.options;
                options.wants(&episode.problem.subject, episode.problem.code)
                    && episode
                        .news(&channel.name, options.severity, None, at)
                        .is_some_and(|(change, _)| change == Change::Cleared || !is_muted())
            };
            !episode.is_over || channels.iter().any(is_awaited)
        });
        let is_channel = |name: &str| channels.iter().any(|channel| channel.name == name);
        self.letters.retain(|letter| is_channel(&letter.channel));
        self.rhythms.retain(|name, _| is_channel(name));
        self.ran_empty.retain(|_, last| at.saturating_sub(*last) < USUAL);
        self.changes.ledger |= before != self.episodes.len() + self.letters.len();
    }

    /// Returns the letter of a channel that should be delivered now: one at a time, the oldest first.
    pub fn due(&self, channel: &str, at: i64) -> Option<&Letter> {
        self.letters.iter().find(|letter| letter.channel == channel).filter(|letter| letter.is_due(at))
    }

    /// Takes note that a message was delivered, and of the answer.
    pub fn delivered(&mut self, id: &str, at: i64, answer: String) {
        self.settle(id, at, Ok(answer));
    }

    /// Takes note that a message may not have arrived. `pause` is what the other side asked for, seconds. After a day
    /// the message is given up.
    pub fn failed(&mut self, id: &str, at: i64, problem: &str, pause: Option<i64>) {
        let Some(letter) = self.letters.iter_mut().find(|letter| letter.message.id == id) else { return };
        self.changes.ledger = true;
        if letter.fail(at, problem, pause) {
            self.settle(id, at, Err(problem.into()));
        }
    }

    fn settle(&mut self, id: &str, at: i64, answer: Result<String, String>) {
        let Some(place) = self.letters.iter().position(|letter| letter.message.id == id) else { return };
        let letter = self.letters.remove(place);
        while self.history.len() >= KEPT {
            self.history.pop_front();
        }
        self.history.push_back(PastMessage::of(letter, at, answer));
        self.changes = Changes { ledger: true, history: true };
    }
}
