//! The archive that a router makes of a log before it starts a new one.

use isems_core::{Receipt, RepositoryError};
use reqwest::{StatusCode, Url};
use tracing::debug;

use crate::{
    PollError,
    body::Body,
    client::Encoding,
    poll::{Poll, add},
};

/// The number of polls that try to fetch an archive that cannot be fetched, or that the router is still writing.
pub(crate) const TRIES: u8 = 8;

impl Poll<'_> {
    /// Fetches an archive, stores its complete lines, and returns the number of tries left; 0 if there is nothing more
    /// to fetch.
    pub(crate) async fn fetch_archive(
        &self,
        url: Url,
        tries: u8,
        receipt: &mut Receipt,
    ) -> Result<u8, RepositoryError> {
        let source = self.target.as_str();
        match self.archive(url).await {
            Ok(None) => {
                debug!(source, "the previous log has no archive");
                Ok(0)
            }
            Ok(Some((archive, received_at))) => {
                let (bytes, flaw) = (archive.received, &archive.flaw);
                debug!(source, bytes, ?flaw, "fetched the archive of the previous log");
                let delivered = self.inbox.deliver(self.payload(&archive.bytes, received_at)).await?;
                add(receipt, &delivered);
                Ok(match archive.flaw {
                    _ if delivered.refused_for_now() > 0 => tries,
                    None => 0,
                    Some(_) => tries - 1,
                })
            }
            Err(error) => {
                debug!(source, %error, "cannot fetch the archive of the previous log");
                Ok(tries - 1)
            }
        }
    }

    /// Returns the decompressed archive and its time of arrival, or `None` if there is none.
    async fn archive(&self, url: Url) -> Result<Option<(Body, i64)>, PollError> {
        let answer = self.client.send(self.target, self.client.get(self.target, url, Encoding::Identity)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status if !status.is_success() => return Err(answer.refusal()),
            _ => {}
        }
        let received_at = answer.received_at;
        // The file itself is compressed. Some servers declare that as its encoding, others compress it once more.
        let limit = self.client.max_body_bytes();
        let mut archive = answer.body().await.gunzip(limit);
        if archive.is_gzip() {
            archive = archive.gunzip(limit);
        }
        Ok(Some((archive, received_at)))
    }
}
