//! Reading and decompressing bodies, each up to a limit.

use std::{io::Read, time::Duration};

use flate2::read::MultiGzDecoder;
use reqwest::Response;
use tokio::time::{self, Instant};

use crate::BodyFlaw;

/// The part of a body that arrived.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// The number of bytes that arrived, which differs if they were compressed.
    pub(crate) received: usize,
    /// The reason why that is not all of it.
    pub(crate) flaw: Option<BodyFlaw>,
}

/// The limits on a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Counted from the start of the request.
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
}

impl Body {
    /// More than this is only allocated as it arrives, whatever the server announces.
    const LARGEST_RESERVE: usize = 1 << 20;

    pub(crate) async fn read(mut response: Response, started: Instant, limits: BodyLimits) -> Self {
        let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        let mut bytes = Vec::with_capacity(announced.min(limits.bytes).min(Self::LARGEST_RESERVE));
        let flaw = loop {
            let time_left = limits.time.saturating_sub(started.elapsed());
            match time::timeout(time_left, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let room = limits.bytes - bytes.len();
                    bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break Some(BodyFlaw::TooLarge { limit: limits.bytes });
                    }
                }
                Ok(Ok(None)) => break None,
                Ok(Err(_)) => break Some(BodyFlaw::CutShort),
                Err(_) => break Some(BodyFlaw::TimedOut { limit: limits.time }),
            }
        };
        Self { received: bytes.len(), bytes, flaw }
    }

    pub(crate) fn is_gzip(&self) -> bool {
        self.bytes.starts_with(&[0x1f, 0x8b])
    }

    /// Decompresses as much as possible. A flaw of the compressed body is one of the result, too.
    pub(crate) fn gunzip(self, limit: usize) -> Self {
        let mut bytes = Vec::new();
        let result = MultiGzDecoder::new(self.bytes.as_slice()).take(limit as u64 + 1).read_to_end(&mut bytes);
        let flaw = if bytes.len() > limit {
            bytes.truncate(limit);
            Some(BodyFlaw::TooLarge { limit })
        } else {
            self.flaw.or(result.err().map(|_| BodyFlaw::Damaged))
        };
        Self { bytes, flaw, ..self }
    }
}
