//! A repository that intercepts batches before they are stored.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    Batch, Measurement, MeasurementQuery, Node, NodeId, RejectPage, RejectQuery, Repository, RepositoryError, Series,
    SeriesQuery, Stored,
};

/// Replaces the storing of batches and the querying of measurements in a repository.
#[async_trait]
pub trait StoreHook: Send + Sync + 'static {
    /// Stores the batch in the repository: changed, later, or not at all.
    async fn store(&self, repository: &dyn Repository, batch: Batch) -> Result<Stored, RepositoryError>;

    /// Probes the repository.
    async fn probe(&self, repository: &dyn Repository) -> Result<(), RepositoryError> {
        repository.probe().await
    }

    /// Answers a query for measurements, by default from the repository.
    async fn measurements(
        &self,
        repository: &dyn Repository,
        query: &MeasurementQuery,
    ) -> Result<Vec<Measurement>, RepositoryError> {
        repository.measurements(query).await
    }
}

/// A [`Repository`] around another one that leaves storing and querying measurements to a hook. Everything else is
/// passed on.
///
/// ```
/// # use std::sync::Arc;
/// use isems_core::{Batch, RedbRepository, Repository, RepositoryError, Stored, async_trait};
/// use isems_core::testing::{HookedRepository, StoreHook};
///
/// struct FullDisk;
///
/// #[async_trait]
/// impl StoreHook for FullDisk {
///     async fn store(&self, _: &dyn Repository, _: Batch) -> Result<Stored, RepositoryError> {
///         Err(RepositoryError::Full { source: "no space left on device".into() })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let repository = HookedRepository::over(Arc::new(RedbRepository::in_memory().unwrap()), FullDisk);
/// let metadata = vec![("key".into(), vec![1])];
/// assert!(repository.store(Batch { metadata, ..Batch::default() }).await.is_err());
/// assert!(repository.nodes().await.unwrap().is_empty());
/// # }
/// ```
pub struct HookedRepository<H> {
    repository: Arc<dyn Repository>,
    /// The hook.
    pub hook: H,
}

impl<H> HookedRepository<H> {
    /// Leaves the stores of a repository to a hook.
    pub fn over(repository: Arc<dyn Repository>, hook: H) -> Self {
        Self { repository, hook }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<H: StoreHook> Repository for HookedRepository<H> {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        self.hook.store(&*self.repository, batch).await
    }

    async fn probe(&self) -> Result<(), RepositoryError> {
        self.hook.probe(&*self.repository).await
    }

    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.repository.nodes_after(after, limit).await
    }

    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.repository.nodes().await
    }

    async fn node_count(&self) -> Result<u64, RepositoryError> {
        self.repository.node_count().await
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        self.repository.node(id).await
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError> {
        self.hook.measurements(&*self.repository, query).await
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Series, RepositoryError> {
        self.repository.series(query).await
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

impl<H: fmt::Debug> fmt::Debug for HookedRepository<H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HookedRepository").field("hook", &self.hook).finish_non_exhaustive()
    }
}
