//! A repository with a gate at which stores wait, either before they are done or before they return.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use isems_core::{
    Batch, RedbRepository, Repository, RepositoryError, Stored, async_trait,
    testing::{HookedRepository, StoreHook},
};
use tokio::sync::watch;

pub(super) struct Gate {
    is_open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
    is_broken: AtomicBool,
    is_behind: bool,
}

/// Makes a closed gate in front of an empty repository.
pub(super) fn gated() -> Arc<HookedRepository<Gate>> {
    with_gate(false)
}

/// Makes a closed gate behind an empty repository: what waits there is already stored.
pub(super) fn gated_behind() -> Arc<HookedRepository<Gate>> {
    with_gate(true)
}

fn with_gate(is_behind: bool) -> Arc<HookedRepository<Gate>> {
    let repository = RedbRepository::in_memory().expect("memory");
    let (is_open, waiting) = (watch::Sender::new(false), watch::Sender::new(0));
    let gate = Gate { is_open, waiting, is_broken: false.into(), is_behind };
    Arc::new(HookedRepository::over(Arc::new(repository), gate))
}

impl Gate {
    pub(super) fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub(super) fn close(&self) {
        self.is_open.send_replace(false);
    }

    /// Makes storing fail, or work again, from now on.
    pub(super) fn set_broken(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// Returns the number of stores waiting at the gate.
    pub(super) fn waiting(&self) -> usize {
        *self.waiting.borrow()
    }

    async fn pass(&self) {
        let _waiting = Waiting::at(&self.waiting);
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.expect("the gate outlives its callers");
    }
}

/// One that waits, also until it is dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn at(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[async_trait]
impl StoreHook for Gate {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        if batch.measurements.is_empty() {
            return repository.store(batch).await;
        }
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(RepositoryError::Full { source: "the disk is full".into() });
        }
        if self.is_behind {
            let stored = repository.store(batch).await;
            self.pass().await;
            stored
        } else {
            self.pass().await;
            repository.store(batch).await
        }
    }
}
