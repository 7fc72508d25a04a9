//! A repository that fails, for tests of what uses one.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;

use crate::{
    Batch, Measurement, MeasurementQuery, Node, NodeId, RejectPage, RejectQuery, Repository, RepositoryError, Stored,
};

/// A [`Repository`] over another one whose first stores fail, as on a full disk. Reading works all the time.
pub struct FailingRepository {
    repository: Arc<dyn Repository>,
    failures: AtomicU32,
}

impl FailingRepository {
    /// Fails this many stores and passes the later ones on.
    pub fn new(repository: Arc<dyn Repository>, failures: u32) -> Self {
        Self { repository, failures: failures.into() }
    }

    /// How many stores will still fail.
    pub fn failures_left(&self) -> u32 {
        self.failures.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Repository for FailingRepository {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match fails {
            Ok(_) => Err(RepositoryError::Storage { action: "write", source: "a failure for the test".into() }),
            Err(_) => self.repository.store(batch).await,
        }
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

impl fmt::Debug for FailingRepository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FailingRepository").field("failures", &self.failures).finish_non_exhaustive()
    }
}
