//! Alerts when 1,000 nodes raise and clear a finding at once: what is decided, and what it costs the server beside it.
//!
//! ```text
//! cargo bench -p isems-tests --bench alerts [-- PAIRS_OF_RUNS]
//! ```

mod beside;
mod ledger;
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../../integration/programs/mod.rs"]
mod programs;

use std::env;

use isems_core::BoxError;

const NODES: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // `cargo test --all-targets` runs this program too, without this argument.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    ledger::run().await?;
    let pairs = env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    beside::run(pairs).await
}
