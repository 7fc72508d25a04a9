//! A failing repository, for tests of its users.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;

use super::{HookedRepository, StoreHook};
use crate::{Batch, Repository, RepositoryError, Stored};

/// A [`Repository`] around another one whose first stores fail, as on a full disk. Reading always works.
pub type FailingRepository = HookedRepository<FirstStoresFail>;

/// The hook of a [`FailingRepository`].
#[derive(Debug)]
pub struct FirstStoresFail(AtomicU32);

impl FailingRepository {
    /// Fails the given number of stores and passes later ones on.
    pub fn new(repository: Arc<dyn Repository>, failures: u32) -> Self {
        Self::over(repository, FirstStoresFail(failures.into()))
    }

    /// Returns the number of stores that will still fail.
    pub fn failures_left(&self) -> u32 {
        self.hook.0.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl StoreHook for FirstStoresFail {
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError> {
        let fails = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match fails {
            Ok(_) => Err(failure()),
            Err(_) => repository.store(batch).await,
        }
    }

    async fn probe(&self, repository: &dyn Repository) -> Result<(), RepositoryError> {
        if self.0.load(Ordering::SeqCst) > 0 { Err(failure()) } else { repository.probe().await }
    }
}

fn failure() -> RepositoryError {
    RepositoryError::Unavailable { action: "write", retry: true, source: "a failure for the test".into() }
}
