//! `isems-server check`: reads everything back.

use std::io::Write;

use isems_core::{BoxError, RedbRepository, Repository, RepositoryError};

use super::salvage::Salvage;

/// Names each damage on a line of its own, and says what was read. Whether all is sound.
pub(super) async fn check(repository: &RedbRepository, output: &mut dyn Write) -> Result<bool, BoxError> {
    let checked = match repository.check().await {
        Ok(checked) => checked,
        Err(RepositoryError::Damaged { source, .. }) => {
            writeln!(output, "the file itself: {source}")?;
            probe(repository, output).await?;
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    for damage in &checked.damages {
        writeln!(output, "{damage}")?;
    }
    let (nodes, measurements, blocks) = (checked.nodes, checked.measurements, checked.blocks);
    write!(output, "Read {nodes} nodes, {measurements} measurements, {blocks} sealed blocks: ")?;
    match checked.damages.len() {
        0 => writeln!(output, "all is sound.")?,
        damages => writeln!(output, "{damages} damaged. {WAY_OUT}")?,
    }
    Ok(checked.damages.is_empty())
}

const WAY_OUT: &str = "`isems-server backup PATH` saves what can be read to a new file.";

/// Finds out what can be read of a file whose own structure is damaged.
async fn probe(repository: &RedbRepository, output: &mut dyn Write) -> Result<(), BoxError> {
    let (mut read, mut kept) = (0, 0);
    for node in repository.nodes().await? {
        kept += node.measurements;
        let mut salvage = Salvage::new(repository, node);
        while let Some(measurements) = salvage.week(output).await? {
            read += measurements.len();
        }
    }
    writeln!(output, "{read} of {kept} measurements can be read. {WAY_OUT}")?;
    Ok(())
}
