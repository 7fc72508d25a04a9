//! A repository whose measurements wait at a gate before they are stored.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use isems_core::{
    Batch, MeasurementQuery, Node, NodeId, RedbRepository, Reject, Repository, RepositoryError, Stored, async_trait,
};
use tokio::sync::watch;

pub(super) struct Gate {
    repository: RedbRepository,
    is_open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
    is_broken: AtomicBool,
}

impl Gate {
    /// A closed gate before an empty repository.
    pub(super) fn closed() -> Arc<Self> {
        Arc::new(Self {
            repository: RedbRepository::in_memory().expect("memory"),
            is_open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
            is_broken: AtomicBool::new(false),
        })
    }

    pub(super) fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub(super) fn close(&self) {
        self.is_open.send_replace(false);
    }

    /// From now on storing fails, or works again.
    pub(super) fn set_broken(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// How many wait at the gate.
    pub(super) fn waiting(&self) -> usize {
        *self.waiting.borrow()
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
impl Repository for Gate {
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError> {
        if !batch.measurements.is_empty() {
            if self.is_broken.load(Ordering::SeqCst) {
                return Err(RepositoryError::Storage { action: "write", source: "the disk is full".into() });
            }
            let _waiting = Waiting::at(&self.waiting);
            self.is_open.subscribe().wait_for(|is_open| *is_open).await.expect("the gate outlives its callers");
        }
        self.repository.store(batch).await
    }

    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.repository.nodes().await
    }

    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError> {
        self.repository.node(id).await
    }

    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<isems_core::Measurement>, RepositoryError> {
        self.repository.measurements(query).await
    }

    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError> {
        self.repository.delete(node, from, to).await
    }

    async fn rejects(&self, limit: usize) -> Result<Vec<Reject>, RepositoryError> {
        self.repository.rejects(limit).await
    }

    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        self.repository.metadata(key).await
    }
}
