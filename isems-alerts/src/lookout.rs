//! Lookouts: what there is to tell.

use std::{collections::HashSet, error::Error, fmt, time::Duration};

use async_trait::async_trait;
use isems_core::{RepositoryError, unix_now};
use isems_insight::{FindingCode, FindingSeverity, Watcher};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tracing::debug;

use crate::{
    Channel, Problem, Trouble, View,
    alerts::{STORING, stalled},
    troubles,
};

/// The time without anything stored after which it is tried whether the repository can store.
const UNPROVEN: Duration = Duration::from_mins(1);

/// Sees everything that alerts are decided by.
#[async_trait]
pub trait Lookout: Send + Sync {
    /// Returns everything that is known now. It is called every few seconds.
    async fn view(&self) -> View;
}

/// Sees what a watcher knows of its nodes, and of its collector.
pub struct WatcherLookout {
    watcher: Watcher,
    /// The least severity that anybody is told.
    least: FindingSeverity,
    proof: Mutex<Proof>,
}

/// The proof that the repository can store.
#[derive(Debug)]
struct Proof {
    stored: u64,
    at: Instant,
    error: Option<Problem>,
}

impl fmt::Debug for WatcherLookout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WatcherLookout").field("watcher", &self.watcher).finish_non_exhaustive()
    }
}

impl WatcherLookout {
    /// Creates the lookout for channels, from a watcher.
    pub fn new(watcher: Watcher, channels: &[Channel]) -> Self {
        let least = |channel: &Channel| match channel.options.digest {
            Some(_) => channel.options.severity.min(FindingSeverity::Attention),
            None => channel.options.severity,
        };
        let least = channels.iter().map(least).min().unwrap_or(FindingSeverity::Urgent);
        Self { watcher, least, proof: Mutex::new(Proof { stored: 0, at: Instant::now(), error: None }) }
    }

    /// Returns why the repository cannot store, if it cannot. Measurements that were stored are proof enough.
    async fn prove(&self, at: i64) -> Option<Problem> {
        let mut proof = self.proof.lock().await;
        let stored = self.watcher.monitor().totals().stored;
        if stored != proof.stored {
            (proof.stored, proof.at, proof.error) = (stored, Instant::now(), None);
        } else if proof.at.elapsed() >= UNPROVEN || proof.error.is_some() {
            let probed = timeout(STORING, self.watcher.repository().probe()).await.unwrap_or_else(|_| Err(stalled()));
            let since = proof.error.as_ref().map_or(at, |before| before.since);
            proof.error = probed.err().map(|error| {
                let trouble = match error {
                    RepositoryError::Full { .. } => Trouble::DatabaseFull,
                    _ => Trouble::DatabaseFailing,
                };
                Problem::of_collector("", trouble, since, Some(isems_core::chain(&error)))
            });
            proof.at = Instant::now();
        }
        proof.error.clone()
    }
}

#[async_trait]
impl Lookout for WatcherLookout {
    async fn view(&self) -> View {
        let at = unix_now();
        let monitor = self.watcher.monitor();
        let assessments = self.watcher.assessments();
        let mut problems: Vec<Problem> = troubles::of_transports(&monitor.transports()).collect();
        problems.extend(troubles::of_clock(monitor.clock(), at));
        problems.extend(self.prove(at).await);
        if problems.is_empty() {
            problems.extend(troubles::of_silences(assessments.iter().map(|assessment| &**assessment)));
        }
        let least = self.least;
        let mut judged = HashSet::new();
        for assessment in &assessments {
            judged.insert(assessment.node.clone());
            let findings = assessment.findings.iter().filter(|finding| {
                // By these it is known what else need not be told.
                const ALWAYS: [FindingCode; 3] =
                    [FindingCode::LoadOffPredicted, FindingCode::RanEmpty, FindingCode::Silent];
                finding.severity >= least || ALWAYS.contains(&finding.code)
            });
            problems.extend(findings.map(|finding| Problem::of_node(&assessment.node, finding)));
        }
        let nodes = match self.watcher.nodes_in_use().await {
            Ok(nodes) => Some(nodes.iter().map(|node| node.id.clone()).collect::<HashSet<_>>()),
            Err(error) => {
                debug!(error = &error as &dyn Error, "cannot tell which nodes there are");
                None
            }
        };
        if let Some(nodes) = &nodes {
            problems.retain(|problem| problem.subject.node().is_none_or(|node| nodes.contains(node)));
        }
        View { at, problems, judged, nodes }
    }
}
