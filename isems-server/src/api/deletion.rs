//! Deletion of measurements.

use std::{ops::Range, sync::Arc};

use isems_core::Repository;
use jiff::tz::TimeZone;
use poem::{Request, http::StatusCode};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use serde::{Deserialize, Serialize};

use super::{
    Tag,
    access::Authorized,
    problem::{OfReadingNode, Refusal, Refused},
    query,
    rendered::Rendered,
    time::seconds,
};
use crate::time::{EVER, Moment};

/// The extent of a deletion.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(example)]
pub(crate) struct Deleted {
    /// The number of measurements deleted.
    pub(crate) deleted: u64,
}

impl Example for Deleted {
    fn example() -> Self {
        Self { deleted: 1906 }
    }
}

/// The extent of a deletion.
#[derive(ApiResponse)]
enum DeletedResponse {
    /// The measurements are deleted durably.
    #[oai(status = 200)]
    Done(Rendered<Deleted>),
}

/// The operations that delete.
pub(crate) struct DeletionApi {
    pub(crate) repository: Arc<dyn Repository>,
}

#[OpenApi(tag = "Tag::Operation")]
impl DeletionApi {
    /// Delete a node and all its measurements
    ///
    /// The node reappears when it sends something again. Requires a token.
    #[oai(path = "/api/v1/nodes/:nodeId", method = "delete", operation_id = "deleteNode")]
    async fn node(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        query::only(request, &[])?;
        delete(&*self.repository, &node, EVER).await
    }

    /// Delete measurements of a node
    ///
    /// Deletes what was measured at `from` or later, and before `to`. At least one of the two is required. Requires a
    /// token.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "delete", operation_id = "deleteMeasurements")]
    async fn measurements(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// The earliest measured time, inclusive. Unlimited by default.
        Query(from): Query<Option<Moment>>,
        /// The end of the measured times, exclusive. Unlimited by default.
        Query(to): Query<Option<Moment>>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        query::only(request, &["from", "to"])?;
        if from.is_none() && to.is_none() {
            let detail = "give from, to or both; DELETE /api/v1/nodes/NODE deletes a whole node";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, detail).into());
        }
        let seconds = seconds(from, to, &TimeZone::UTC).map_err(query::invalid)?;
        delete(&*self.repository, &node, seconds).await
    }
}

/// Deletes what a node measured within a range of Unix seconds.
async fn delete(
    repository: &dyn Repository,
    node: &str,
    seconds: Range<i64>,
) -> Result<DeletedResponse, Refused<OfReadingNode>> {
    let node = query::node(repository, node).await?;
    let deleted = repository.delete(&node.id, seconds.start, seconds.end.max(seconds.start)).await?;
    Ok(DeletedResponse::Done(Rendered::new(&Deleted { deleted }, 32)))
}
