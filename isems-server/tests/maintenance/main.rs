//! The commands that maintain a database, both without a server and with one that has it open.

#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod control;
mod damage;
mod export;
mod insight;
mod place;
mod upkeep;
