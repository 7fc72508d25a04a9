//! The transport, which schedules the polls of its targets.

use std::{
    collections::HashSet,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use isems_core::{Backoff, BoxError, Expectation, Inbox, Receipt, Transport, async_trait};
use tokio::{
    sync::{Semaphore, watch},
    time,
};
use tracing::debug;

use crate::{ConfigError, HttpConfig, PollError, Target, client::Client, poll::Poll};

/// After its first failure a target is tried again this soon, or after the interval if that is shorter.
const FIRST_RETRY: Duration = Duration::from_secs(30);

/// A target that keeps failing is tried at least this often, or at its interval if that is longer.
const LAST_RETRY: Duration = Duration::from_mins(15);

/// A node that adds nothing to its log is quiet after this time, or this many intervals if that is longer.
const QUIET_AFTER: Duration = Duration::from_hours(1);
const INTERVALS_OF_QUIET: u32 = 4;

/// Polls the logs of its targets.
#[derive(Debug)]
pub struct HttpTransport {
    name: String,
    client: Client,
    targets: Vec<Target>,
    interval: Duration,
    slow_after: Duration,
    /// Each permit is a target being polled that is not slow yet.
    slots: Semaphore,
    trigger: PollTrigger,
}

/// Makes an [`HttpTransport`] poll at once, even after the transport itself was moved away. Clones do the same.
#[derive(Debug, Clone)]
pub struct PollTrigger {
    /// Only the fact that the value changes matters.
    requests: watch::Sender<()>,
    targets: usize,
}

impl PollTrigger {
    /// Has every target polled now, and returns their number. A target that is being polled is polled once more
    /// afterwards, however often this is called meanwhile; one that is waiting for a retry is tried now, which counts
    /// as that retry. Their intervals start over. A transport that is not running polls nothing until it starts, when
    /// it polls everything.
    pub fn poll_now(&self) -> usize {
        self.requests.send_replace(());
        self.targets
    }
}

impl HttpTransport {
    /// Makes a transport that does not poll anything yet.
    pub fn new(config: HttpConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let client = Client::new(&config)?;
        let HttpConfig { name, targets, interval, slow_after, concurrency, .. } = config;
        let mut seen = HashSet::new();
        let targets: Vec<_> = targets.into_iter().filter(|target| seen.insert(target.to_string())).collect();
        let slots = Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS));
        let trigger = PollTrigger { requests: watch::Sender::new(()), targets: targets.len() };
        Ok(Self { name, client, targets, interval, slow_after, slots, trigger })
    }

    /// Returns the targets in the order of the configuration, each once.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Returns a handle that makes it poll at once.
    pub fn trigger(&self) -> PollTrigger {
        self.trigger.clone()
    }

    /// Polls every target once and returns when all are done. `on_report` is called for each as it finishes, with the
    /// result of storing its lines or the reason why it failed.
    pub async fn poll_all(&self, inbox: &Inbox, mut on_report: impl FnMut(&Target, &Result<Receipt, PollError>)) {
        let poll = |target| async move { (target, self.poll(target, inbox).await) };
        let mut polls: FuturesUnordered<_> = self.targets.iter().map(poll).collect();
        while let Some((target, result)) = polls.next().await {
            on_report(target, &result);
        }
    }

    /// Polls a target at its interval, for ever.
    async fn follow(&self, target: &Target, inbox: &Inbox) {
        let interval = target.interval().unwrap_or(self.interval);
        let mut backoff = Backoff::new(interval.min(FIRST_RETRY), interval.max(LAST_RETRY));
        let mut requests = self.trigger.requests.subscribe();
        loop {
            requests.mark_unchanged();
            let started = Instant::now();
            let wait = if self.poll(target, inbox).await.is_ok() {
                backoff.reset();
                interval.saturating_sub(started.elapsed())
            } else {
                backoff.next_wait()
            };
            // The sender is this transport's own, so waiting for it cannot fail.
            let _ = time::timeout(wait, requests.changed()).await;
        }
    }

    /// Polls a target once, as soon as there is a slot, and reports the state of the source.
    async fn poll(&self, target: &Target, inbox: &Inbox) -> Result<Receipt, PollError> {
        // The semaphore is never closed.
        let slot = self.slots.acquire().await;
        let started = Instant::now();
        let mut poll = pin!(Poll { client: &self.client, target, inbox }.run());
        let result = if let Ok(result) = time::timeout(self.slow_after, &mut poll).await {
            result
        } else {
            drop(slot);
            poll.await
        };
        let (source, duration_ms) = (target.as_str(), started.elapsed().as_millis());
        match &result {
            Ok(Receipt { received, stored, .. }) => {
                debug!(source, duration_ms, received, stored, "polled");
                inbox.source_up(source);
                if *received > 0 {
                    inbox.heard(source);
                }
                inbox.look_for_silence(source);
            }
            Err(error) => {
                debug!(source, duration_ms, %error, "poll failed");
                inbox.source_down(source, error);
            }
        }
        result
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn name(&self) -> &str {
        &self.name
    }

    fn follows(&self) -> Vec<String> {
        self.targets.iter().map(|target| target.as_str().into()).collect()
    }

    /// Polls every target at once and then at the interval. It ends immediately if there are no targets, and otherwise
    /// never: a target's errors are its own.
    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let this = &*self;
        for target in &this.targets {
            let expectation = Expectation {
                after: QUIET_AFTER.max(target.interval().unwrap_or(this.interval) * INTERVALS_OF_QUIET),
                began: "first answered",
                advice: "the node answers but adds no lines to its log; check it",
            };
            inbox.expect(target.as_str(), expectation);
        }
        let mut loops: FuturesUnordered<_> = this.targets.iter().map(|target| this.follow(target, inbox)).collect();
        while loops.next().await.is_some() {}
        Ok(())
    }
}
