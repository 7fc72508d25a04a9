//! The conformance suite of [`Transport`].
//!
//! A [`Source`] is the far end that a transport talks to in a test: a web server with logs, a broker with messages.
//! Whatever goes wrong, everything in the source must be stored in the end, exactly once.
//!
//! ```
//! use isems_core::{BoxError, Inbox, Measurement, Payload, Transport, async_trait};
//! use isems_core::testing::{SAMPLE_LINE_19, transport};
//!
//! struct File(String);
//!
//! #[async_trait]
//! impl Transport for File {
//!     fn name(&self) -> &str {
//!         "file"
//!     }
//!
//!     async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
//!         inbox.deliver(Payload::csvlog(self.0.as_bytes(), "a file")).await?;
//!         Ok(())
//!     }
//! }
//!
//! struct SampleFile;
//!
//! impl transport::Source for SampleFile {
//!     fn transport(&self) -> Box<dyn Transport> {
//!         Box::new(File(SAMPLE_LINE_19.into()))
//!     }
//!
//!     fn expected(&self) -> Vec<Measurement> {
//!         isems_core::decode(&Payload::csvlog(SAMPLE_LINE_19.as_bytes(), "a file")).measurements
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! transport::conformance(async || SampleFile).await;
//! # }
//! ```

use std::{collections::BTreeSet, sync::Arc};

use super::{FailingRepository, drive_into, stalling::StallingRepository};
use crate::{InvalidTransportName, Measurement, MeasurementQuery, RedbRepository, Repository, Transport};

pub use super::stalling::StopPoint;

/// The far end that a transport talks to in a test. It disappears when it is dropped.
pub trait Source {
    /// Makes a transport that reads this source. It is called again after the previous transport was dropped, as when
    /// the program is restarted.
    fn transport(&self) -> Box<dyn Transport>;

    /// Returns the content of the source: at least one measurement, each key once, each with a time of its own. Their
    /// times of arrival are not compared.
    fn expected(&self) -> Vec<Measurement>;
}

/// Runs every check against fresh sources made by `make`.
///
/// # Panics
/// If a check is violated; the message says what was expected.
pub async fn conformance<S: Source>(make: impl AsyncFn() -> S) {
    has_a_proper_name(&make().await);
    stores_everything_once(&make().await).await;
    for failures in [1, 2, 5] {
        loses_nothing_when_stores_fail(&make().await, failures).await;
    }
    for stores in 0..3 {
        for point in [StopPoint::BeforeStoring, StopPoint::BeforeReturning] {
            loses_nothing_when_stopped(&make().await, stores, point).await;
        }
    }
    loses_nothing_when_started_again(&make().await).await;
}

/// The name is valid for a transport, and the same for every transport of the source.
pub fn has_a_proper_name(source: &impl Source) {
    let transport = source.transport();
    let name = transport.name();
    InvalidTransportName::check(name).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(name, source.transport().name(), "the name is the same after a restart");
    assert_eq!(name, transport.name(), "the name does not change");
}

/// Everything in the source is stored, and nothing else.
pub async fn stores_everything_once(source: &impl Source) {
    finish(source, in_memory()).await;
}

/// If the first stores fail, as on a full disk, the source is asked for the measurements again.
pub async fn loses_nothing_when_stores_fail(source: &impl Source, failures: u32) {
    let repository = in_memory();
    let failing = Arc::new(FailingRepository::new(repository, failures));
    finish(source, failing.clone()).await;
    assert!(failing.failures_left() < failures, "the transport stores through the repository that it was given");
}

/// If the transport is stopped during a store, after some that succeeded, the next one on the same source and
/// repository delivers the rest. A source with fewer deliveries is simply read to its end before that.
pub async fn loses_nothing_when_stopped(source: &impl Source, stores: usize, point: StopPoint) {
    let repository = in_memory();
    let stalling = Arc::new(StallingRepository::new(repository.clone(), stores, point));
    let expected = source.expected();
    drive_into(stalling.clone(), source.transport(), async |driven| {
        stalling.has_stalled() || holds(&*driven.repository, &expected).await
    })
    .await;
    finish(source, repository).await;
}

/// A second transport on the same source and repository neither loses nor duplicates anything.
pub async fn loses_nothing_when_started_again(source: &impl Source) {
    let repository = in_memory();
    finish(source, repository.clone()).await;
    finish(source, repository).await;
}

fn in_memory() -> Arc<dyn Repository> {
    Arc::new(RedbRepository::in_memory().unwrap_or_else(|error| panic!("{error}")))
}

/// Runs a transport until everything is stored, and checks that nothing else is.
async fn finish(source: &impl Source, repository: Arc<dyn Repository>) {
    let expected = source.expected();
    assert!(!expected.is_empty(), "a source for the suite holds at least one measurement");
    let transport = source.transport();
    let driven = drive_into(repository, transport, async |driven| holds(&*driven.repository, &expected).await).await;
    let expected_nodes: BTreeSet<_> = expected.iter().map(|measurement| &measurement.node_id).collect();
    let nodes = driven.repository.nodes().await.unwrap_or_else(|error| panic!("{error}"));
    let nodes: BTreeSet<_> = nodes.iter().map(|node| &node.id).collect();
    assert_eq!(nodes, expected_nodes, "the nodes of the source are stored, and no others");
    for node in nodes {
        let mut wanted: Vec<_> = expected.iter().filter(|measurement| measurement.node_id == *node).collect();
        wanted.sort_by_key(|measurement| measurement.timestamp);
        let query = MeasurementQuery::oldest_first(node.clone());
        let found = driven.repository.measurements(&query).await.unwrap_or_else(|error| panic!("{error}"));
        let times: Vec<_> = found.iter().map(|measurement| measurement.timestamp).collect();
        let wanted_times: Vec<_> = wanted.iter().map(|measurement| measurement.timestamp).collect();
        assert_eq!(times, wanted_times, "every measurement of node {node} is stored once");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.same_values(wanted), "{found} is stored instead of {wanted}");
        }
    }
}

/// Returns whether as many measurements are stored as expected.
async fn holds(repository: &dyn Repository, expected: &[Measurement]) -> bool {
    let nodes = repository.nodes().await.unwrap_or_else(|error| panic!("{error}"));
    nodes.iter().map(|node| node.measurements).sum::<u64>() >= expected.len() as u64
}
