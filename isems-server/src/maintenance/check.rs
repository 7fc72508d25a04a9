//! `isems-server check`: reads everything back.

use std::io::Write;

use isems_core::BoxError;

use super::{damage, database::Database};

/// Reports each damage on a line of its own, then what was read, and returns whether all is sound.
pub(super) async fn check(database: &Database, output: &mut dyn Write) -> Result<bool, BoxError> {
    let checked = database.check().await?;
    damage::list(&checked.damages, output)?;
    let (nodes, measurements, blocks) = (checked.nodes, checked.measurements, checked.blocks);
    write!(output, "Read {nodes} nodes, {measurements} measurements, {blocks} sealed blocks: ")?;
    match checked.damages.len() {
        0 => writeln!(output, "all is sound.")?,
        damages => writeln!(output, "{damages} damaged. {WAY_OUT}")?,
    }
    Ok(checked.damages.is_empty())
}

const WAY_OUT: &str = "`isems-server backup PATH` saves what can be read to a new file.";
