//! `isems-server delete`: deletes measurements of a node.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    ops::Range,
};

use isems_core::{BoxError, Field, NodeId};
use jiff::tz::TimeZone;

use super::{database::Database, export::Export};
use crate::{
    csv::Dialect,
    line::Layout,
    stream::TextFormat,
    time::{EVER, Time},
};

/// A selection of measurements to delete.
#[derive(Debug, Clone)]
pub(super) struct Deletion {
    pub(super) node: NodeId,
    /// Measured times, Unix seconds.
    pub(super) seconds: Range<i64>,
}

impl Deletion {
    /// Returns the number of these measurements.
    pub(super) async fn count(&self, database: &Database) -> Result<u64, BoxError> {
        let export = Export {
            nodes: vec![self.node.clone()],
            seconds: self.seconds.clone(),
            format: TextFormat::Ndjson,
            time_zone: "UTC".into(),
            layout: Layout { fields: vec![Field::Timestamp], zone: TimeZone::UTC, dialect: Dialect::default() },
        };
        let mut lines = Lines(0);
        database.export(&export, &mut lines).await?;
        Ok(lines.0)
    }

    pub(super) async fn delete(&self, database: &Database, output: &mut dyn Write) -> Result<(), BoxError> {
        let deleted = database.delete(&self.node, &self.seconds).await?;
        writeln!(output, "Deleted {deleted} measurements of {}.", self.node)?;
        Ok(())
    }

    /// Asks for confirmation at the terminal.
    pub(super) fn confirm(&self, count: u64, zone: &TimeZone) -> Result<bool, BoxError> {
        let question = format!("delete {count} measurements of {}{}", self.node, self.range(zone));
        if !io::stdin().is_terminal() {
            return Err(
                format!("this would {question}; there is no terminal to ask at, so add --yes to confirm").into()
            );
        }
        eprint!("This will {question}. Continue? [y/N] ");
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    fn range(&self, zone: &TimeZone) -> String {
        let bound = |word: &str, second| format!(" {word} {}", Time { second, zone });
        let from = Some(self.seconds.start).filter(|from| *from != EVER.start).map(|from| bound("from", from));
        let to = Some(self.seconds.end).filter(|to| *to != EVER.end).map(|to| bound("before", to));
        from.unwrap_or_default() + &to.unwrap_or_default()
    }
}

/// Counts the lines written to it.
struct Lines(u64);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += memchr::memchr_iter(b'\n', bytes).count() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
