//! The core of the Independent Solar Energy Mesh System (ISEMS) collector: nodes and measurements, the ways in which
//! they arrive, and the place where they are kept.
//!
//! ```text
//! node --bytes--> Transport::run --Inbox::deliver--> decode --> Repository::store --> Receipt
//! ```
//!
//! * A [`Transport`] delivers [`Payload`]s; implementing one takes one method.
//! * A [`Collector`] runs transports, each with an [`Inbox`] that decodes, stores and counts.
//! * A [`Repository`] keeps [`Measurement`]s by [`Node`] and second; [`RedbRepository`] keeps them in a file.
//!
//! ```
//! use std::sync::Arc;
//! use isems_core::{BoxError, Collector, Inbox, Payload, RedbRepository, Repository, Transport, async_trait};
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
//! Collector::new(repository.clone()).transport(Greenhouse)?.run(std::future::pending()).await;
//! for node in repository.nodes().await? {
//!     println!("{}: {:?} V", node.id, node.latest.battery_voltage);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Features: `testing` (conformance suites for both traits and a driver for transports) and `simulation` (a
//! deterministic simulator of solar nodes). Neither is needed in production.

mod account;
mod backoff;
mod clock;
mod collector;
mod dating;
mod decode;
mod delivery;
pub mod duration;
mod error;
mod field;
mod hearing;
mod histogram;
mod inbox;
mod journal;
mod limits;
mod measurement;
mod node;
mod observers;
mod payload;
mod printable;
mod redb;
mod reject;
mod repository;
mod series;
#[cfg(feature = "simulation")]
pub mod simulation;
mod status;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;

pub use async_trait::async_trait;

pub use crate::{
    account::{LastError, SourceStatus, Totals, TransportState, TransportStatus},
    backoff::Backoff,
    clock::ClockState,
    collector::{Collector, Monitor},
    decode::{CsvDecoder, CsvlogDecoder, Decoded, JsonDecoder, decode},
    error::{chain, panic_message},
    field::{Field, FieldSet, NumberField},
    hearing::Expectation,
    histogram::DurationHistogram,
    inbox::{Inbox, Pending, Receipt},
    limits::Limits,
    measurement::{InvalidField, Measurement, TimeSource},
    node::{InvalidNodeId, Node, NodeId},
    payload::{Format, Payload, unix_now},
    printable::printable,
    redb::{
        Checked, Compacted, Copied, Damage, Imported, NodeStatistics, OpenError, RedbOptions, RedbRepository,
        Retention, Sealed, Statistics,
    },
    reject::{DroppedCounts, DroppedValue, Reject, RejectCounts, RejectKind, RejectReason, RejectedLine},
    repository::{
        Batch, LateRejects, MeasurementQuery, Order, Outcome, RejectPage, RejectQuery, Repository, RepositoryError,
        Stored, node_pages, pages,
    },
    series::{Bucket, Buckets, Series, SeriesQuery},
    status::{InvalidStatus, Severity, Status, StatusFlag},
    transport::{BoxError, InvalidTransportName, Transport},
};
