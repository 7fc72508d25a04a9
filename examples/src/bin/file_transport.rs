//! A transport of your own: follows a csvlog file that another program appends to, as `tail -F` does.
//!
//! `cargo run -p isems-examples --bin file_transport -- ffopenmppt.log`. The database is `file.redb` unless a second
//! argument names another file. The position in the log is stored together with the measurements, so nothing is read
//! twice after a restart; a log that has become shorter is read from the start.

use std::{env, future::pending, io::SeekFrom, path::PathBuf, sync::Arc, time::Duration};

use isems_core::{BoxError, Collector, Inbox, Payload, RedbRepository, Transport, async_trait};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    time,
};

/// The maximum number of bytes read at a time.
const CHUNK: u64 = 1 << 20;

struct LogFile(PathBuf);

#[async_trait]
impl Transport for LogFile {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn run(&mut self, inbox: &Inbox) -> Result<(), BoxError> {
        let source = self.0.display().to_string();
        let remembered = inbox.recall(&source).await?;
        let mut place = remembered.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        loop {
            let mut file = File::open(&self.0).await?;
            if file.metadata().await?.len() < place {
                place = 0;
            }
            file.seek(SeekFrom::Start(place)).await?;
            let mut lines = Vec::new();
            file.take(CHUNK).read_to_end(&mut lines).await?;
            // The last line may be half-written; it is left for the next read.
            let payload = Payload { whole: false, ..Payload::csvlog(&lines, &source) };
            let mut next = place;
            let receipt = inbox
                .deliver_and_remember(payload, |pending| {
                    next += (lines.len() - pending.incomplete_bytes) as u64;
                    (next > place).then(|| (source.clone(), next.to_le_bytes().into()))
                })
                .await?;
            if next == place {
                time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            place = next;
            println!("read to byte {place}: {} stored, {} rejected", receipt.stored, receipt.rejected.total());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = env::args().skip(1);
    let log = arguments.next().ok_or("which log? name a csvlog file")?;
    let repository = Arc::new(RedbRepository::open(arguments.next().unwrap_or("file.redb".into()))?);
    Collector::new(repository).transport(LogFile(log.into()))?.run(pending()).await;
    Ok(())
}
