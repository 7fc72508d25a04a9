//! Support for testing transports and repositories: conformance suites for any implementation of the traits, a driver
//! for transports, and sample data.
//!
//! Everything here reports a violation by panicking with a message, as tests do.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use isems_core::{RedbRepository, testing::repository};
//! repository::conformance(async || RedbRepository::in_memory().unwrap()).await;
//! # }
//! ```

#![expect(clippy::missing_panics_doc, reason = "the module says that everything in it reports by panicking")]

mod drive;
mod failing;
mod hooked;
pub mod rejects;
pub mod repository;
mod sample;
mod stalling;
pub mod transport;

pub use self::{
    drive::{Driven, drive, drive_into},
    failing::{FailingRepository, FirstStoresFail},
    hooked::{HookedRepository, StoreHook},
    sample::{SAMPLE_JSON, SAMPLE_LINE_18, SAMPLE_LINE_19, SAMPLE_TIME, sample_measurement, with_only},
};
