//! Insight into the nodes of a solar mesh: what each one is going through and what comes next, which ones need
//! attention, and how much data is coming in. Every judgement about a node is made here; whatever displays, reports or
//! serves one takes it from here.
//!
//! * Pure functions over the types of [`isems_core`] make the judgements. [`assess`] makes an [`Assessment`] of a node
//!   from [`Evidence`]: its [`History`], the [`Mesh`] and an instant. Others are in [`states`], [`attention`],
//!   [`severity`], [`position`] and [`traffic`]. They do no I/O and read no clock; the time is a parameter.
//! * [`assess_all`] assesses all nodes of a repository at any time, and a [`Backtest`] compares earlier forecasts with
//!   what happened.
//! * A [`Watcher`] feeds them. It comes with a [`WatchedCollector`], sees everything that is stored, learns how often
//!   data from each node usually arrives, and offers a stream of [events](Watcher::subscribe) and a
//!   [snapshot](Watcher::snapshot).
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
//! assert_eq!(snapshot.nodes[0].state, NodeState::Inactive, "its measurement is years old");
//! assert_eq!(snapshot.last_hour.stored, 1);
//! drop(stop);
//! running.await?;
//! # Ok(())
//! # }
//! ```

mod assessment;
mod assessor;
pub mod attention;
mod backtest;
mod battery;
mod countdown;
mod course;
mod data_quality;
mod discharge;
mod endurance;
mod energy;
pub mod events;
mod evidence;
mod finding;
mod health;
mod history;
mod lead_acid;
mod level;
mod mesh;
mod nights;
mod outlook;
mod panel;
mod past_finding;
pub mod position;
mod reserve;
mod rested;
mod rules;
mod setup;
pub mod severity;
mod silence;
mod slot;
mod snapshot;
mod solar_time;
pub mod states;
mod statistics;
mod sun;
pub mod traffic;
mod unknown;
mod upgrade;
mod void;
mod watcher;

pub use crate::{
    assessment::Assessment,
    assessor::{assess_all, assess_node},
    backtest::{AskedAt, Backtest, NightForecast, NightScore},
    battery::{Battery, Estimate},
    course::Course,
    data_quality::DataQuality,
    energy::{Energy, Expected, LoadOff, Survival},
    events::{Event, FindingChange, NextError, NumberedEvent, Subscription, Taken},
    evidence::Evidence,
    finding::{Finding, FindingCode, FindingValue},
    history::{Changes, Day, History, Reboot},
    level::{FindingSeverity, Level},
    mesh::Mesh,
    panel::{Azimuths, Panel},
    past_finding::PastFinding,
    position::Position,
    rules::{assess, past_silences},
    setup::Setup,
    silence::{Silence, SilenceCause, SilenceFact},
    slot::Slot,
    snapshot::{NodeCounts, Snapshot, WatchedNode},
    states::{NodeState, NodeStates, StateChange},
    sun::{Sun, SunPosition},
    traffic::{Traffic, TrafficRecorder},
    unknown::{Unknown, UnknownReason},
    upgrade::{TimeWindow, Upgrade, UpgradeReason},
    void::remove_void,
    watcher::{WatchedCollector, Watcher, WatcherOptions},
};
