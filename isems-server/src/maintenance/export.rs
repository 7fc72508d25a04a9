//! `isems-server export`: measurements as text.

use std::{io::Write, ops::Range};

use clap::ValueEnum;
use futures_util::TryStreamExt;
use isems_core::{BoxError, Field, FieldSet, Measurement, MeasurementQuery, NodeId, RedbRepository, Repository, pages};
use serde::{Deserialize, Serialize};

use crate::{
    csv::{self, Dialect},
    line::{self, Layout},
    stream::CHUNK,
    time::time_zone,
};

/// How measurements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Format {
    /// Comma separated values, with a header
    Csv,
    /// A JSON object a line
    Ndjson,
    /// The nodes' own lines
    Csvlog,
}

/// What is to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Export {
    /// All nodes if there is none.
    pub(super) nodes: Vec<NodeId>,
    /// Measured times, Unix seconds.
    pub(super) seconds: Range<i64>,
    pub(super) format: Format,
    pub(super) time_zone: String,
    /// In the order in which they are written. csvlog has its own.
    pub(super) fields: Vec<Field>,
    pub(super) dialect: Dialect,
}

impl Export {
    /// Writes node after node, each from old to new. Memory stays flat.
    pub(super) async fn run(&self, repository: &RedbRepository, output: &mut dyn Write) -> Result<(), BoxError> {
        let zone = time_zone(&self.time_zone)?;
        let nodes = self.nodes(repository).await?;
        let fields = match self.format {
            Format::Csvlog => FieldSet::ALL,
            Format::Csv | Format::Ndjson => self.fields.iter().copied().collect(),
        };
        let layout = Layout { fields: self.fields.clone(), zone, dialect: self.dialect };
        let mut lines = Lines { format: self.format, layout, buffer: Vec::with_capacity(2 * CHUNK), output };
        if self.format == Format::Csv {
            csv::header(&mut lines.buffer, &lines.layout);
        }
        for node in nodes {
            let Range { start: from, end: to } = self.seconds;
            let query = MeasurementQuery { from, to, fields, ..MeasurementQuery::oldest_first(node) };
            lines.write_all(repository, query).await?;
        }
        lines.flush()
    }

    async fn nodes(&self, repository: &RedbRepository) -> Result<Vec<NodeId>, BoxError> {
        let known = repository.nodes().await?;
        if let Some(unknown) = self.nodes.iter().find(|id| known.iter().all(|node| node.id != **id)) {
            return Err(super::unknown_node(unknown));
        }
        let is_wanted = |id: &NodeId| self.nodes.is_empty() || self.nodes.contains(id);
        Ok(known.iter().map(|node| node.id.clone()).filter(is_wanted).collect())
    }
}

/// Lines on their way out.
struct Lines<'a> {
    format: Format,
    layout: Layout,
    buffer: Vec<u8>,
    output: &'a mut dyn Write,
}

impl Lines<'_> {
    async fn write_all(&mut self, repository: &RedbRepository, query: MeasurementQuery) -> Result<(), BoxError> {
        let mut pages = pages(repository, query);
        let mut page = pages.try_next().await?;
        while let Some(measurements) = page {
            // The next page is read while this one is written.
            let (next, written) = tokio::join!(
                biased;
                pages.try_next(),
                async { measurements.iter().try_for_each(|measurement| self.write(measurement)) }
            );
            written?;
            page = next?;
        }
        Ok(())
    }

    fn write(&mut self, measurement: &Measurement) -> Result<(), BoxError> {
        match self.format {
            Format::Csv => csv::line(&mut self.buffer, measurement, &self.layout)?,
            Format::Ndjson => line::ndjson(&mut self.buffer, measurement, &self.layout)?,
            Format::Csvlog => line::csvlog(&mut self.buffer, measurement)?,
        }
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BoxError> {
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
