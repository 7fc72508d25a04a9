//! `isems-server backup`: a copy of everything.

use std::{io::Write, path::Path};

use isems_core::{BoxError, RedbRepository};

use super::{damage, size::Size};

/// Writes a copy to a new file, and names each damage on a line of its own. Whether the copy has everything.
pub(super) async fn backup(repository: &RedbRepository, path: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    let copied = repository.backup(path).await?;
    damage::list(&copied.damages, output)?;
    write!(output, "Wrote {} to {}", Size(copied.bytes), path.display())?;
    match copied.damages.len() {
        0 => writeln!(output, ".")?,
        damages => writeln!(output, ": {damages} damaged. What cannot be read is not in it.")?,
    }
    Ok(copied.damages.is_empty())
}
