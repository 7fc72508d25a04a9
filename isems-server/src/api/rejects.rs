//! The reject log, for those who run the server.

use std::sync::Arc;

use isems_core::{Reject, RejectKind, RejectQuery, RejectReason, Repository};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Query, types::Example};
use serde::Serialize;

use super::{
    Tag,
    access::Authorized,
    named::Named,
    problem::{OfReading, Refused},
    query,
    rendered::Rendered,
    time::UtcTime,
};

/// The number of rejects in an answer where the client does not say.
const DEFAULT_LIMIT: usize = 100;

/// The most rejects of an answer.
const MAX_LIMIT: usize = 1000;

/// The length of a reject in JSON, about.
const RECORD_BYTES: usize = 400;

/// A page of the reject log.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Rejects", example)]
struct RejectPage {
    /// The rejects, newest first.
    rejects: Vec<Record>,
    /// Path and query of the page of older ones; null where there are none.
    #[oai(nullable)]
    next: Option<String>,
}

impl Example for RejectPage {
    fn example() -> Self {
        Self { rejects: vec![Record::example()], next: Some("/api/v1/rejects?cursor=41".into()) }
    }
}

/// A line that arrived and was not stored, or a value that was dropped from one that was. Its texts are of strangers: show
/// them as text, never as HTML.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Reject", rename_all = "camelCase", example)]
struct Record {
    /// The kind: `line` was not stored, `value` was dropped from a line that is stored without it.
    kind: Named<RejectKind>,
    /// When it arrived.
    received_at: UtcTime,
    /// The transport that brought it: `http` or `mqtt`.
    transport: String,
    /// Where it came from: a URL without credentials, or a topic.
    source: String,
    /// The node that the transport or the line names, where either could be told.
    #[oai(nullable)]
    node: Option<String>,
    /// The reason why it was not stored.
    reason: Named<RejectReason>,
    /// The field at fault, where it is one.
    #[oai(nullable)]
    field: Option<String>,
    /// The line in what arrived, from 1 on.
    line: u32,
    /// The text of the line or the value, at most 512 bytes of it.
    text: String,
}

impl Example for Record {
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

impl From<Reject> for Record {
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
    /// Rejected lines and dropped values
    ///
    /// The newest lines that arrived and were not stored, and the newest values that were dropped from lines that were, newest
    /// first, each with the reason and its text. At least the newest 10,000 are kept. Needs a
    /// token, because the texts can be anything that anybody sent.
    #[oai(path = "/api/v1/rejects", method = "get", operation_id = "rejects")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn rejects(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// Only those that name this node.
        Query(node): Query<Option<String>>,
        /// Only those of this transport: `http` or `mqtt`.
        Query(transport): Query<Option<String>>,
        /// Only those with this reason.
        #[oai(example = "example_reason")]
        Query(reason): Query<Option<Named<RejectReason>>>,
        /// At most this many, up to 1000; 100 if it is not said.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        Query(limit): Query<Option<u32>>,
        /// Goes on where a page ended: what its `next` says.
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
