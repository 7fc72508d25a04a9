//! The runner: looks at what the watcher knows, keeps the ledger, and delivers.

use std::{
    error::Error,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use isems_core::{Repository, RepositoryError, panic_message, unix_now};
use isems_insight::Watcher;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{error, info, warn};

use crate::{
    Channel, Code, Episode, Letter, Lookout, Message, Mute, PastMessage, Policy, Problem, Subject, Trouble,
    WatcherLookout,
    compose::Composer,
    ledger::Ledger,
    store::{StoredParts, load, save},
};

/// The time in which the other side of a channel must answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The time in which the repository must store. People must be told of a disk that hangs, too.
pub(crate) const STORING: Duration = Duration::from_secs(20);

/// Tells people, through channels, what a watcher knows. It is cheap to clone, and clones share everything.
///
/// Everything that was told, and everything on its way, is in the metadata of the repository. A letter is stored before
/// it is sent, so that a restart neither forgets nor repeats.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    lookout: Arc<dyn Lookout>,
    repository: Arc<dyn Repository>,
    channels: Vec<Channel>,
    policy: Policy,
    options: AlertsOptions,
    ledger: Mutex<Ledger>,
    /// Held from a change of the ledger until that is stored, so that nothing is sent before. The value is `true` while
    /// it cannot be stored, which is logged once.
    storing: tokio::sync::Mutex<bool>,
    letters: Notify,
}

/// The options of [`Alerts`].
#[derive(Clone)]
pub struct AlertsOptions {
    /// The time between two looks. Default: five seconds, as long as the watcher takes.
    pub interval: Duration,
    /// The clock, in Unix seconds, UTC; simulations and tests have their own. Default: the system's.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Default for AlertsOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), clock: Arc::new(unix_now) }
    }
}

impl fmt::Debug for AlertsOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AlertsOptions").field("interval", &self.interval).finish_non_exhaustive()
    }
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
    /// Tells what a watcher knows. Reads what was told before from its repository; nothing is told before it
    /// [runs](Self::run).
    pub async fn open(watcher: Watcher, channels: Vec<Channel>, policy: Policy) -> Result<Self, RepositoryError> {
        let repository = watcher.repository().clone();
        let lookout = WatcherLookout::new(watcher, &channels);
        Self::with_options(lookout, repository, channels, policy, AlertsOptions::default()).await
    }

    /// Tells what a lookout sees, and keeps in a repository what was told.
    pub async fn with_options(
        lookout: impl Lookout + 'static,
        repository: Arc<dyn Repository>,
        channels: Vec<Channel>,
        policy: Policy,
        options: AlertsOptions,
    ) -> Result<Self, RepositoryError> {
        let ledger = Mutex::new(load(&*repository).await?);
        let (lookout, storing, letters) = (Arc::new(lookout), tokio::sync::Mutex::new(false), Notify::new());
        Ok(Self(Arc::new(Inner { lookout, repository, channels, policy, options, ledger, storing, letters })))
    }

    /// Returns the channels.
    pub fn channels(&self) -> &[Channel] {
        &self.0.channels
    }

    /// Returns everything that there is to show.
    pub fn state(&self) -> AlertsState {
        self.0.ledger().state()
    }

    /// Mutes a node, or a finding about it, and returns the mute once it is stored.
    pub async fn mute(&self, mute: Mute) -> Result<Mute, RepositoryError> {
        let mut is_failing = self.0.storing.lock().await;
        let mute = self.0.ledger().mute(mute).clone();
        self.0.store(&mut is_failing).await.map(|()| mute)
    }

    /// Ends a mute, and returns it; `None` if there is none with this id.
    pub async fn unmute(&self, id: u64) -> Result<Option<Mute>, RepositoryError> {
        let mut is_failing = self.0.storing.lock().await;
        let mute = self.0.ledger().unmute(id);
        self.0.store(&mut is_failing).await.map(|()| mute)
    }

    /// Reports whether something that the collector does now and then failed: a backup, or a check. The trouble lasts
    /// until it is reported to have gone well.
    pub fn report(&self, trouble: Trouble, outcome: Result<(), String>) {
        let mut ledger = self.0.ledger();
        match outcome {
            Ok(()) => ledger.report_over(&Subject::Collector(String::new()), Code::Trouble(trouble)),
            Err(detail) => ledger.report(Problem::of_collector("", trouble, (self.0.options.clock)(), Some(detail))),
        }
    }

    /// Sends a message through every channel, and returns what each of them answered. It is not repeated.
    pub async fn test(&self) -> Vec<Trial> {
        try_channels(&self.0.channels, &self.0.policy, (self.0.options.clock)()).await
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
        let mut turns = interval(self.options.interval);
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
        let view = self.lookout.view().await;
        let mut is_failing = self.storing.lock().await;
        self.ledger().look(&view, &self.channels, &self.policy);
        // That it cannot be stored must not keep people from being told of exactly that.
        drop(self.store(&mut is_failing).await);
        drop(is_failing);
        self.letters.notify_waiters();
    }

    /// Stores what has changed in the ledger.
    async fn store(&self, is_failing: &mut bool) -> Result<(), RepositoryError> {
        let (changes, parts) = {
            let mut ledger = self.ledger();
            let changes = ledger.take_changes();
            (changes, StoredParts::of(&ledger, changes))
        };
        let stored = timeout(STORING, save(&*self.repository, parts)).await.unwrap_or_else(|_| Err(stalled()));
        match &stored {
            Ok(()) => *is_failing = false,
            Err(error) => {
                self.ledger().put_back(changes);
                if !std::mem::replace(is_failing, true) {
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
                self.ledger().due(&channel.name, (self.options.clock)()).cloned()
            };
            match letter {
                Some(letter) => self.send(channel, &letter).await,
                None => drop(timeout(self.options.interval, more).await),
            }
        }
    }

    async fn send(&self, channel: &Channel, letter: &Letter) {
        let Message { id, title, .. } = &letter.message;
        let answer = notify(channel, &letter.message).await;
        let mut is_failing = self.storing.lock().await;
        let at = (self.options.clock)();
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
        drop(self.store(&mut is_failing).await);
    }
}

/// Sends a message through each channel at a moment, Unix seconds, UTC, and returns what each of them answered. It is
/// not repeated.
pub async fn try_channels(channels: &[Channel], policy: &Policy, at: i64) -> Vec<Trial> {
    let trials = channels.iter().map(async |channel| {
        let composer = Composer::new(channel.options.language, at, policy);
        let message = composer.test(format!("test-{:012x}", fastrand::u64(..1 << 48)), &channel.name);
        let answer = notify(channel, &message).await.map_err(|problem| problem.problem);
        Trial { channel: channel.name.clone(), answer }
    });
    join_all(trials).await
}

/// Returns the error of a repository that does not answer in time.
pub(crate) fn stalled() -> RepositoryError {
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
