//! A server under everyday load for a long time: whether it stores exactly what was published, and whether it grows.
//!
//! ```text
//! cargo bench -p isems-tests --bench soak [-- SECONDS [MESSAGES_A_SECOND]]
//! ```
//!
//! An hour at 100 messages a second unless told. Needs mosquitto, and Linux. Ends with an error when something is lost
//! or doubled, when descriptors stay open, or when the memory in use in the end is more than 110 % of that after five
//! minutes, or a third of the time if that is less.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../integration/programs/mod.rs"]
mod programs;
#[path = "../integration/soak.rs"]
mod soak;

use std::{env, process::ExitCode, time::Duration};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program too, without this argument.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse().ok());
    let seconds = numbers.next().unwrap_or(3600);
    let messages_a_second = numbers.next().unwrap_or(100);
    let outcome = soak::run(Duration::from_secs(seconds.into()), messages_a_second).await;
    println!("{seconds} s: {outcome}");
    let has_grown = outcome.end.resident_bytes > outcome.warm.resident_bytes / 10 * 11;
    if has_grown { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
