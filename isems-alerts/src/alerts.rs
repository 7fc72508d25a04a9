//! The runner: looks at what the watcher knows, keeps the ledger, and delivers.

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use isems_core::{RepositoryError, panic_message, unix_now};
use isems_insight::{FindingCode, FindingSeverity, Watcher};
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tracing::{debug, error, info, warn};

use crate::{
    Channel, Code, Episode, Letter, Message, Mute, PastMessage, Policy, Problem, Subject, Trouble, View,
    compose::Composer,
    ledger::Ledger,
    store::{StoredParts, load, save},
    troubles,
};

/// The time between two looks. The watcher looks at the nodes as often.
const LOOK: Duration = Duration::from_secs(5);

/// The time in which the other side of a channel must answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The time in which the repository must store. People must be told of a disk that hangs, too.
const STORING: Duration = Duration::from_secs(20);

/// The time without anything stored after which it is tried whether the repository can store.
const UNPROVEN: Duration = Duration::from_mins(1);

/// Tells people, through channels, what a watcher knows. It is cheap to clone, and clones share everything.
///
/// Everything that was told, and everything on its way, is in the metadata of the repository. A letter is stored before
/// it is sent, so that a restart neither forgets nor repeats.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    watcher: Watcher,
    channels: Vec<Channel>,
    policy: Policy,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    ledger: Mutex<Ledger>,
    /// Held from a change of the ledger until that is stored, so that nothing is sent before.
    storing: tokio::sync::Mutex<Proof>,
    letters: Notify,
}

/// The proof that the repository can store.
#[derive(Debug)]
struct Proof {
    stored: u64,
    at: Instant,
    error: Option<Problem>,
    /// Set while the ledger cannot be stored, which is logged once.
    is_failing: bool,
}

/// Everything that alerts can show of themselves.
#[derive(Debug, Clone)]
pub struct AlertsState {
    /// The problems that are not over, in the order in which they began.
    pub open: Vec<Episode>,
    /// The mutes that have not ended.
    pub mutes: Vec<Mute>,
    /// The messages that are on their way.
    pub letters: Vec<Letter>,
    /// The messages that were delivered or given up, oldest first, 200 at most.
    pub history: Vec<PastMessage>,
}

/// The outcome of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The channel.
    pub channel: String,
    /// The answer of the other side, or the problem.
    pub answer: Result<String, String>,
}

impl Alerts {
    /// Reads what was told before from the watcher's repository. Nothing is told before it [runs](Self::run).
    pub async fn open(watcher: Watcher, channels: Vec<Channel>, policy: Policy) -> Result<Self, RepositoryError> {
        Self::with_clock(watcher, channels, policy, Arc::new(unix_now)).await
    }

    /// Does the same with a clock, in Unix seconds, UTC, for simulations and tests.
    pub async fn with_clock(
        watcher: Watcher,
        channels: Vec<Channel>,
        policy: Policy,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    ) -> Result<Self, RepositoryError> {
        let ledger = Mutex::new(load(&**watcher.repository()).await?);
        let proof = Proof { stored: 0, at: Instant::now(), error: None, is_failing: false };
        let (storing, letters) = (tokio::sync::Mutex::new(proof), Notify::new());
        Ok(Self(Arc::new(Inner { watcher, channels, policy, clock, ledger, storing, letters })))
    }

    /// Returns the channels.
    pub fn channels(&self) -> &[Channel] {
        &self.0.channels
    }

    /// Returns everything that there is to show.
    pub fn state(&self) -> AlertsState {
        let ledger = self.0.ledger();
        AlertsState {
            open: ledger.open().cloned().collect(),
            mutes: ledger.mutes().to_vec(),
            letters: ledger.letters().to_vec(),
            history: ledger.history().iter().cloned().collect(),
        }
    }

    /// Mutes a node, or a finding about it, and returns the mute once it is stored.
    pub async fn mute(&self, mute: Mute) -> Result<Mute, RepositoryError> {
        let mut proof = self.0.storing.lock().await;
        let mute = self.0.ledger().mute(mute).clone();
        self.0.store(&mut proof).await.map(|()| mute)
    }

