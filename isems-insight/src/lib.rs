//! What the measurements of solar mesh nodes say about the nodes: which of them are heard of, which need somebody, what
//! comes in. Everything that judges a node is here, and everything that shows, tells or serves a verdict takes it from
//! here.
//!
//! * Pure functions over the types of [`isems_core`] make the verdicts: [`states`], [`position`], [`severity`],
//!   [`worst`], [`traffic`]. They do no I/O and ask no clock: an instant is a parameter.
//! * A [`Watcher`] feeds them. It belongs to a [`WatchedCollector`], hears what is stored there, learns how often each
//!   node usually arrives, and offers one stream of [events](Watcher::subscribe) and one [snapshot](Watcher::snapshot).
//!
//! ```
//! use std::sync::Arc;
//!
//! use isems_core::{BoxError, Collector, Inbox, Payload, RedbRepository, Transport, async_trait};
//! use isems_insight::{Event, NodeState, WatchedCollector};
//! use tokio::sync::oneshot;
//!
//! struct Greenhouse;
//!
//! #[async_trait]
//! impl Transport for Greenhouse {
//!     fn name(&self) -> &str {
//!         "greenhouse"
//!     }
//!
//!     async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
//!         let line = b"Hut;1;1530364575;v1;711;0;18.6;18.6;14.073;100;100;28;11.67;14.086;7;20;52.5;13.4;300\n";
//!         inbox.deliver(Payload::csvlog(line, "the greenhouse")).await?;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let repository = Arc::new(RedbRepository::in_memory()?);
//! let collector = WatchedCollector::new(Collector::new(repository).transport(Greenhouse)?);
//! let watcher = collector.watcher();
//! let mut events = watcher.subscribe();
//! let (stop, stopped) = oneshot::channel::<()>();
//! let running = tokio::spawn(collector.run(async { drop(stopped.await) }));
//!
//! let event = events.next().await?;
//! assert!(matches!(&event.event, Event::Stored(measurement) if measurement.node_id.as_str() == "Hut"));
//! let snapshot = watcher.snapshot().await?;
//! assert_eq!(snapshot.nodes[0].state, NodeState::Inactive, "what it has measured is of long ago");
//! assert_eq!(snapshot.last_hour.stored, 1);
//! drop(stop);
//! running.await?;
//! # Ok(())
//! # }
//! ```

pub mod events;
pub mod position;
pub mod severity;
mod snapshot;
pub mod states;
pub mod traffic;
mod watcher;
pub mod worst;

pub use crate::{
    events::{Event, NextError, NumberedEvent, Subscription, Taken},
    position::Position,
    snapshot::{NodeCounts, Snapshot, WatchedNode},
    states::{NodeState, NodeStates, StateChange},
    traffic::{Traffic, TrafficRecorder},
    watcher::{WatchedCollector, Watcher, WatcherOptions},
};
