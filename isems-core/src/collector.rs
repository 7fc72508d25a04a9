//! The collector, which owns, runs and supervises transports.

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError, RwLock},
};

use futures_util::FutureExt;
use tokio::{task::JoinSet, time};
use tracing::{debug, error, info, warn};

use crate::{
    Backoff, ClockState, Inbox, InvalidTransportName, Limits, Measurement, Repository, Totals, Transport,
    TransportState, TransportStatus, account::Account, chain, clock::Clock, dating::Dating, observers::Observers,
    panic_message, unix_now,
};

/// Runs transports, each on a task of its own, and calls failed ones again.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use isems_core::{Collector, RedbRepository, Transport};
/// # async fn example(my_transport: impl Transport + 'static) -> Result<(), Box<dyn std::error::Error>> {
/// let repository = Arc::new(RedbRepository::open("isems.redb")?);
/// let collector = Collector::new(repository).transport(my_transport)?;
/// let monitor = collector.monitor();
/// collector.run(std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
pub struct Collector {
    repository: Arc<dyn Repository>,
    transports: Vec<(Box<dyn Transport>, Inbox)>,
    backoff: Backoff,
    limits: Limits,
    dating: Dating,
    observers: Observers,
    monitor: Monitor,
}

/// Reports the state of a collector's transports, even while it runs. Cheap to clone; clones also see transports that
/// are added later.
#[derive(Debug, Clone, Default)]
pub struct Monitor {
    accounts: Arc<RwLock<Vec<Account>>>,
    clock: Clock,
}

impl Monitor {
    /// Returns a snapshot of every transport, in the order in which they were added.
    pub fn transports(&self) -> Vec<TransportStatus> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).iter().map(Account::snapshot).collect()
    }

    /// Returns the counts of all transports together. Cheaper than adding up [`transports`](Self::transports).
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for account in &*self.accounts.read().unwrap_or_else(PoisonError::into_inner) {
            account.add_to(&mut totals);
        }
        totals
    }

    /// Returns whether the clock of this computer can be right, judging by what has arrived.
    pub fn clock(&self) -> ClockState {
        self.clock.state(unix_now())
    }

    fn add(&self, account: Account) {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).push(account);
    }
}

impl Collector {
    /// Creates a collector without transports.
    pub fn new(repository: Arc<dyn Repository>) -> Self {
        Self {
            repository,
            transports: Vec::new(),
            backoff: Backoff::default(),
            limits: Limits::default(),
            dating: Dating::default(),
            observers: Observers::default(),
            monitor: Monitor::default(),
        }
    }

    /// Returns the repository that everything is stored in.
    pub fn repository(&self) -> &Arc<dyn Repository> {
        &self.repository
    }

    /// Adds a transport, which may be a `Box<dyn Transport>`. Returns an error if its name is not valid or already
    /// taken by another transport: counters, rejects and the values it [remembers](Inbox::remember) are kept under it.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Result<Self, InvalidTransportName> {
        let name = transport.name();
        InvalidTransportName::check(name)?;
        if self.transports.iter().any(|(other, _)| other.name() == name) {
            return Err(InvalidTransportName::Taken { name: name.into() });
        }
        let inbox = Inbox::new(name, self.repository.clone())
            .limits(self.limits.clone())
            .clock(self.monitor.clock.clone())
            .dating(self.dating.clone())
            .observers(self.observers.clone());
        inbox.account().set_follows(transport.follows());
        self.monitor.add(inbox.account().clone());
        self.transports.push((Box::new(transport), inbox));
        Ok(self)
    }

    /// Sets [limits](Limits) other than the defaults, which apply to each transport separately.
    #[must_use]
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.transports =
            self.transports.into_iter().map(|(transport, inbox)| (transport, inbox.limits(limits.clone()))).collect();
        self.limits = limits.clone();
        self
    }

    /// Adds an observer, which gets all new measurements once they are durable and before their receipt is returned,
    /// and is never called with none. There can be several. They also see transports that were added before them.
    ///
    /// The observer is called by the transports' tasks, possibly by several at a time, so it must be quick and must not
    /// block. Each call has the measurements of one delivery. If a delivery is stopped while it is being stored, as
    /// when the collector stops, the observer is not called, although the measurements may be stored.
    #[must_use]
    pub fn observe(self, observer: impl Fn(&[Measurement]) + Send + Sync + 'static) -> Self {
        self.observers.add(observer);
        self
    }

    /// Sets the delays between the runs of a failing transport, by default from one second to a minute.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Returns a handle that reports the state of the transports, including those that are added later.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Runs the transports until `stop` is ready or all of them have ended. A transport that is still running is
    /// dropped at its next `await`; none is running when this returns.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        for (transport, inbox) in self.transports {
            tasks.spawn(supervise(transport, inbox, self.backoff.clone()));
        }
        tokio::select! {
            () = stop => {}
            () = async { while tasks.join_next().await.is_some() {} } => {}
        }
        tasks.shutdown().await;
    }
}

async fn supervise(mut transport: Box<dyn Transport>, inbox: Inbox, mut backoff: Backoff) {
    let name = transport.name().to_owned();
    let account = inbox.account().clone();
    loop {
        account.set_state(TransportState::Running);
        let received_before = account.received();
        let started = time::Instant::now();
        // A transport that panicked can be called again: whatever state it left behind is its own, behind `&mut self`.
        let result = AssertUnwindSafe(async { transport.run(&inbox).await }).catch_unwind().await;
        let error = match result {
            Ok(Ok(())) => {
                account.set_state(TransportState::Ended);
                info!(transport = name, "transport has ended");
                return;
            }
            Ok(Err(error)) => chain(&*error),
            Err(panic) => {
                let panic = panic_message(&*panic);
                error!(transport = name, panic, "transport panicked");
                format!("panicked: {panic}")
            }
        };
        account.set_state(TransportState::Waiting);
        if account.received() > received_before || started.elapsed() > LONG_RUN {
            backoff.reset();
        }
        let wait = backoff.next_wait();
        if account.fail(error.clone()) {
            warn!(transport = name, error, retry_in_ms = wait.as_millis(), "transport failed");
        } else {
            debug!(transport = name, error, retry_in_ms = wait.as_millis(), "transport failed again");
        }
        time::sleep(wait).await;
    }
}

/// A run of this length was not a failed start, even if its source had nothing to say.
const LONG_RUN: time::Duration = time::Duration::from_mins(1);

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.transports.iter().map(|(transport, _)| transport.name()).collect();
        formatter.debug_struct("Collector").field("transports", &names).finish_non_exhaustive()
    }
}
