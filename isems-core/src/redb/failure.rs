//! What can go wrong under way, and what the caller is told.

use std::{error::Error as StdError, path::Path, sync::Arc};

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
    /// What the caller is told. Several can be told of the same failure.
    pub(super) fn error(self: &Arc<Self>, action: &'static str, path: &Path) -> RepositoryError {
        let source: BoxError = Box::new(Shared(self.clone()));
        match &**self {
            Self::Redb(error) if !matches!(**error, Error::Corrupted(_)) => RepositoryError::Storage { action, source },
            Self::Compression(_) | Self::Other(_) => RepositoryError::Storage { action, source },
            Self::Redb(_) | Self::Damaged(_) | Self::Panic => RepositoryError::Damaged { path: path.into(), source },
        }
    }
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
