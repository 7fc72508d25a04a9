//! Disk space for data that does not fit into memory.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tempfile::TempDir;

/// A folder created on demand.
#[derive(Debug)]
pub(super) struct Scratch {
    parent: PathBuf,
    folder: Mutex<Option<TempDir>>,
}

impl Scratch {
    /// Makes room beside a database, where there must be enough space anyway, while the system's temporary folder may
    /// be in memory.
    pub(super) fn beside(database: &Path) -> Self {
        let parent = database.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { parent: parent.into(), folder: Mutex::default() }
    }

    /// Returns the folder.
    pub(super) fn folder(&self) -> io::Result<PathBuf> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if folder.is_none() {
            *folder = Some(tempfile::Builder::new().prefix(".isems-import-").tempdir_in(&self.parent)?);
        }
        Ok(folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default())
    }

    /// Removes the folder with its contents, even from under a thread that hangs.
    pub(super) fn remove(&self) {
        drop(self.folder.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
