//! `isems-server check`: reads everything back.

use std::io::Write;

use isems_core::{BoxError, RedbRepository, RepositoryError};

/// Names each damage on a line of its own, and says what was read. Whether all is sound.
pub(super) async fn check(repository: &RedbRepository, output: &mut dyn Write) -> Result<bool, BoxError> {
    let checked = match repository.check().await {
        Ok(checked) => checked,
        // The error's own text says to run this.
        Err(RepositoryError::Damaged { source, .. }) => {
            writeln!(output, "the file: {source}")?;
            writeln!(output, "The file's own structure is damaged. {WAY_OUT}")?;
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
