//! The reject log, for operators of the server.

use std::sync::Arc;

use isems_core::{Reject, RejectKind, RejectQuery, RejectReason, Repository};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Query, types::Example};
use serde::{Deserialize, Serialize};

use super::{
    Tag,
    access::Authorized,
    named::Named,
    problem::{OfReading, Refused},
    query,
    rendered::Rendered,
    time::UtcTime,
};

/// The default number of rejects on a page.
const DEFAULT_LIMIT: usize = 100;

/// The maximum number of rejects on a page.
const MAX_LIMIT: usize = 1000;

/// The approximate size of a reject in JSON.
const RECORD_BYTES: usize = 400;

/// A page of the reject log.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(rename = "Rejects", example)]
pub(crate) struct RejectPage {
    /// The rejects, newest first.
    pub(crate) rejects: Vec<RejectSchema>,
    /// Path and query of the page with older rejects; null on the last one.
    #[oai(nullable)]
    pub(crate) next: Option<String>,
}

impl Example for RejectPage {
    fn example() -> Self {
        Self { rejects: vec![RejectSchema::example()], next: Some("/api/v1/rejects?cursor=41".into()) }
    }
}

/// A line that was received and not stored, or a value that was dropped from a stored line. Its texts come from
/// strangers: display them as text, never as HTML.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Reject", rename_all = "camelCase", example)]
pub(crate) struct RejectSchema {
    /// `line` for a line that was not stored, `value` for a value dropped from a line that was.
    kind: Named<RejectKind>,
    /// The time of arrival.
    received_at: UtcTime,
    /// The transport that delivered it, such as `http`, `mqtt` or `push`.
    transport: String,
    /// The origin: a URL without credentials, or a topic.
    source: String,
    /// The node that the transport or the line names, if known.
    #[oai(nullable)]
    node: Option<String>,
    /// The reason why it was not stored.
    reason: Named<RejectReason>,
    /// The field at fault, if there is one.
    #[oai(nullable)]
    field: Option<String>,
    /// The line number in what was received, from 1.
    line: u32,
    /// The text of the line or value, truncated to 512 bytes.
    text: String,
}

impl Example for RejectSchema {
    fn example() -> Self {
        Self {
            kind: Named(RejectKind::Value),
            received_at: UtcTime(1_530_364_575),
            transport: "http".into(),
            source: "http://10.36.0.7/ISEMS/ffopenmppt.log".into(),
            node: Some("Elektra-Dach".into()),
            reason: Named(RejectReason::NumberInvalid),
            field: Some("batteryVoltage".into()),
            line: 17,
            text: "14.o73".into(),
        }
    }
}

impl From<RejectSchema> for Reject {
    fn from(record: RejectSchema) -> Self {
        let RejectSchema { kind, received_at, transport, source, node, reason, field, line, text } = record;
        Self { kind: kind.0, received_at: received_at.0, transport, source, node, reason: reason.0, field, line, text }
    }
}

impl From<Reject> for RejectSchema {
    fn from(reject: Reject) -> Self {
        let Reject { kind, received_at, transport, source, node, reason, field, line, text } = reject;
        Self {
            kind: Named(kind),
            received_at: UtcTime(received_at),
            transport,
            source,
            node,
            reason: Named(reason),
            field,
            line,
            text,
        }
    }
}

/// The rejects.
#[derive(ApiResponse)]
enum RejectsResponse {
    /// The rejects.
    #[oai(status = 200)]
    Found(Rendered<RejectPage>),
}

/// The reject log.
pub(crate) struct RejectsApi {
    pub(crate) repository: Arc<dyn Repository>,
}

#[OpenApi(tag = "Tag::Operation")]
impl RejectsApi {
    /// List rejected lines and dropped values
    ///
    /// Lists lines that were received and not stored, and values that were dropped from stored lines, newest first,
    /// each with its reason and text. At least the newest 10,000 are kept. Requires a token, because the texts can be
    /// anything that anybody sent.
    #[oai(path = "/api/v1/rejects", method = "get", operation_id = "rejects")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn rejects(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// Only rejects of this node.
        Query(node): Query<Option<String>>,
        /// Only rejects of this transport, such as `http`, `mqtt` or `push`.
        Query(transport): Query<Option<String>>,
        /// Only rejects with this reason.
        #[oai(example = "example_reason")]
        Query(reason): Query<Option<Named<RejectReason>>>,
        /// The maximum number of rejects, up to 1000. 100 by default.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        Query(limit): Query<Option<u32>>,
        /// Continues where a page ended: the value in its `next`.
        #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        Query(cursor): Query<Option<u64>>,
    ) -> Result<RejectsResponse, Refused<OfReading>> {
        query::only(request, &["node", "transport", "reason", "limit", "cursor"])?;
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize).min(MAX_LIMIT);
        let reason = reason.map(|Named(reason)| reason);
        let wanted = RejectQuery { node, transport, reason, before: cursor, limit };
        let page = self.repository.rejects(&wanted).await?;
        let capacity = 32 + page.rejects.len() * RECORD_BYTES;
        let next = page.next.map(|cursor| query::next_page(request, &cursor.to_string()));
        let rejects = RejectPage { rejects: page.rejects.into_iter().map(Into::into).collect(), next };
        Ok(RejectsResponse::Found(Rendered::new(&rejects, capacity)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an example has the type of its parameter")]
fn example_reason() -> Option<Named<RejectReason>> {
    Some(Named(RejectReason::NumberInvalid))
}
