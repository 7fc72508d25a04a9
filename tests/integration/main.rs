//! Behaviour through public interfaces: one binary, with a module for each part.

mod alerts;
mod core;
mod homeassistant;
mod http;
mod insight;
mod mqtt;
mod page;
mod programs;
mod recorder;
mod server;
mod soak;
