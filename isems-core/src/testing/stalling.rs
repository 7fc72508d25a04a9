//! A repository that stops answering, for tests of stopping its users meanwhile.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;

use super::{HookedRepository, StoreHook};
use crate::{Batch, Repository, RepositoryError, Stored};

/// The moment of a store at which a transport is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPoint {
    /// Nothing of the batch is stored.
    BeforeStoring,
    /// The batch is stored, but the transport does not know yet.
    BeforeReturning,
}

/// A [`Repository`] around another one whose stores of measurements stop returning after some have.
pub(super) type StallingRepository = HookedRepository<LaterStoresStall>;

#[derive(Debug)]
pub(super) struct LaterStoresStall {
    stores_left: AtomicUsize,
    point: StopPoint,
    has_stalled: AtomicBool,
}

impl StallingRepository {
    pub(super) fn new(repository: Arc<dyn Repository>, stores: usize, point: StopPoint) -> Self {
        let hook = LaterStoresStall { stores_left: stores.into(), point, has_stalled: false.into() };
        Self::over(repository, hook)
    }

    pub(super) fn has_stalled(&self) -> bool {
        self.hook.has_stalled.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl StoreHook for LaterStoresStall {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        let counts = |left: usize| left.checked_sub(1);
        if batch.measurements.is_empty()
            || self.stores_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counts).is_ok()
        {
            return repository.store(batch).await;
        }
        if self.point == StopPoint::BeforeReturning {
            repository.store(batch).await?;
        }
        self.has_stalled.store(true, Ordering::SeqCst);
        future::pending().await
    }
}
