//! `isems-server poll`: polls every node once.

use std::{
    io::{self, Write},
    sync::Arc,
};

use isems_core::{BoxError, Inbox, RedbOptions, Transport};
use isems_transport_http::HttpTransport;

use crate::settings::{InvalidSetting, Settings};

/// Polls every configured node once, writes a line for each and then `Inserted N`, and returns whether all nodes
/// answered.
pub async fn poll(settings: &Settings, mut output: impl Write) -> Result<bool, BoxError> {
    if settings.http.targets.is_empty() {
        return Err(InvalidSetting("there are no nodes to poll: set --router-ips or ISEMS_ROUTER_IPS".into()).into());
    }
    let repository = Arc::new(RedbOptions::default().open(settings.database_path())?);
    let transport = HttpTransport::new(settings.http.clone())?;
    let inbox = Inbox::new(transport.name(), repository).limits(settings.limits.clone());
    let mut all_answered = true;
    let mut inserted = 0;
    let mut written = Ok(());
    transport
        .poll_all(&inbox, |target, result| {
            let line = match result {
                Ok(receipt) => {
                    inserted += receipt.stored;
                    let rejected = receipt.rejected.total();
                    let dropped = match receipt.dropped.total() {
                        0 => String::new(),
                        dropped => format!(", {dropped} values dropped"),
                    };
                    format!(
                        "{target}: {} stored, {} duplicate, {rejected} rejected{dropped}",
                        receipt.stored, receipt.duplicates
                    )
                }
                Err(error) => {
                    all_answered = false;
                    format!("{target}: error: {error}")
                }
            };
            let result = writeln!(output, "{line}");
            if written.is_ok() {
                written = result;
            }
        })
        .await;
    written?;
    writeln!(output, "Inserted {inserted}")?;
    output.flush().map_err(|error: io::Error| error.into()).map(|()| all_answered)
}
