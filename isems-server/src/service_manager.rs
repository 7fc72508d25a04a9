//! The service manager, such as systemd: it is told when the server serves, how it is doing, and that it lives.
//!
//! The messages are those of `sd_notify(3)`. The server lives as long as its database answers, be it with an error: a
//! full or failing disk is told to people, and no restart would mend it. Only a database that does not answer at all
//! leaves the watchdog without a sign of life.

use std::{fmt, sync::Arc, time::Duration};

use isems_core::{Monitor, RepositoryError};
use isems_insight::{NodeState, Watcher};
use tokio::time::{self, Instant};
use tracing::error;

/// The time between two looks at what there is to say.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The service manager of a process.
#[derive(Clone)]
pub struct ServiceManager {
    tell: Arc<dyn Fn(Notice<'_>) + Send + Sync>,
    watchdog: Option<Duration>,
}

/// A message to the service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The server serves.
    Ready,
    /// The settings are being read again; [`Ready`](Self::Ready) follows.
    Reloading,
    /// The server is about to end.
    Stopping,
    /// Its condition, in a sentence.
    Status(&'a str),
    /// The server lives.
    Alive,
}

impl ServiceManager {
    /// Returns the one that started this process and wants to be told, if there is one.
    #[cfg(unix)]
    pub fn of_this_process() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Self::new(sd_notify::watchdog_enabled(), |notice| {
            use sd_notify::NotifyState;
            let sent = match notice {
                Notice::Ready => sd_notify::notify(&[NotifyState::Ready]),
                Notice::Reloading => {
                    NotifyState::monotonic_usec_now().and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now]))
                }
                Notice::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
                Notice::Status(status) => sd_notify::notify(&[NotifyState::Status(status)]),
                Notice::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
            };
            if let Err(error) = sent {
                error!(%error, ?notice, "cannot tell the service manager");
            }
        }))
    }

    /// Returns none, as this system has no such service manager.
    #[cfg(not(unix))]
    pub fn of_this_process() -> Option<Self> {
        None
    }

    /// Creates one that is told through a function, and that wants a sign of life within a time.
    pub fn new(watchdog: Option<Duration>, tell: impl Fn(Notice<'_>) + Send + Sync + 'static) -> Self {
        Self { tell: Arc::new(tell), watchdog }
    }

    /// Tells it something.
    pub fn tell(&self, notice: Notice<'_>) {
        (self.tell)(notice);
    }

    /// Tells it that the server serves, and from then on how it is doing, until `stop` is ready.
    pub async fn run(&self, watcher: &Watcher, stop: impl Future<Output = ()>) {
        self.tell(Notice::Ready);
        let never = async { tokio::join!(self.follow_status(watcher), self.live(watcher)) };
        tokio::select! {
            () = stop => self.tell(Notice::Stopping),
            ((), ()) = never => {}
        }
    }

    async fn follow_status(&self, watcher: &Watcher) {
        let mut told = String::new();
        loop {
            if let Ok(status) = status(watcher).await
                && status != told
            {
                self.tell(Notice::Status(&status));
                told = status;
            }
            time::sleep(STATUS_INTERVAL).await;
        }
    }

    /// Gives signs of life, at least three in the time that is allowed, as long as the database answers.
    async fn live(&self, watcher: &Watcher) {
        let Some(watchdog) = self.watchdog else { return };
        let mut stored = watcher.monitor().totals().stored;
        loop {
            let began = Instant::now();
            let now_stored = watcher.monitor().totals().stored;
            if now_stored == stored {
                let answer = watcher.repository().probe();
                tokio::pin!(answer);
                // An error is an answer, too.
                if time::timeout(watchdog / 2, &mut answer).await.is_err() {
                    error!(
                        seconds = began.elapsed().as_secs(),
                        "the database does not answer; if that goes on, the service manager restarts the server"
                    );
                    let _ = answer.await;
                }
            }
            stored = now_stored;
            self.tell(Notice::Alive);
            time::sleep(watchdog / 3).await;
        }
    }
}

/// Returns how a server is doing, in a sentence.
async fn status(watcher: &Watcher) -> Result<String, RepositoryError> {
    let snapshot = watcher.snapshot().await?;
    let counts = snapshot.counts();
    let active = counts.of(NodeState::Active);
    let (up, sources) = sources(watcher.monitor());
    let sources = if sources > 0 { format!(", {up} of {sources} sources up") } else { String::new() };
    let (all, stored) = (counts.total(), snapshot.last_hour.stored);
    Ok(format!("{active} of {all} nodes active{sources}, {stored} measurements in the last hour"))
}

/// Returns the number of sources that are up, and of all.
fn sources(monitor: &Monitor) -> (usize, usize) {
    let transports = monitor.transports();
    let sources = transports.iter().flat_map(|transport| transport.sources.values());
    sources.fold((0, 0), |(up, all), source| (up + usize::from(source.up), all + 1))
}

impl fmt::Debug for ServiceManager {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceManager").field("watchdog", &self.watchdog).finish_non_exhaustive()
    }
}