    /// Ends a mute, and returns it; `None` if there is none with this id.
    pub async fn unmute(&self, id: u64) -> Result<Option<Mute>, RepositoryError> {
        let mut proof = self.0.storing.lock().await;
        let mute = self.0.ledger().unmute(id);
        self.0.store(&mut proof).await.map(|()| mute)
    }

    /// Reports whether something that the collector does now and then failed: a backup, or a check. The trouble lasts
    /// until it is reported to have gone well.
    pub fn report(&self, trouble: Trouble, outcome: Result<(), String>) {
        let mut ledger = self.0.ledger();
        match outcome {
            Ok(()) => ledger.report_over(&Subject::Collector(String::new()), Code::Trouble(trouble)),
            Err(detail) => ledger.report(Problem::of_collector("", trouble, (self.0.clock)(), Some(detail))),
        }
    }

    /// Sends a message through every channel, and returns what each of them answered. It is not repeated.
    pub async fn test(&self) -> Vec<Trial> {
        let at = (self.0.clock)();
        let trials = self.0.channels.iter().map(async |channel| {
            let composer = Composer::new(channel.options.language, at, &self.0.policy);
            let message = composer.test(format!("test-{:012x}", fastrand::u64(..1 << 48)), &channel.name);
            let answer = notify(channel, &message).await.map_err(|problem| problem.problem);
            Trial { channel: channel.name.clone(), answer }
        });
        join_all(trials).await
    }

    /// Looks, and delivers, until `stop` is ready. A message under way may or may not have arrived then, and is sent
    /// again after the next start.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let deliveries = join_all(self.0.channels.iter().map(|channel| self.0.deliver(channel)));
        tokio::select! {
            () = stop => {}
            () = self.0.follow() => {}
            _ = deliveries => {}
        }
    }

    /// Looks at everything now. This happens every five seconds while it runs.
    pub async fn look(&self) {
        self.0.look().await;
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Alerts").field("channels", &self.0.channels).finish_non_exhaustive()
    }
}

