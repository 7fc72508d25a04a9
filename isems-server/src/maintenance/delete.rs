//! `isems-server delete`: measurements of a node.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    ops::Range,
};

use futures_util::TryStreamExt;
use isems_core::{BoxError, MeasurementQuery, NodeId, RedbRepository, Repository, pages};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::{EVER, Time};

/// What is to be deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Selection {
    pub(super) node: NodeId,
    /// Measured times, Unix seconds.
    pub(super) seconds: Range<i64>,
}

impl Selection {
    /// Writes how many measurements these are.
    pub(super) async fn count(&self, repository: &RedbRepository, output: &mut dyn Write) -> Result<(), BoxError> {
        let node = repository.node(&self.node).await?.ok_or_else(|| super::unknown_node(&self.node))?;
        let Range { start: from, end: to } = self.seconds;
        let mut count = 0;
        if from <= node.first_timestamp && to > node.latest.timestamp {
            count = node.measurements;
        } else {
            let query = MeasurementQuery { from, to, ..MeasurementQuery::oldest_first(self.node.clone()) };
            let mut pages = pages(repository, query);
            while let Some(page) = pages.try_next().await? {
                count += page.len() as u64;
            }
        }
        writeln!(output, "{count}")?;
        Ok(())
    }

    pub(super) async fn delete(&self, repository: &RedbRepository, output: &mut dyn Write) -> Result<(), BoxError> {
        if repository.node(&self.node).await?.is_none() {
            return Err(super::unknown_node(&self.node));
        }
        let deleted = repository.delete(&self.node, self.seconds.start, self.seconds.end).await?;
        writeln!(output, "Deleted {deleted} measurements of {}.", self.node)?;
        Ok(())
    }

    /// Asks the person at the terminal.
    pub(super) fn confirm(&self, count: &str, zone: &TimeZone) -> Result<bool, BoxError> {
        let question = format!("delete {count} measurements of {}{}", self.node, self.range(zone));
        if !io::stdin().is_terminal() {
            return Err(format!("this would {question}; nobody can be asked here, so say --yes if it is meant").into());
        }
        eprint!("This will {question}. Go on? [y/N] ");
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
