//! Polls the logs of solar mesh nodes over HTTP for [`isems_core`].
//!
//! An [`HttpTransport`] is made from an [`HttpConfig`], which lists the [`Target`]s: the addresses of the nodes. It fetches
//! each node's csvlog on an interval and delivers its lines to the [`Inbox`](isems_core::Inbox).
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
//! # What travels
//!
//! Links are slow and airtime costs the nodes battery, so nothing travels twice when the node's web server can help it:
//!
//! * An unchanged log is answered by `304`: requests carry `If-None-Match`, or `If-Modified-Since` where the server has told
//!   no `ETag`. Not both: the web server of OpenWrt heeds a time besides the tag, and then takes a new log for an unchanged
//!   one while the router's clock is behind.
//! * Of a log that grew only the new bytes are fetched, where the server has told that it knows ranges. The range starts at
//!   the last line that was read; when the answer does not begin with that line, the log is another one and is fetched as a
//!   whole. `If-Range` is not sent: every appended line changes the validators, so a server that heeds it would send
//!   everything, always, and the web server of OpenWrt refuses it. The line in common proves the same as `If-Range`, and proves it for servers without validators.
//! * Whole logs may come compressed.
//!
//! What is known of a log is kept in the repository, so it survives a restart.
//!
//! # Rotation
//!
//! A router compresses its `ffopenmppt.log` to `ffopenmppt.log.gz` now and then, and starts a new one. When that happened
//! since the last poll, the archive is fetched too, so no line in between is missed.
//!
//! # Nodes that fail
//!
//! Each target has a loop and a back-off of its own. A poll that takes long gives its place to another one and goes on, so
//! a node that is dead, slow, endless or talks nonsense delays none. The whole lines of a body that broke off are kept.

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
