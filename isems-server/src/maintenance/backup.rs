//! `isems-server backup`: copies everything.

use std::{io::Write, path::Path};

use isems_core::BoxError;

use super::{damage, database::Database, size::Size};

/// Writes a copy to a new file, reports each damage on a line of its own, and returns whether the copy is complete.
pub(super) async fn backup(database: &Database, path: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    let copied = database.backup(path).await?;
    damage::list(&copied.damages, output)?;
    write!(output, "Wrote {} to {}", Size(copied.bytes), path.display())?;
    match copied.damages.len() {
        0 => writeln!(output, ".")?,
        damages => writeln!(output, ": {damages} damaged. Unreadable data is not in the copy.")?,
    }
    Ok(copied.damages.is_empty())
}
