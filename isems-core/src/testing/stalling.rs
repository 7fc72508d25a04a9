//! A repository that stops answering, for tests of what is stopped meanwhile.

use std::{
    fmt, future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;

use crate::{
    Batch, Measurement, MeasurementQuery, Node, NodeId, RejectPage, RejectQuery, Repository, RepositoryError, Stored,
};

/// At which moment of a store a transport is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of the batch is stored.
    BeforeStoring,
    /// The batch is stored, and the transport has not been told.
    BeforeReturning,
}

/// A [`Repository`] over another one whose stores of measurements never return after some have.
pub(super) struct StallingRepository {
    repository: Arc<dyn Repository>,
    stores_left: AtomicUsize,
    moment: Moment,
    has_stalled: AtomicBool,
}

impl StallingRepository {
    pub(super) fn new(repository: Arc<dyn Repository>, stores: usize, moment: Moment) -> Self {
        Self { repository, stores_left: stores.into(), moment, has_stalled: false.into() }
    }

    pub(super) fn has_stalled(&self) -> bool {
        self.has_stalled.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Repository for StallingRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        let counts = |left: usize| left.checked_sub(1);
        if batch.measurements.is_empty()
            || self.stores_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counts).is_ok()
        {
            return self.repository.store(batch).await;
        }
        if self.moment == Moment::BeforeReturning {
            self.repository.store(batch).await?;
        }
        self.has_stalled.store(true, Ordering::SeqCst);
        future::pending().await
    }

    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.repository.nodes().await
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        self.repository.node(id).await
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        self.repository.measurements(query).await
    }

    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError> {
        self.repository.delete(node, from, to).await
    }

    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError> {
        self.repository.rejects(query).await
    }

    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        self.repository.metadata(key).await
    }
}

impl fmt::Debug for StallingRepository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StallingRepository").field("moment", &self.moment).finish_non_exhaustive()
    }
}
