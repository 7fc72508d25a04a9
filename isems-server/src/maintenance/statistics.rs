//! `isems-server stats`: shows the amount of stored data and its size.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
};

use isems_core::BoxError;

use super::{database::Database, size::Size, table::Table};
use crate::api::{NodeStatistics, Statistics, Total, UtcTime};

/// The options of `stats`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stats {
    pub(super) columns: bool,
    pub(super) json: bool,
}

impl Stats {
    pub(super) async fn run(self, database: &Database, output: &mut dyn Write) -> Result<(), BoxError> {
        let mut statistics = database.statistics().await?;
        statistics.column_bytes.take_if(|_| !self.columns);
        if self.json {
            serde_json::to_writer_pretty(&mut *output, &statistics).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            statistics.write(output)?;
        }
        Ok(())
    }
}

impl Total {
    fn row(&self, name: &str) -> [String; 7] {
        let text = |time: Option<UtcTime>| time.map(UtcTime::text).unwrap_or_default();
        [
            name.into(),
            self.measurements.to_string(),
            self.recent_measurements.to_string(),
            Size(self.bytes).to_string(),
            self.bytes_per_measurement.map(|average| format!("{average:.1}")).unwrap_or_default(),
            text(self.first_timestamp),
            text(self.last_timestamp),
        ]
    }
}

impl Statistics {
    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        let header = ["node", "measurements", "recent", "size", "bytes each", "first", "last"];
        let mut table = Table::new(header.map(Into::into));
        for NodeStatistics { node_id, total } in &self.nodes {
            table.push(total.row(node_id));
        }
        table.push(self.total.row("all"));
        table.write(output)?;
        let [file, live, free] = [self.file_bytes, self.live_bytes, self.free_bytes].map(Size);
        writeln!(output, "\nThe file takes {file}: {live} in use, {free} free.")?;
        if let Some(columns) = &self.column_bytes {
            writeln!(output)?;
            self.write_columns(columns, output)?;
        }
        Ok(())
    }

    fn write_columns(&self, columns: &BTreeMap<String, u64>, output: &mut dyn Write) -> io::Result<()> {
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
