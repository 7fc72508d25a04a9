//! Deleting what is stored.

use std::ops::Range;

use isems_core::Repository;
use poem_openapi::{ApiResponse, Object, types::Example};
use serde::Serialize;

use super::{
    problem::{OfReadingNode, Refused},
    query,
    rendered::Rendered,
};

/// How much was deleted.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
pub(super) struct Deleted {
    /// How many measurements.
    deleted: u64,
}

impl Example for Deleted {
    fn example() -> Self {
        Self { deleted: 1906 }
    }
}

/// How much was deleted.
#[derive(ApiResponse)]
pub(super) enum DeletedResponse {
    /// They are gone, also after a failure of power.
    #[oai(status = 200)]
    Done(Rendered<Deleted>),
}

/// Deletes what a node measured within a range of Unix seconds.
pub(super) async fn delete(
    repository: &dyn Repository,
    node: &str,
    seconds: Range<i64>,
) -> Result<DeletedResponse, Refused<OfReadingNode>> {
    let node = query::node(repository, node).await?;
    let deleted = repository.delete(&node.id, seconds.start, seconds.end.max(seconds.start)).await?;
    Ok(DeletedResponse::Done(Rendered::new(&Deleted { deleted }, 32)))
}
