//! Measurements as a stream of text, in memory that does not grow with their number.

use std::{collections::VecDeque, io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use isems_core::{Measurement, MeasurementQuery, NodeId, Order, Repository, RepositoryError, pages};
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tracing::error;

use crate::line;

/// About how much is written at a time, bytes.
pub(crate) const CHUNK: usize = 64 << 10;

/// How many chunks wait for a client that reads slowly.
const CHUNKS: usize = 2;

/// How measurements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFormat {
    Csv,
    Ndjson,
}

/// Which measurements are wanted, node after node.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// The nodes, each with the measured times of it, Unix seconds.
    pub(crate) nodes: VecDeque<(NodeId, Range<i64>)>,
    pub(crate) order: Order,
    /// At most this many of all nodes together.
    pub(crate) limit: usize,
}

impl Selection {
    /// The query for the first node.
    fn take(&mut self) -> Option<MeasurementQuery> {
        let (node, Range { start: from, end: to }) = self.nodes.pop_front().filter(|_| self.limit > 0)?;
        Some(MeasurementQuery { node, from, to, order: self.order, limit: self.limit })
    }

    /// All of them at once.
    pub(crate) async fn read(mut self, repository: &dyn Repository) -> Result<Vec<Measurement>, RepositoryError> {
        let mut found = Vec::new();
        while let Some(query) = self.take() {
            let of_node = repository.measurements(&query).await?;
            self.limit -= of_node.len();
            found.extend(of_node);
        }
        Ok(found)
    }

    /// All of them as text. Reading goes on while a chunk is sent, and no further than a few chunks; it ends when the stream is
    /// dropped. An error ends the stream with one, so that nobody takes what came for all there is.
    pub(crate) fn text(
        self,
        repository: Arc<dyn Repository>,
        format: TextFormat,
        zone: TimeZone,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let mut writer = TextWriter { format, zone, buffer: Vec::new(), sender };
        tokio::spawn(async move {
            if let Err(Ended::Failed(error)) = self.write(&*repository, &mut writer).await {
                error!(error = &error as &dyn std::error::Error, "an answer breaks off");
                // A client that has gone needs no error.
                let _ = writer.sender.send(Err(io::Error::other(error))).await;
            }
        });
        stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
    }

    async fn write(mut self, repository: &dyn Repository, writer: &mut TextWriter) -> Result<(), Ended> {
        writer.begin();
        while let Some(query) = self.take() {
            let mut pages = pages(repository, query);
            let mut page = pages.try_next().await?;
            while let Some(measurements) = page {
                self.limit -= measurements.len();
                // The next page is read while this one is written.
                let (next, written) = tokio::join!(biased; pages.try_next(), writer.write(&measurements));
                written?;
                page = next?;
            }
        }
        writer.send().await
    }
}

/// Why a stream has ended before its end.
enum Ended {
    /// Nobody reads it any more.
    Unwanted,
    Failed(RepositoryError),
}

impl From<RepositoryError> for Ended {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error)
    }
}

struct TextWriter {
    format: TextFormat,
    zone: TimeZone,
    buffer: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl TextWriter {
    fn begin(&mut self) {
        if self.format == TextFormat::Csv {
            line::csv_header(&mut self.buffer).expect("a vector takes everything");
        }
    }

    async fn write(&mut self, measurements: &[Measurement]) -> Result<(), Ended> {
        for measurement in measurements {
            match self.format {
                TextFormat::Csv => line::csv(&mut self.buffer, measurement, &self.zone),
                TextFormat::Ndjson => line::ndjson(&mut self.buffer, measurement, &self.zone),
            }
            .expect("a vector takes everything");
            if self.buffer.len() >= CHUNK {
                self.send().await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Ended> {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK + CHUNK / 8));
        self.sender.send(Ok(chunk.into())).await.map_err(|_| Ended::Unwanted)
    }
}
