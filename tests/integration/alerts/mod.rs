//! Telling people.

mod channels;
