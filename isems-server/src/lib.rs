//! The ISEMS collector as a server: settings, wiring, and the HTTP service with its OpenAPI document.
//!
//! `main` is a few lines around this library, so that tests run what it runs:
//!
//! * [`settings::Arguments`] reads flags, environment and file;
//! * [`Server`] opens the database, the transports and the port, and runs until it is stopped;
//! * [`poll()`] polls every node once;
//! * [`import()`](import::import) brings in logs and the database of the Python collector;
//! * [`maintenance`] has the commands that look after a database;
//! * [`api::Service`] is the HTTP service alone, for whoever embeds it;
//! * [`serve`](serve::serve) serves it within limits, over a [TLS certificate](tls::Certificate) if there is one, to those who
//!   have one of the [tokens](tokens::Tokens) where that is needed;
//! * [`Sentry`](sentry::Sentry) reports errors and panics, where that is set;
//! * [`live`] tells subscribers what happens;
//! * [`fleet`] serves the logs of simulated nodes over HTTP, for demos and tests.

pub mod api;
mod berlin;
mod csv;
pub mod fleet;
pub mod import;
mod line;
pub mod live;
pub mod log;
pub mod maintenance;
mod poll;
pub mod push;
pub mod sentry;
pub mod serve;
mod server;
pub mod settings;
pub mod signal;
mod stream;
mod time;
pub mod tls;
pub mod tokens;

pub use crate::{poll::poll, server::Server};
