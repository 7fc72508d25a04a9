//! `isems-server backup`: a copy of everything.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use isems_core::{Batch, BoxError, RedbOptions, RedbRepository, RejectQuery, Repository, RepositoryError};

use super::{salvage::Salvage, size::Size};

/// Writes a copy to a new file. Whether it has everything.
pub(super) async fn backup(repository: &RedbRepository, path: &Path, output: &mut dyn Write) -> Result<bool, BoxError> {
    match repository.backup(path).await {
        Ok(bytes) => {
            writeln!(output, "Wrote {} to {}.", Size(bytes), path.display())?;
            Ok(true)
        }
        Err(RepositoryError::Damaged { .. }) => {
            save(repository, path, output).await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes to a new file what can be read.
async fn save(repository: &RedbRepository, path: &Path, output: &mut dyn Write) -> Result<(), BoxError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let result = copy(repository, &unfinished, output).await;
    let result = result.and_then(|saved| {
        let size = RedbOptions::default().compact(&unfinished)?.after;
        fs::rename(&unfinished, path)?;
        writeln!(output, "Saved {saved} measurements to {}, {}.", path.display(), Size(size))?;
        Ok(())
    });
    if result.is_err() {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_file(&unfinished);
    }
    result
}

/// Copies measurements and rejects, and returns how many measurements that were. What transports remember is not copied: they
/// begin anew.
async fn copy(source: &RedbRepository, path: &Path, output: &mut dyn Write) -> Result<u64, BoxError> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    let target = RedbRepository::open(path)?;
    let mut saved = 0;
    for node in source.nodes().await? {
        let mut salvage = Salvage::new(source, node);
        while let Some(mut measurements) = salvage.week(output).await? {
            // One that can be read but is not valid would cost the others.
            measurements.retain(|measurement| measurement.validate().is_ok());
            saved += target.import(Batch { measurements, ..Batch::default() }).await?.stored;
        }
    }
    match source.rejects(&RejectQuery::newest(usize::MAX)).await {
        Ok(page) => {
            let rejects = page.rejects.into_iter().rev().collect();
            target.store(Batch { rejects, ..Batch::default() }).await?;
        }
        Err(_) => writeln!(output, "The reject log cannot be read.")?,
    }
    Ok(saved)
}
