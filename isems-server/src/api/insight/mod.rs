//! The condition of the nodes, and what comes next.

mod schema;

use std::sync::Arc;

use isems_insight::{Assessment, FindingCode, Level, Watcher, assess_all, assess_node};
use jiff::tz::TimeZone;
use poem::{Request, http::StatusCode};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

pub(crate) use self::schema::{Insight, Insights};
use super::{
    Tag,
    named::Named,
    problem::{OfReading, OfReadingNode, Refusal, Refused},
    query,
    rendered::Rendered,
    tagged::{IfNoneMatch, Tagged},
};
use crate::time::Moment;

/// The approximate size of an assessment in JSON.
const ASSESSMENT_BYTES: usize = 3000;

/// The operations that read assessments.
pub(crate) struct InsightApi {
    pub(crate) watcher: Watcher,
}

#[OpenApi]
impl InsightApi {
    /// Get the insight of all nodes
    ///
    /// The condition of every node and what comes next, the node that most needs attention first. With `at`, only data
    /// stored with an earlier measured time is used, so that every forecast can be checked afterwards; that reads a
    /// month of every node. Without it, the answer is the newest assessment, at most ten minutes old.
    #[oai(path = "/api/v1/insight", method = "get", operation_id = "insight", tag = "Tag::Nodes")]
    async fn insight(
        &self,
        request: &Request,
        /// The time of the assessment. Now by default.
        Query(at): Query<Option<Moment>>,
        /// Only nodes of this level.
        Query(level): Query<Option<Named<Level>>>,
        /// Only nodes with a finding of this kind.
        Query(code): Query<Option<Named<FindingCode>>>,
        /// ETags of answers that the client has. If one of them is current, the answer is 304.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
    ) -> Result<Tagged<Insights>, Refused<OfReading>> {
        query::only(request, &["at", "level", "code"])?;
        let at = instant(at)?;
        let assessments = self.assessments(at).await?;
        let is_wanted = |assessment: &&Arc<Assessment>| {
            level.is_none_or(|Named(level)| assessment.level == level)
                && code.is_none_or(|Named(code)| assessment.finding(code).is_some())
        };
        let wanted = assessments.iter().filter(is_wanted);
        let insights = Insights { nodes: wanted.map(|assessment| Insight::from(&**assessment)).collect() };
        let capacity = 64 + insights.nodes.len() * ASSESSMENT_BYTES;
        Ok(Tagged::new(&known, Rendered::new(&insights, capacity)))
    }

    /// Get the insight of a node
    ///
    /// The node's condition and what comes next. `at` works as for all nodes.
    #[oai(path = "/api/v1/nodes/:nodeId/insight", method = "get", operation_id = "nodeInsight", tag = "Tag::Nodes")]
    async fn node_insight(
        &self,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// The time of the assessment. Now by default.
        Query(at): Query<Option<Moment>>,
        /// ETags of answers that the client has. If one of them is current, the answer is 304.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
    ) -> Result<Tagged<Insight>, Refused<OfReadingNode>> {
        query::only(request, &["at"])?;
        let at = instant(at)?;
        let id = query::node(&**self.watcher.repository(), &node).await?.id.clone();
        let assessment = match at {
            None => self.watcher.assessment(&id),
            Some(at) => assess_node(&**self.watcher.repository(), &id, at).await?.map(Arc::new),
        };
        let assessment = assessment.ok_or_else(|| {
            let detail = match at {
                None => format!("node {node:?} was not assessed yet; that takes some seconds after the server's start"),
                Some(_) => format!("nothing was measured by node {node:?} before that time"),
            };
            Refusal::new(StatusCode::NOT_FOUND, detail)
        })?;
        Ok(Tagged::new(&known, Rendered::new(&Insight::from(&*assessment), ASSESSMENT_BYTES)))
    }
}

impl InsightApi {
    /// Returns the assessments at a time, or the newest ones, the worst first.
    async fn assessments(&self, at: Option<i64>) -> Result<Vec<Arc<Assessment>>, Refusal> {
        let Some(at) = at else { return Ok(self.watcher.assessments()) };
        let assessments = assess_all(&**self.watcher.repository(), at).await?;
        Ok(assessments.into_iter().map(Arc::new).collect())
    }
}

/// Returns the time that a request names.
fn instant(at: Option<Moment>) -> Result<Option<i64>, Refusal> {
    at.map(|at| at.second(&TimeZone::UTC)).transpose().map_err(query::invalid)
}
