//! Deleting what is stored.

use std::{ops::Range, sync::Arc};

use isems_core::Repository;
use jiff::tz::TimeZone;
use poem::{Request, http::StatusCode};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use serde::Serialize;

use super::{
    Tag,
    access::Authorized,
    problem::{OfReadingNode, Refusal, Refused},
    query,
    rendered::Rendered,
    time::seconds,
};
use crate::time::{EVER, Moment};

/// How much was deleted.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct Deleted {
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
enum DeletedResponse {
    /// They are gone, also after a failure of power.
    #[oai(status = 200)]
    Done(Rendered<Deleted>),
}

/// Deleting.
pub(crate) struct DeletionApi {
    pub(crate) repository: Arc<dyn Repository>,
}

#[OpenApi(tag = "Tag::Operation")]
impl DeletionApi {
    /// Delete a node with all its measurements
    ///
    /// It comes back when it sends something again. Needs a token.
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
    /// Those that were measured from one time on and before another one; at least one of them has to be named. Needs a token.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "delete", operation_id = "deleteMeasurements")]
    async fn measurements(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// Not before this measured time; from the beginning if it is not said.
        Query(from): Query<Option<Moment>>,
        /// Before this measured time; to the end if it is not said.
        Query(to): Query<Option<Moment>>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        query::only(request, &["from", "to"])?;
        if from.is_none() && to.is_none() {
            let detail = "name from or to, or both; DELETE /api/v1/nodes/NODE deletes all of a node";
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
