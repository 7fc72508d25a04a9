//! A ledger with a clock that the test moves, nodes whose problems it chooses, and channels that write down what they
//! are told.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use isems_alerts::{
    Channel, ChannelOptions, Code, Fact, Ledger, Letter, Message, Notifier, NotifyError, Policy, Problem, Subject,
    Trouble, View,
};
use isems_core::{NodeId, async_trait};
use isems_insight::{FindingCode, FindingSeverity};
use jiff::{civil::DateTime, tz::TimeZone};

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// The time between two looks, seconds.
pub(crate) const LOOK: i64 = 5;

/// A channel that is only there for its name and options; the desk delivers itself.
struct Nobody;

#[async_trait]
impl Notifier for Nobody {
    async fn notify(&self, _: &Message) -> Result<String, NotifyError> {
        unreachable!("the desk delivers")
    }
}

/// The ledger and everything around it.
pub(crate) struct Desk {
    pub(crate) now: i64,
    pub(crate) ledger: Ledger,
    pub(crate) channels: Vec<Channel>,
    pub(crate) policy: Policy,
    problems: BTreeMap<(String, &'static str), Problem>,
    pub(crate) nodes: HashSet<NodeId>,
    /// The channels that do not answer.
    pub(crate) down: HashSet<String>,
    /// All messages that were delivered, with their channels and times.
    pub(crate) delivered: Vec<(String, i64, Message)>,
    /// All messages that were given up.
    pub(crate) given_up: Vec<Message>,
}

/// Returns a time in Berlin as Unix seconds.
pub(crate) fn berlin(text: &str) -> i64 {
    let time: DateTime = text.parse().unwrap();
    time.to_zoned_datetime(TimeZone::get("Europe/Berlin").unwrap()).unwrap().timestamp().as_second()
}

pub(crate) fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

impl Desk {
    /// Sets up a desk at a time in Berlin, with one channel for what is urgent and nodes from `n0` to `n99`.
    pub(crate) fn new(time: &str) -> Self {
        let policy = Policy {
            hold: 10 * MINUTE,
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            public_url: Some("https://mesh.example".into()),
        };
        let mut desk = Self {
            now: berlin(time),
            ledger: Ledger::new("test"),
            channels: Vec::new(),
            policy,
            problems: BTreeMap::new(),
            nodes: (0..100).map(|number| node(&format!("n{number}"))).collect(),
            down: HashSet::new(),
            delivered: Vec::new(),
            given_up: Vec::new(),
        };
        desk.channel("phone", ChannelOptions::default());
        desk
    }

    pub(crate) fn channel(&mut self, name: &str, options: ChannelOptions) {
        self.channels.push(Channel { name: name.into(), notifier: Arc::new(Nobody), options });
    }

    /// Sets the options of the first channel.
    pub(crate) fn options(&mut self, options: ChannelOptions) {
        self.channels[0].options = options;
    }

    /// Raises a finding, or changes it.
    pub(crate) fn raise(&mut self, name: &str, code: FindingCode, severity: FindingSeverity) {
        self.raise_with(name, code, severity, &[]);
    }

    pub(crate) fn raise_with(
        &mut self,
        name: &str,
        code: FindingCode,
        severity: FindingSeverity,
        facts: &[(&str, Fact)],
    ) {
        let since = self.problems.get(&(name.to_owned(), code.name())).map_or(self.now, |before| before.since);
        let problem = Problem {
            subject: Subject::Node(node(name)),
            code: Code::Finding(code),
            severity,
            since,
            facts: facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect(),
        };
        self.problems.insert((name.into(), code.name()), problem);
    }

    pub(crate) fn clear(&mut self, name: &str, code: FindingCode) {
        self.problems.remove(&(name.to_owned(), code.name()));
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        let problem = Problem::of_collector("mqtt", trouble, self.now, Some("connection refused".into()));
        self.problems.insert((String::new(), trouble.name()), problem);
    }

    pub(crate) fn trouble_over(&mut self, trouble: Trouble) {
        self.problems.remove(&(String::new(), trouble.name()));
    }

    /// Looks once, and delivers what can be delivered.
    pub(crate) fn look(&mut self) {
        let view = View {
            at: self.now,
            problems: self.problems.values().cloned().collect(),
            judged: self.nodes.clone(),
            nodes: Some(self.nodes.clone()),
        };
        self.ledger.look(&view, &self.channels, &self.policy);
        for channel in &self.channels {
            let Some(Letter { message, .. }) = self.ledger.due(&channel.name, self.now).cloned() else { continue };
            if self.down.contains(&channel.name) {
                self.ledger.failed(&message.id, self.now, "no answer", None);
                if self.ledger.history().back().is_some_and(|past| past.id == message.id) {
                    self.given_up.push(message);
                }
            } else {
                self.ledger.delivered(&message.id, self.now, "thank you".into());
                self.delivered.push((channel.name.clone(), self.now, message));
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while self.now < end {
            self.now = (self.now + LOOK).min(end);
            self.look();
        }
    }

    /// Lets time pass until a time in Berlin.
    pub(crate) fn pass_until(&mut self, time: &str) {
        let end = berlin(time);
        assert!(end >= self.now);
        self.pass(end - self.now);
    }

    /// Ends the program and starts it again, with what was stored. Nothing looks meanwhile.
    pub(crate) fn restart_after(&mut self, seconds: i64) {
        let stored = serde_json::to_vec(&self.ledger).unwrap();
        self.ledger = serde_json::from_slice(&stored).unwrap();
        self.now += seconds;
    }

    /// Returns the titles and texts of what a channel was told since the last call, without their dates.
    pub(crate) fn told(&mut self, channel: &str) -> Vec<String> {
        let (mine, others) = std::mem::take(&mut self.delivered).into_iter().partition(|(name, ..)| name == channel);
        self.delivered = others;
        let mine: Vec<(String, i64, Message)> = mine;
        mine.into_iter().map(|(_, _, message)| format!("{} | {}", message.title, message.text)).collect()
    }
}
