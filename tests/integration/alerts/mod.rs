//! Telling people.

mod channels;
mod lookout;
mod server;