impl Inner {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(&self) {
        let mut turns = interval(LOOK);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            // The ledger is a value of independent parts, so a panic leaves nothing that would mislead.
            if let Err(panic) = AssertUnwindSafe(self.look()).catch_unwind().await {
                error!(panic = panic_message(&*panic), "looking for what to tell panicked");
            }
        }
    }

    /// Looks at everything, writes letters, and stores what has changed.
    async fn look(&self) {
        let mut proof = self.storing.lock().await;
        let view = self.view(&mut proof).await;
        self.ledger().look(&view, &self.channels, &self.policy);
        // That it cannot be stored must not keep people from being told of exactly that.
        drop(self.store(&mut proof).await);
        drop(proof);
        self.letters.notify_waiters();
    }

    /// Gathers what alerts are decided by.
    async fn view(&self, proof: &mut Proof) -> View {
        let at = (self.clock)();
        let monitor = self.watcher.monitor();
        let assessments = self.watcher.assessments();
        let mut problems: Vec<Problem> = troubles::of_transports(&monitor.transports()).collect();
        problems.extend(troubles::of_clock(monitor.clock(), at));
        problems.extend(self.prove(proof, at).await);
        if problems.is_empty() {
            problems.extend(troubles::of_silences(assessments.iter().map(|assessment| &**assessment)));
        }
        let least = self.least_severity();
        let mut judged = HashSet::new();
        for assessment in &assessments {
            judged.insert(assessment.node.clone());
            let findings = assessment.findings.iter().filter(|finding| {
                // By these it is known what else need not be told.
                const ALWAYS: [FindingCode; 3] =
                    [FindingCode::LoadOffPredicted, FindingCode::RanEmpty, FindingCode::Silent];
                finding.severity >= least || ALWAYS.contains(&finding.code)
            });
            problems.extend(findings.map(|finding| Problem::of_node(&assessment.node, finding)));
        }
        let nodes = match self.watcher.nodes_in_use().await {
            Ok(nodes) => Some(nodes.iter().map(|node| node.id.clone()).collect::<HashSet<_>>()),
            Err(error) => {
                debug!(error = &error as &dyn Error, "cannot tell which nodes there are");
                None
            }
        };
        if let Some(nodes) = &nodes {
            problems.retain(|problem| problem.subject.node().is_none_or(|node| nodes.contains(node)));
        }
        View { at, problems, judged, nodes }
    }

    /// Returns the least severity that any channel is told.
    fn least_severity(&self) -> FindingSeverity {
        let least = |channel: &Channel| match channel.options.digest {
            Some(_) => channel.options.severity.min(FindingSeverity::Attention),
            None => channel.options.severity,
        };
        self.channels.iter().map(least).min().unwrap_or(FindingSeverity::Urgent)
    }

    /// Returns why the repository cannot store, if it cannot. Measurements that were stored are proof enough.
    async fn prove(&self, proof: &mut Proof, at: i64) -> Option<Problem> {
        let stored = self.watcher.monitor().totals().stored;
        if stored != proof.stored {
            (proof.stored, proof.at, proof.error) = (stored, Instant::now(), None);
        } else if proof.at.elapsed() >= UNPROVEN || proof.error.is_some() {
            let probed = timeout(STORING, self.watcher.repository().probe()).await.unwrap_or_else(|_| Err(stalled()));
            let since = proof.error.as_ref().map_or(at, |before| before.since);
            proof.error = probed.err().map(|error| {
                let trouble = match error {
                    RepositoryError::Full { .. } => Trouble::DatabaseFull,
                    _ => Trouble::DatabaseFailing,
                };
                Problem::of_collector("", trouble, since, Some(isems_core::chain(&error)))
            });
            proof.at = Instant::now();
        }
        proof.error.clone()
    }

    /// Stores what has changed in the ledger.
    async fn store(&self, proof: &mut Proof) -> Result<(), RepositoryError> {
        let (changes, parts) = {
            let mut ledger = self.ledger();
            let changes = ledger.take_changes();
            (changes, StoredParts::of(&ledger, changes))
        };
        let stored =
            timeout(STORING, save(&**self.watcher.repository(), parts)).await.unwrap_or_else(|_| Err(stalled()));
        match &stored {
            Ok(()) => proof.is_failing = false,
            Err(error) => {
                self.ledger().put_back(changes);
                if !std::mem::replace(&mut proof.is_failing, true) {
                    let error = error as &dyn Error;
                    warn!(error, "what was told cannot be stored; after a restart it may be told again");
                }
            }
        }
        stored
    }

    /// Delivers the letters of a channel, one after the other, for ever.
    async fn deliver(&self, channel: &Channel) {
        loop {
            let more = self.letters.notified();
            // Whatever is in the ledger while nobody is storing has been stored.
            let letter = {
                let _stored = self.storing.lock().await;
                self.ledger().due(&channel.name, (self.clock)()).cloned()
            };
            match letter {
                Some(letter) => self.send(channel, &letter).await,
                None => drop(timeout(LOOK, more).await),
            }
        }
    }

    async fn send(&self, channel: &Channel, letter: &Letter) {
        let Message { id, title, .. } = &letter.message;
        let answer = notify(channel, &letter.message).await;
        let mut proof = self.storing.lock().await;
        let at = (self.clock)();
        match answer {
            Ok(answer) => {
                info!(channel = channel.name, title, "told");
                self.ledger().delivered(id, at, answer);
            }
            Err(error) => {
                if letter.problem.as_ref() != Some(&error.problem) {
                    warn!(channel = channel.name, title, problem = error.problem, "could not tell; trying again");
                }
                let pause = error.retry_after.map(|pause| pause.as_secs() as i64);
                self.ledger().failed(id, at, &error.problem, pause);
            }
        }
        drop(self.store(&mut proof).await);
    }
}

/// Returns the error of a repository that does not answer in time.
fn stalled() -> RepositoryError {
    let source = format!("it did not answer within {} s", STORING.as_secs()).into();
    RepositoryError::Unavailable { action: "write", retry: true, source }
}

/// Hands a message to a channel. One that hangs or panics has failed.
async fn notify(channel: &Channel, message: &Message) -> Result<String, crate::NotifyError> {
    let notifying = AssertUnwindSafe(channel.notifier.notify(message)).catch_unwind();
    match timeout(PATIENCE, notifying).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => {
            let problem = format!("the channel panicked: {}", panic_message(&*panic));
            error!(channel = channel.name, panic = panic_message(&*panic), "a channel panicked");
            Err(crate::NotifyError::new(problem))
        }
        Err(_) => Err(crate::NotifyError::new(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}
