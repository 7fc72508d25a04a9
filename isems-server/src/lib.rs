//! The ISEMS collector as a server: settings, wiring, and the HTTP service with its OpenAPI document.
//!
//! `main` is only a thin layer over this library, so that tests run the same code:
//!
//! * [`settings::Arguments`] reads flags, environment and file;
//! * [`Server`] opens the database, the transports and the port, and runs until it is stopped;
//! * [`Reload`](reload::Reload) reads the settings again while it runs, and [`service_manager`] tells systemd how it is
//!   doing;
//! * [`poll()`] polls every node once;
//! * [`import()`](import::import) imports logs, exports and the database of the Python collector;
//! * [`Doctor`](doctor::Doctor) looks for what keeps a server from working;
//! * [`maintenance`] has the commands that maintain a database;
//! * [`api::Service`] is the HTTP service on its own, for embedding;
//! * [`serve`](serve::serve) serves it within limits, with HTTPS if there is a [TLS certificate](tls::Certificate), and
//!   with access control if there are [tokens](tokens::Tokens);
//! * [`Sentry`](sentry::Sentry) reports errors and panics, if configured;
//! * [`live`] streams events to subscribers;
//! * [`fleet`] serves the logs of simulated nodes over HTTP, for demos and tests.

mod alerts;
pub mod api;
mod base_path;
mod berlin;
mod csv;
mod demo;
mod disk;
pub mod doctor;
pub mod fleet;
mod homeassistant;
pub mod import;
mod line;
pub mod live;
pub mod log;
pub mod maintenance;
mod page;
mod poll;
pub mod push;
pub mod reload;
pub mod sentry;
pub mod serve;
mod server;
pub mod service_manager;
pub mod settings;
pub mod signal;
mod stream;
mod tiles;
mod time;
pub mod tls;
pub mod tokens;

pub use crate::{
    base_path::BasePath,
    poll::poll,
    server::Server,
    tiles::{MapSettings, Tiles},
};
