//! `isems-server backup`: a copy of everything.

use std::{io::Write, path::Path};

use isems_core::{BoxError, RedbRepository, RepositoryError};

use super::{salvage::salvage, size::Size};

/// Writes a copy to a new file. Whether it has everything.
pub(super) async fn backup(repository: &RedbRepository, path: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    match repository.backup(path).await {
        Ok(bytes) => {
            writeln!(output, "Wrote {} to {}.", Size(bytes), path.display())?;
            Ok(true)
        }
        Err(RepositoryError::Damaged { .. }) => salvage(repository, path, output).await,
        Err(error) => Err(error.into()),
    }
}
