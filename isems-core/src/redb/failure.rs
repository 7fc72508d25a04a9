//! What can go wrong under way, and what the caller is told.

use std::{
    error::Error as StdError,
    io::ErrorKind,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use redb::{
    CommitError, CompactionError, DatabaseError, Error, SetDurabilityError, StorageError, TableError, TransactionError,
};

use super::{bytes::DamagedRecord, sealed::BlockError};
use crate::{BoxError, RepositoryError};

/// Why something did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Redb(Box<Error>),
    #[error(transparent)]
    Damaged(#[from] DamagedRecord),
    #[error("numbers cannot be compressed: {0}")]
    Compression(#[from] pco::errors::PcoError),
    #[error("a page of the file contradicts another one")]
    Panic,
    /// The disk fails, and nothing could be tried, or the file could not be opened again.
    #[error("{0}")]
    Unusable(String),
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
    /// Whether the file is at fault, and not the disk, the moment or the caller.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Redb(error) => match &**error {
                // A table that is missing, or a page beyond the end of the file.
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
            Self::Compression(_) | Self::Unusable(_) | Self::Other(_) => false,
        }
    }

    /// Whether redb may do nothing more with the file until it is opened again.
    pub(super) fn can_end_use(&self) -> bool {
        matches!(self, Self::Redb(_) | Self::Panic)
    }

    /// Whether a panic has left something of redb behind that cannot be used again.
    pub(super) fn is_lock_poisoned(&self) -> bool {
        matches!(self, Self::Redb(error) if matches!(**error, Error::LockPoisoned(_)))
    }

    /// Whether the same can be tried again: it is the disk, which may work again, or the file has been opened anew meanwhile.
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Redb(error) => match &**error {
                // A page beyond the end of the file is damage, and asks for the disk in vain.
                Error::Io(_) => !self.is_damage(),
                Error::PreviousIo | Error::LockPoisoned(_) | Error::DatabaseClosed => true,
                _ => false,
            },
            Self::Unusable(_) => true,
            Self::Damaged(_) | Self::Compression(_) | Self::Panic | Self::Other(_) => false,
        }
    }

    /// What the caller is told. Several can be told of the same failure.
    pub(super) fn error(self: &Arc<Self>, action: &'static str, path: &Path) -> RepositoryError {
        let source: BoxError = Box::new(Shared(self.clone()));
        if self.is_damage() {
            RepositoryError::Damaged { path: path.into(), source }
        } else {
            RepositoryError::Storage { action, source }
        }
    }
}

/// Does what reads a file that may be damaged: redb can panic over one.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Panic))
}

#[derive(Debug)]
struct Shared(Arc<Failure>);

impl std::fmt::Display for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
