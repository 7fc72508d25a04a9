//! Telling people.

mod channels;
mod server;
