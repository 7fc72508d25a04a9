//! The ISEMS collector as a server: settings, wiring, and the HTTP service with its OpenAPI document.
//!
//! `main` is a few lines around this library, so that tests run what it runs:
//!
//! * [`settings::Arguments`] reads flags, environment and file;
//! * [`Server`] opens the database, the transports and the port, and runs until it is stopped;
//! * [`poll()`] polls every node once;
//! * [`rejects()`] lists what was not stored;
//! * [`api::Service`] is the HTTP service alone, for whoever embeds it;
//! * [`fleet`] serves the logs of simulated nodes over HTTP, for demos and tests.

pub mod api;
mod berlin;
pub mod fleet;
pub mod log;
mod poll;
mod rejects;
mod server;
pub mod settings;
pub mod signal;

pub use crate::{
    poll::poll,
    rejects::{rejects, rejects_of_file},
    server::Server,
};
