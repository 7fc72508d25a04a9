//! Polls the logs of solar mesh nodes over HTTP for [`isems_core`].
//!
//! An [`HttpTransport`] is made from an [`HttpConfig`], which lists the [`Target`]s, the addresses of the nodes' logs.
//! It fetches each csvlog at an interval and delivers its lines to the [`Inbox`](isems_core::Inbox).
//!
//! ```
//! use std::sync::Arc;
//! use isems_core::{BoxError, Collector, RedbRepository};
//! use isems_transport_http::{HttpConfig, HttpTransport};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let config = HttpConfig {
//!     targets: vec!["127.0.0.1:9".parse()?, "http://127.0.0.1:9/csv.log".parse()?],
//!     ..HttpConfig::default()
//! };
//! let transport = HttpTransport::new(config)?;
//! let collector = Collector::new(Arc::new(RedbRepository::in_memory()?)).transport(transport)?;
//! # let ctrl_c = std::future::ready(());
//! collector.run(ctrl_c).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Saving bandwidth
//!
//! Links are slow and airtime drains the nodes' batteries, so nothing travels twice if the node's web server can avoid
//! it:
//!
//! * An unchanged log is answered with `304`: requests carry `If-None-Match`, or `If-Modified-Since` if the server sent
//!   no `ETag`, but never both. OpenWrt's web server heeds the time even if there is a tag, and then takes a new log
//!   for an unchanged one while the router's clock is behind.
//! * Of a log that has grown, only the new bytes are fetched if the server is known to support ranges. The range starts
//!   with the last line that was read; if the answer does not begin with that line, the log is a different one and is
//!   fetched whole. `If-Range` is not sent: every appended line changes the validators, so a server that heeds it would
//!   always send everything, and OpenWrt's web server rejects it. The shared line proves the same as `If-Range`, even
//!   for servers without validators.
//! * Whole logs may come compressed.
//!
//! Everything known about a log is kept in the repository, so it survives a restart.
//!
//! # Rotation
//!
//! From time to time, a router compresses its `ffopenmppt.log` to `ffopenmppt.log.gz` and starts a new one. If that has
//! happened since the last poll, the archive is fetched too, so that no line in between is missed.
//!
//! # Failing nodes
//!
//! Each target has its own loop and back-off. A slow poll gives up its slot to another one and carries on, so a node
//! that is dead, slow, endless or talking nonsense delays no other. The complete lines of a truncated body are kept.

mod archive;
mod body;
mod client;
mod config;
mod error;
mod log_state;
mod poll;
mod target;
mod transport;

pub use crate::{
    config::{ConfigError, HttpConfig},
    error::{BodyFlaw, PollError},
    target::{InvalidTarget, Target},
    transport::{HttpTransport, PollTrigger},
};
