//! Failures during operation, and the errors that callers get for them.

use std::{
    error::Error as StdError,
    io::{self, ErrorKind},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{
    CommitError, CompactionError, DatabaseError, Error, SetDurabilityError, StorageError, TableError, TransactionError,
};

use super::{bytes::DamagedRecord, sealed::BlockError};
use crate::{BoxError, RepositoryError};

/// The reason why something did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Redb(Box<Error>),
    #[error(transparent)]
    Damaged(#[from] DamagedRecord),
    #[error("numbers cannot be compressed: {0}")]
    Compression(#[from] pco::errors::PcoError),
    #[error("two pages of the file contradict each other")]
    Panic,
    /// The disk fails and nothing could be tried, or the file could not be reopened.
    #[error("{reason}")]
    Unusable { reason: String, is_full: bool },
    /// The writer has ended, or is about to.
    #[error("{0}")]
    Closed(&'static str),
    #[error("{0}")]
    Other(String),
}

macro_rules! from_redb {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Failure {
            fn from(error: $kind) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
    )*};
}

from_redb!(CommitError, CompactionError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Redb(Box::new(error))
    }
}

impl From<BlockError> for Failure {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Damaged(damaged) => damaged.into(),
            BlockError::Storage(error) => error.into(),
        }
    }
}

impl Failure {
    /// Returns whether the fault lies in the file, not in the disk, the moment or the caller.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Redb(error) => match &**error {
                // A missing table, or a page beyond the end of the file.
                Error::Corrupted(_)
                | Error::LockPoisoned(_)
                | Error::TableDoesNotExist(_)
                | Error::TableTypeMismatch { .. }
                | Error::TableIsMultimap(_)
                | Error::TypeDefinitionChanged { .. } => true,
                Error::Io(error) => matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData),
                _ => false,
            },
            Self::Damaged(_) | Self::Panic => true,
            Self::Compression(_) | Self::Unusable { .. } | Self::Closed(_) | Self::Other(_) => false,
        }
    }

    /// Returns whether redb may have given up on the file until it is opened again.
    pub(super) fn can_end_use(&self) -> bool {
        matches!(self, Self::Redb(_) | Self::Panic)
    }

    /// Returns whether a panic has left one of redb's locks poisoned.
    pub(super) fn is_lock_poisoned(&self) -> bool {
        matches!(self, Self::Redb(error) if matches!(**error, Error::LockPoisoned(_)))
    }

    /// Returns whether a retry makes sense: the disk may work again, or the file has been reopened in the meantime.
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Redb(error) => match &**error {
                // A page beyond the end of the file is damage; asking the disk again is pointless.
                Error::Io(_) => !self.is_damage(),
                Error::PreviousIo | Error::LockPoisoned(_) | Error::DatabaseClosed => true,
                _ => false,
            },
            Self::Unusable { .. } => true,
            Self::Damaged(_) | Self::Compression(_) | Self::Panic | Self::Closed(_) | Self::Other(_) => false,
        }
    }

    /// Returns whether the disk is full.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Redb(error) => matches!(&**error, Error::Io(error) if is_full(error)),
            Self::Unusable { is_full, .. } => *is_full,
            _ => false,
        }
    }

    /// Returns the error for a caller. Several callers can get the same failure.
    pub(super) fn error(self: &Arc<Self>, action: &'static str, path: &Path) -> RepositoryError {
        let shared = Shared { failure: self.clone(), damaged: self.is_damage().then(|| path.into()) };
        let source: BoxError = Box::new(shared);
        match **self {
            _ if self.is_damage() => RepositoryError::Damaged { source },
            _ if self.is_full() => RepositoryError::Full { source },
            _ if self.is_worth_another_try() => RepositoryError::Unavailable { action, retry: true, source },
            Self::Closed(_) => RepositoryError::Unavailable { action, retry: false, source },
            _ => RepositoryError::Other { action, source },
        }
    }
}

/// Runs work on a file that may be damaged, because redb can panic on one.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Panic))
}

/// Returns whether the operating system reports that there is no space left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// A failure as the source of several errors. For damage, it names the file.
#[derive(Debug)]
struct Shared {
    failure: Arc<Failure>,
    damaged: Option<PathBuf>,
}

impl std::fmt::Display for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.damaged {
            Some(path) => write!(formatter, "{}: {}", path.display(), self.failure),
            None => self.failure.fmt(formatter),
        }
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure.source()
    }
}
