//! The only door to the repository: decoding, storing, accounting.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::{
    Batch, Decoded, Measurement, Payload, Reject, RejectCounts, RejectReason, Repository, RepositoryError,
    TransportStatus, account::Account, decode, unix_now,
};

/// Where a transport delivers what it got. Everything that is stored goes through one, and everything is counted in it:
/// stored + duplicates + rejected = received.
#[derive(Clone)]
pub struct Inbox {
    transport: Arc<str>,
    repository: Arc<dyn Repository>,
    account: Account,
}

/// What became of a delivery. It is given out when everything in it is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// How many lines (or objects) arrived; blank lines are none.
    pub received: u64,
    /// How many of them are new.
    pub stored: u64,
    /// How many were already stored with the same values.
    pub duplicates: u64,
    /// How many were rejected, by reason.
    pub rejected: RejectCounts,
    /// How many bytes at the end belong to a line that was still being written. They are not counted; fetch them again.
    pub incomplete_bytes: usize,
}

impl Inbox {
    /// How many bad lines of one payload are kept in the reject log; the others are only counted, so that a payload that is
    /// nothing but nonsense does not push everything else aside.
    pub const REJECTS_LOGGED: usize = 1_000;

    /// The inbox of a transport of this name. A [`Collector`](crate::Collector) makes one for each of its transports; make
    /// one yourself to deliver without a collector.
    pub fn new(transport: &str, repository: Arc<dyn Repository>) -> Self {
        Self { transport: transport.into(), repository, account: Account::new(transport) }
    }

    /// Decodes a payload and stores it. Returns when everything is on disk.
    ///
    /// Bad lines are no error: they are counted in the receipt, and the last [`Self::REJECTS_LOGGED`] of them are kept in the
    /// reject log. An error means that nothing of the payload is known to be stored; deliver it again later.
    pub async fn deliver(&self, payload: Payload<'_>) -> Result<Receipt, RepositoryError> {
        let Decoded { measurements, rejects, incomplete_bytes } = decode(&payload);
        let receipt =
            Receipt { incomplete_bytes, ..counted(&measurements, rejects.iter().map(|reject| reject.reason)) };
        let too_many = rejects.len().saturating_sub(Self::REJECTS_LOGGED);
        let rejects = rejects
            .into_iter()
            .skip(too_many)
            .map(|reject| Reject {
                received_at: payload.received_at,
                transport: self.transport.to_string(),
                source: payload.source.into(),
                node: node_of(&payload, &reject.text),
                reason: reject.reason,
                field: reject.field.map(Into::into),
                line: reject.line,
                text: reject.text,
            })
            .collect();
        self.store(payload.source, measurements, rejects, receipt).await
    }

    /// Stores measurements that the transport decoded itself. Those that are not [valid](Measurement::validate) are rejected.
    pub async fn deliver_measurements(
        &self,
        source: &str,
        measurements: Vec<Measurement>,
    ) -> Result<Receipt, RepositoryError> {
        let mut rejects = Vec::new();
        let mut line = 0;
        let mut measurements = measurements;
        measurements.retain(|measurement| {
            line += 1;
            let Err(fault) = measurement.validate() else { return true };
            rejects.push(Reject { line, ..self.reject_of(source, measurement, fault.reason, Some(fault.field)) });
            false
        });
        let receipt = counted(&measurements, rejects.iter().map(|reject| reject.reason));
        self.store(source, measurements, rejects, receipt).await
    }

    /// Rejects a payload as a whole, unread: it is counted and kept in the reject log as one line.
    pub async fn reject(&self, payload: &Payload<'_>, reason: RejectReason) -> Result<Receipt, RepositoryError> {
        let reject = Reject {
            received_at: payload.received_at,
            transport: self.transport.to_string(),
            source: payload.source.into(),
            node: payload.node.as_ref().map(ToString::to_string),
            reason,
            field: None,
            line: 1,
            text: Reject::text_of(payload.bytes),
        };
        self.store(payload.source, Vec::new(), vec![reject], counted(&[], [reason])).await
    }

    /// Keeps a value for the transport across restarts, such as how far a log was read.
    pub async fn remember(&self, key: &str, value: Vec<u8>) -> Result<(), RepositoryError> {
        let metadata = vec![(self.metadata_key(key), value)];
        self.repository.store(Batch { metadata, ..Batch::default() }).await.map(drop)
    }

    /// What the transport last [remembered](Self::remember) under a key.
    pub async fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        self.repository.metadata(&self.metadata_key(key)).await
    }

    /// Reports that a source of the transport (a node, a broker) answers. Logged when that is news.
    pub fn source_up(&self, source: &str) {
        self.account.set_source(source, None);
    }

    /// Reports that a source of the transport does not answer, while the transport goes on. Logged when that is news.
    pub fn source_down(&self, source: &str, error: &dyn fmt::Display) {
        self.account.set_source(source, Some(error));
    }

    /// How the transport fares.
    pub fn status(&self) -> TransportStatus {
        self.account.snapshot()
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    async fn store(
        &self,
        source: &str,
        measurements: Vec<Measurement>,
        rejects: Vec<Reject>,
        mut receipt: Receipt,
    ) -> Result<Receipt, RepositoryError> {
        if receipt.received > 0 {
            let outcome = self.repository.store(Batch { measurements, rejects, metadata: Vec::new() }).await?;
            receipt.stored = outcome.stored;
            receipt.duplicates = outcome.duplicates;
            if !outcome.conflicts.is_empty() {
                receipt.rejected.add(RejectReason::Conflict, outcome.conflicts.len() as u64);
                let rejects = outcome
                    .conflicts
                    .iter()
                    .map(|measurement| self.reject_of(source, measurement, RejectReason::Conflict, None))
                    .collect();
                self.repository.store(Batch { rejects, ..Batch::default() }).await?;
            }
        }
        self.account.add(&receipt);
        Ok(receipt)
    }

    fn reject_of(
        &self,
        source: &str,
        measurement: &Measurement,
        reason: RejectReason,
        field: Option<&'static str>,
    ) -> Reject {
        Reject {
            received_at: unix_now(),
            transport: self.transport.to_string(),
            source: source.into(),
            node: Some(measurement.node_id.to_string()),
            reason,
            field: field.map(Into::into),
            line: 0,
            text: Reject::text_of(measurement.to_string().as_bytes()),
        }
    }

    fn metadata_key(&self, key: &str) -> String {
        format!("transport/{}/{key}", self.transport)
    }
}

/// The receipt of what is yet to be stored.
fn counted(measurements: &[Measurement], rejects: impl IntoIterator<Item = RejectReason>) -> Receipt {
    let mut rejected = RejectCounts::default();
    rejects.into_iter().for_each(|reason| rejected.add(reason, 1));
    Receipt { received: measurements.len() as u64 + rejected.total(), rejected, ..Receipt::default() }
}

/// The node that a rejected line belongs to: the transport's word goes before the line's.
fn node_of(payload: &Payload<'_>, text: &str) -> Option<String> {
    let named = payload.node.as_ref().map(ToString::to_string);
    named.or_else(|| text.split_once(';').map(|(node, _)| node.into()))
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inbox").field("transport", &self.transport).finish_non_exhaustive()
    }
}
