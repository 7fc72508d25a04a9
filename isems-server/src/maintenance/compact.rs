//! `isems-server compact`: makes the file as small as possible.

use std::{fs, io::Write, path::Path};

use isems_core::{BoxError, RedbOptions, Repository};

use super::size::Size;

/// Seals past weeks and gives back free space. No other process may have the file open.
pub(super) async fn compact(path: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    let repository = super::open(path)?.ok_or_else(|| {
        let path = path.display();
        format!(
            "cannot compact {path}: another process has it open, and compacting needs the file for itself; stop the \
             server, compact, and start it again"
        )
    })?;
    let before = fs::metadata(path)?.len();
    let newest = repository.nodes().await?.iter().map(|node| node.latest.timestamp).max();
    // Nobody is waiting for late lines here: weeks that are past by the nodes' own time are sealed without a margin.
    let sealed = repository.seal(newest.unwrap_or(0)).await?;
    drop(repository);
    let compacted = RedbOptions::default().compact(path)?;
    if sealed.measurements > 0 {
        writeln!(output, "Sealed {} measurements.", sealed.measurements)?;
    }
    writeln!(output, "The file took {} and takes {} now.", Size(before), Size(compacted.after))?;
    Ok(true)
}
