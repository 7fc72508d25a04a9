//! What can be read of a file whose own structure is damaged.

use std::{io::Write, ops::Range, sync::Arc};

use isems_core::{BoxError, Measurement, MeasurementQuery, Node, RedbRepository, Repository, RepositoryError};
use jiff::tz::TimeZone;

use super::time::Time;

/// What is read at a time: the weeks of the sealed blocks, which begin on Mondays. 1970-01-05 was one.
const WEEK_SECONDS: i64 = 7 * 86_400;
const MONDAY: i64 = 4 * 86_400;

/// What cannot be read is narrowed down to this, and given up then.
const SMALLEST_SECONDS: i64 = 3_600;

/// Reads what can be read of a node, week by week.
pub(super) struct Salvage<'a> {
    repository: &'a RedbRepository,
    node: Arc<Node>,
    next: i64,
}

impl<'a> Salvage<'a> {
    pub(super) fn new(repository: &'a RedbRepository, node: Arc<Node>) -> Self {
        Self { repository, next: node.first_timestamp, node }
    }

    /// What can be read of the next week. Writes a line for each stretch of it that cannot. `None`: that was all.
    pub(super) async fn week(&mut self, output: &mut dyn Write) -> Result<Option<Vec<Measurement>>, BoxError> {
        let (start, end) = (self.next, self.node.latest.timestamp + 1);
        if start >= end {
            return Ok(None);
        }
        self.next = ((start - MONDAY).div_euclid(WEEK_SECONDS) + 1) * WEEK_SECONDS + MONDAY;
        let mut measurements = Vec::new();
        let mut lost: Vec<Range<i64>> = Vec::new();
        let week = start..self.next.min(end);
        // Ranges to read, the next one last.
        let mut ranges = vec![week];
        while let Some(range) = ranges.pop() {
            match self.read(&range).await {
                Ok(read) => measurements.extend(read),
                Err(RepositoryError::Damaged { .. }) if range.end - range.start > SMALLEST_SECONDS => {
                    let middle = range.start.midpoint(range.end);
                    ranges.extend([middle..range.end, range.start..middle]);
                }
                Err(RepositoryError::Damaged { .. }) => match lost.last_mut() {
                    Some(before) if before.end == range.start => before.end = range.end,
                    _ => lost.push(range),
                },
                Err(error) => return Err(error.into()),
            }
        }
        let zone = &TimeZone::UTC;
        for Range { start, end } in lost {
            let (start, end) = (Time { second: start, zone }, Time { second: end, zone });
            writeln!(output, "node {}: what lies from {start} to {end} cannot be read", self.node.id)?;
        }
        Ok(Some(measurements))
    }

    async fn read(&self, range: &Range<i64>) -> Result<Vec<Measurement>, RepositoryError> {
        let all = MeasurementQuery::oldest_first(self.node.id.clone());
        self.repository.measurements(&MeasurementQuery { from: range.start, to: range.end, ..all }).await
    }
}
