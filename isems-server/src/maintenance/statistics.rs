//! `isems-server stats`: how much is stored, and what it takes.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
    slice,
};

use isems_core::{BoxError, NodeStatistics, RedbRepository, Statistics};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{size::Size, table::Table};
use crate::time::Time;

/// How it is shown.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Stats {
    pub(super) columns: bool,
    pub(super) json: bool,
}

impl Stats {
    pub(super) async fn run(self, repository: &RedbRepository, output: &mut dyn Write) -> Result<(), BoxError> {
        let statistics = repository.statistics().await?;
        let report = Report::new(&statistics, self.columns);
        if self.json {
            serde_json::to_writer_pretty(&mut *output, &report).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            report.write(output)?;
        }
        Ok(())
    }
}

/// What is told. Its JSON form is that of `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    nodes: Vec<Part<'a>>,
    total: Total,
    file_bytes: u64,
    live_bytes: u64,
    free_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_bytes: Option<&'a BTreeMap<&'static str, u64>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    node_id: &'a str,
    #[serde(flatten)]
    total: Total,
}

/// What some nodes have together.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Total {
    measurements: u64,
    recent_measurements: u64,
    bytes: u64,
    /// To a tenth. `None`: nothing is stored.
    bytes_per_measurement: Option<f64>,
    first_timestamp: Option<String>,
    last_timestamp: Option<String>,
}

impl Total {
    fn of(nodes: &[NodeStatistics]) -> Self {
        let measurements = nodes.iter().map(|node| node.measurements).sum();
        let bytes = nodes.iter().map(|node| node.bytes).sum();
        let average = bytes as f64 / measurements as f64;
        let utc = |second| Time { second, zone: &TimeZone::UTC }.to_string();
        Self {
            measurements,
            recent_measurements: nodes.iter().map(|node| node.recent).sum(),
            bytes,
            bytes_per_measurement: (measurements > 0).then_some((average * 10.0).round() / 10.0),
            first_timestamp: nodes.iter().map(|node| node.first_timestamp).min().map(utc),
            last_timestamp: nodes.iter().map(|node| node.last_timestamp).max().map(utc),
        }
    }

    fn row(&self, name: &str) -> [String; 7] {
        let text = |time: &Option<String>| time.clone().unwrap_or_default();
        [
            name.into(),
            self.measurements.to_string(),
            self.recent_measurements.to_string(),
            Size(self.bytes).to_string(),
            self.bytes_per_measurement.map(|average| format!("{average:.1}")).unwrap_or_default(),
            text(&self.first_timestamp),
            text(&self.last_timestamp),
        ]
    }
}

impl<'a> Report<'a> {
    fn new(statistics: &'a Statistics, columns: bool) -> Self {
        let part =
            |node: &'a NodeStatistics| Part { node_id: node.id.as_str(), total: Total::of(slice::from_ref(node)) };
        Self {
            nodes: statistics.nodes.iter().map(part).collect(),
            total: Total::of(&statistics.nodes),
            file_bytes: statistics.file_bytes,
            live_bytes: statistics.live_bytes,
            free_bytes: statistics.free_bytes,
            column_bytes: columns.then_some(&statistics.columns),
        }
    }

    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        let header = ["node", "measurements", "recent", "size", "bytes each", "first", "last"];
        let mut table = Table::new(header.map(Into::into));
        for Part { node_id, total } in &self.nodes {
            table.push(total.row(node_id));
        }
        table.push(self.total.row("all"));
        table.write(output)?;
        let [file, live, free] = [self.file_bytes, self.live_bytes, self.free_bytes].map(Size);
        writeln!(output, "\nThe file has {file}: {live} in use, {free} free.")?;
        if let Some(columns) = self.column_bytes {
            writeln!(output)?;
            self.write_columns(columns, output)?;
        }
        Ok(())
    }

    fn write_columns(&self, columns: &BTreeMap<&'static str, u64>, output: &mut dyn Write) -> io::Result<()> {
        let sealed = self.total.measurements - self.total.recent_measurements;
        if sealed == 0 {
            return writeln!(output, "Nothing is sealed into columns yet.");
        }
        let all: u64 = columns.values().sum();
        let row = |name: &str, bytes: u64| {
            let (average, share) = (bytes as f64 / sealed as f64, bytes as f64 / all as f64 * 100.0);
            [name.into(), Size(bytes).to_string(), format!("{average:.2}"), format!("{share:.1} %")]
        };
        let mut columns: Vec<_> = columns.iter().collect();
        columns.sort_by_key(|(_, bytes)| Reverse(**bytes));
        let mut table = Table::new(["sealed column", "size", "bytes each", "share"].map(Into::into));
        for (name, bytes) in columns {
            table.push(row(name, *bytes));
        }
        table.push(row("all", all));
        table.write(output)
    }
}
