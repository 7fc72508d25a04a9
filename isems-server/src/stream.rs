//! Measurements as a stream of text, using an amount of memory that does not grow with their number.

use std::{collections::VecDeque, io, ops::Range, sync::Arc};

use bytes::Bytes;
use clap::ValueEnum;
use futures_util::{Stream, StreamExt, stream};
use isems_core::{FieldSet, Measurement, MeasurementQuery, NodeId, Order, Repository, RepositoryError};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    csv,
    line::{self, Layout},
};

/// The approximate number of bytes written at a time.
pub(crate) const CHUNK: usize = 64 << 10;

/// The number of chunks that may wait for a slow client.
const CHUNKS: usize = 2;

/// The number of measurements read at a time. A stream holds two pages at most, well below a megabyte, however slowly
/// it is read.
const PAGE: usize = 1000;

/// A text format of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// Comma-separated values with a header
    Csv,
    /// One JSON object per line
    Ndjson,
    /// The format in which nodes log
    Csvlog,
}

impl TextFormat {
    /// Returns its name in requests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Csvlog => "csvlog",
        }
    }
}

/// The selected measurements, node after node.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// The nodes, each with its range of measured times, Unix seconds.
    pub(crate) nodes: VecDeque<(NodeId, Range<i64>)>,
    pub(crate) order: Order,
    /// The maximum number for all nodes together.
    pub(crate) limit: usize,
    /// The fields to read.
    pub(crate) fields: FieldSet,
}

impl Selection {
    /// Reads up to this many further measurements, all of one node; `None` if there are no more.
    async fn page(
        &mut self,
        repository: &dyn Repository,
        most: usize,
    ) -> Result<Option<Vec<Measurement>>, RepositoryError> {
        while let Some((node, seconds)) = self.nodes.front_mut().filter(|_| self.limit > 0) {
            let Range { start: from, end: to } = *seconds;
            let limit = self.limit.min(most);
            let query =
                MeasurementQuery { node: node.clone(), from, to, order: self.order, limit, fields: self.fields };
            let page = repository.measurements(&query).await?;
            self.limit -= page.len();
            match query.after(&page) {
                Some(MeasurementQuery { from, to, .. }) => *seconds = from..to,
                None => _ = self.nodes.pop_front(),
            }
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// Reads all of them at once.
    pub(crate) async fn read(mut self, repository: &dyn Repository) -> Result<Vec<Measurement>, RepositoryError> {
        let mut found = Vec::new();
        while let Some(page) = self.page(repository, usize::MAX).await? {
            found.extend(page);
        }
        Ok(found)
    }

    /// Streams all of them as text. The next page is read while a chunk is sent, but no further ones; reading ends when
    /// the stream is dropped. A failure after the first page ends the stream with an error, so that a part never passes
    /// for the whole.
    pub(crate) async fn text(
        mut self,
        repository: Arc<dyn Repository>,
        format: TextFormat,
        layout: Layout,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, RepositoryError> {
        let first = self.page(&*repository, PAGE).await?;
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut writer = TextWriter { format, layout, buffer: Vec::new(), sender };
            self.write(first, &*repository, &mut writer).await
        });
        let chunks = stream::unfold((receiver, task), async |(mut receiver, mut task)| {
            if let Some(chunk) = receiver.recv().await {
                return Some((Ok(chunk), (receiver, task)));
            }
            // The last chunk is the end only if the task says so; a task that panicked does not.
            let error = match task.join_next().await? {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => io::Error::other(error),
                Err(error) => io::Error::other(error),
            };
            Some((Err(error), (receiver, task)))
        });
        // Compression polls again after the end.
        Ok(chunks.fuse())
    }

    async fn write(
        &mut self,
        first: Option<Vec<Measurement>>,
        repository: &dyn Repository,
        writer: &mut TextWriter,
    ) -> Result<(), RepositoryError> {
        writer.begin();
        let mut page = first;
        while let Some(measurements) = page {
            // The next page is read while this one is written.
            let (next, ()) = tokio::join!(biased; self.page(repository, PAGE), writer.write(&measurements));
            page = next?;
        }
        writer.send().await;
        Ok(())
    }
}

struct TextWriter {
    format: TextFormat,
    layout: Layout,
    buffer: Vec<u8>,
    sender: mpsc::Sender<Bytes>,
}

impl TextWriter {
    fn begin(&mut self) {
        if self.format == TextFormat::Csv {
            csv::header(&mut self.buffer, &self.layout);
        }
    }

    async fn write(&mut self, measurements: &[Measurement]) {
        for measurement in measurements {
            match self.format {
                TextFormat::Csv => csv::line(&mut self.buffer, measurement, &self.layout),
                TextFormat::Ndjson => line::ndjson(&mut self.buffer, measurement, &self.layout),
                TextFormat::Csvlog => line::csvlog(&mut self.buffer, measurement),
            }
            .expect("a vector takes everything");
            if self.buffer.len() >= CHUNK {
                self.send().await;
            }
        }
    }

    async fn send(&mut self) {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK + CHUNK / 8));
        // Once nobody is reading any more, the writing task ends too.
        let _ = self.sender.send(chunk.into()).await;
    }
}
