//! A copy of what can be read of a file whose own structure is damaged.

use std::{
    fs,
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
};

use isems_core::{Batch, BoxError, MeasurementQuery, Node, RedbOptions, RedbRepository, Repository, RepositoryError};
use jiff::tz::TimeZone;

use super::{size::Size, time::Time};

/// What is read and stored at a time: the weeks of the sealed blocks, which begin on Mondays. 1970-01-05 was one.
const WEEK_SECONDS: i64 = 7 * 86_400;
const MONDAY: i64 = 4 * 86_400;

/// What cannot be read is narrowed down to this, and given up then.
const SMALLEST_SECONDS: i64 = 3_600;

/// Writes measurements and rejects to a new file, and a line for each stretch of time that cannot be read. What transports
/// remember is not copied: they begin anew. The answer is `false`: not all is well.
pub(super) async fn salvage(
    repository: &RedbRepository,
    path: &Path,
    output: &mut dyn Write,
) -> Result<bool, BoxError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let result = copy(repository, &unfinished, output).await;
    let result = result.and_then(|saved| {
        let size = RedbOptions::default().compact(&unfinished)?.after;
        fs::rename(&unfinished, path)?;
        writeln!(output, "Saved {saved} measurements to {}, {}.", path.display(), Size(size))?;
        Ok(false)
    });
    if result.is_err() {
        // What cannot be removed is overwritten by the next attempt.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

async fn copy(repository: &RedbRepository, path: &Path, output: &mut dyn Write) -> Result<u64, BoxError> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    let target = RedbRepository::open(path)?;
    let mut saved = 0;
    for node in repository.nodes().await? {
        let end = node.latest.timestamp + 1;
        let mut start = node.first_timestamp;
        while start < end {
            let next = (start - MONDAY).div_euclid(WEEK_SECONDS) * WEEK_SECONDS + WEEK_SECONDS + MONDAY;
            saved += week(repository, &target, &node, start..next.min(end), output).await?;
            start = next;
        }
    }
    match repository.rejects(usize::MAX).await {
        Ok(rejects) => {
            let rejects = rejects.into_iter().rev().collect();
            target.store(Batch { rejects, ..Batch::default() }).await?;
        }
        Err(_) => writeln!(output, "The reject log cannot be read.")?,
    }
    Ok(saved)
}

/// Copies what can be read of a range of a week, and returns how many measurements that were.
async fn week(
    source: &RedbRepository,
    target: &RedbRepository,
    node: &Node,
    range: Range<i64>,
    output: &mut dyn Write,
) -> Result<u64, BoxError> {
    let mut measurements = Vec::new();
    // Ranges to read, the next one last.
    let mut ranges = vec![range];
    let mut lost: Option<Range<i64>> = None;
    while let Some(range) = ranges.pop() {
        let query =
            MeasurementQuery { from: range.start, to: range.end, ..MeasurementQuery::oldest_first(node.id.clone()) };
        match source.measurements(&query).await {
            Ok(read) => measurements.extend(read),
            Err(RepositoryError::Damaged { .. }) if range.end - range.start > SMALLEST_SECONDS => {
                let middle = range.start.midpoint(range.end);
                ranges.extend([middle..range.end, range.start..middle]);
            }
            Err(RepositoryError::Damaged { .. }) => match &mut lost {
                Some(lost) if lost.end == range.start => lost.end = range.end,
                _ => {
                    tell(node, lost.replace(range).as_ref(), output)?;
                }
            },
            Err(error) => return Err(error.into()),
        }
    }
    tell(node, lost.as_ref(), output)?;
    // A measurement that is read but is not valid would cost its neighbours.
    measurements.retain(|measurement| measurement.validate().is_ok());
    Ok(target.import(Batch { measurements, ..Batch::default() }).await?.stored)
}

fn tell(node: &Node, lost: Option<&Range<i64>>, output: &mut dyn Write) -> Result<(), BoxError> {
    let Some(&Range { start, end }) = lost else { return Ok(()) };
    let zone = &TimeZone::UTC;
    let (start, end) = (Time { second: start, zone }, Time { second: end, zone });
    writeln!(output, "node {}: what lies from {start} to {end} cannot be read", node.id)?;
    Ok(())
}
