//! Fills gaps from an API: asks another collector for its nodes' measurements, and stores those that are missing here.
//!
//! `cargo run -p isems-examples --bin backfill -- http://127.0.0.1:5000 2026-11-01 isems.redb`. Measurements that are
//! already here count as duplicates, so it can be run as often as you like. The file must not be open elsewhere.

use std::{env, sync::Arc};

use isems_core::{BoxError, Format, Inbox, Payload, RedbRepository};

/// The maximum number of bytes stored at a time.
const CHUNK: usize = 1 << 20;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = env::args().skip(1);
    let (Some(server), Some(from), Some(path)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("which server, from which day, into which file? http://127.0.0.1:5000 2026-11-01 isems.redb".into());
    };
    let inbox = Inbox::new("backfill", Arc::new(RedbRepository::open(path)?));
    let url = format!("{server}/api/v1/measurements?format=ndjson&order=asc&from={from}");
    let client = reqwest::Client::builder().tls_backend_preconfigured(isems_tls::client_config(None, None)?).build()?;
    let mut answer = client.get(&url).send().await?.error_for_status()?;

    let (mut stored, mut duplicates) = (0, 0);
    let mut lines = Vec::new();
    loop {
        let chunk = answer.chunk().await?;
        let is_over = chunk.is_none();
        lines.extend_from_slice(&chunk.unwrap_or_default());
        if lines.len() < CHUNK && !is_over {
            continue;
        }
        // Anything after the last line ending is still on its way.
        let whole =
            if is_over { lines.len() } else { lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1) };
        let rest = lines.split_off(whole);
        let receipt = inbox.deliver(Payload { format: Format::Json, ..Payload::csvlog(&lines, &server) }).await?;
        stored += receipt.stored;
        duplicates += receipt.duplicates;
        lines = rest;
        if is_over {
            println!("{stored} stored, {duplicates} were here already");
            return Ok(());
        }
    }
}
