//! The error from opening a file.

use std::{io, path::PathBuf};

use super::failure::is_full;
use crate::{BoxError, RepositoryError};

/// An error from opening, creating or compacting the file of a [`RedbRepository`](super::RedbRepository).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the file does not exist.
    #[error("cannot open database {path:?}: folder {folder:?} does not exist; create it or choose another path")]
    FolderMissing {
        /// The file.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// Another process has the file open.
    #[error("cannot open database {path:?}: another process has it open; stop that process or choose another path")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a database of isems.
    #[error("cannot open database {path:?}: it is not an isems database; choose another path, or move the file away")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this library.
    #[error(
        "cannot open database {path:?}: its format {found} is newer than {supported}; use a newer version of isems"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// The file is too badly damaged to be opened.
    #[error("database {path:?} is damaged; put a backup in its place, or move it away")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        source: BoxError,
    },
    /// The file cannot be opened for another reason.
    #[error("cannot open database {path:?}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: BoxError,
    },
}

impl From<OpenError> for RepositoryError {
    fn from(error: OpenError) -> Self {
        let action = "open";
        match error {
            OpenError::NewerFormat { found, supported, .. } => Self::Newer { found, supported },
            OpenError::Damaged { .. } => Self::Damaged { source: error.into() },
            OpenError::Io { ref source, .. } if source.downcast_ref::<io::Error>().is_some_and(is_full) => {
                Self::Full { source: error.into() }
            }
            OpenError::Locked { .. } | OpenError::Io { .. } => {
                Self::Unavailable { action, retry: true, source: error.into() }
            }
            OpenError::FolderMissing { .. } => Self::Unavailable { action, retry: false, source: error.into() },
            OpenError::NotADatabase { .. } => Self::Other { action, source: error.into() },
        }
    }
}
