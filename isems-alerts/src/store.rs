//! The ledger in the repository's metadata: JSON, compressed, because a thousand nodes that fall silent make a
//! megabyte of it.

use std::{collections::VecDeque, error::Error, io::BufReader};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use isems_core::{Batch, Repository, RepositoryError};
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use crate::{Changes, Ledger, PastMessage};

/// The key of the ledger.
const LEDGER: &str = "alerts";

/// The key of the history of messages.
const HISTORY: &str = "alerts.history";

/// Reads the ledger. One that cannot be understood, because a newer version wrote it, is begun anew: the worst of that
/// is that something is told twice.
pub async fn load(repository: &dyn Repository) -> Result<Ledger, RepositoryError> {
    let ledger = repository.metadata(LEDGER).await?.and_then(|stored| parse(LEDGER, &stored));
    let history: Option<VecDeque<PastMessage>> =
        repository.metadata(HISTORY).await?.and_then(|stored| parse(HISTORY, &stored));
    Ok(ledger.unwrap_or_else(|| Ledger::new(nonce())).with_history(history.unwrap_or_default()))
}

/// Stores the parts of the ledger that have changed, all or nothing.
pub async fn save(repository: &dyn Repository, parts: StoredParts) -> Result<(), RepositoryError> {
    repository.store(Batch { metadata: parts.0, ..Batch::default() }).await.map(drop)
}

/// Stores what has changed in a ledger that nothing else uses.
pub async fn save_all(repository: &dyn Repository, ledger: &mut Ledger) -> Result<(), RepositoryError> {
    let changes = ledger.take_changes();
    save(repository, StoredParts::of(ledger, changes)).await
}

/// The parts of a ledger as they are stored.
#[derive(Debug)]
pub struct StoredParts(Vec<(String, Vec<u8>)>);

impl StoredParts {
    /// Copies the parts of a ledger that have changed.
    pub fn of(ledger: &Ledger, changes: Changes) -> Self {
        let mut parts = Vec::new();
        if changes.ledger {
            parts.extend(compressed(ledger).map(|stored| (LEDGER.to_owned(), stored)));
        }
        if changes.history {
            parts.extend(compressed(ledger.history()).map(|stored| (HISTORY.to_owned(), stored)));
        }
        Self(parts)
    }
}

/// Compresses a value while it is serialized, so that its text is never in memory as a whole.
fn compressed(value: &impl Serialize) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut encoder, value).ok()?;
    encoder.finish().ok()
}

fn parse<T: DeserializeOwned>(key: &str, stored: &[u8]) -> Option<T> {
    serde_json::from_reader(BufReader::new(GzDecoder::new(stored)))
        .inspect_err(|error| {
            warn!(key, error = error as &dyn Error, "what was told cannot be read, and is forgotten");
        })
        .ok()
}

/// Returns a word that no other ledger has.
fn nonce() -> String {
    format!("{:012x}", fastrand::u64(..1 << 48))
}
