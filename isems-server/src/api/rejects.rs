//! What arrived and was not stored, for those who run the server.

use std::sync::Arc;

use isems_core::{Reject, RejectQuery, RejectReason, Repository};
use poem::{Request, Result, http::StatusCode};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Query, types::Example};
use serde::Serialize;
use tracing::error;

use super::{
    Tag,
    access::Authorized,
    problem::{Problem, ProblemJson, Refusal},
    query,
    rendered::Rendered,
};

/// How many rejects an answer has where the client does not say.
const DEFAULT_LIMIT: usize = 100;

/// The most rejects of an answer.
const MAX_LIMIT: usize = 1000;

/// About how long a reject is in JSON.
const RECORD_BYTES: usize = 400;

/// Rejects.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct Rejects {
    /// The rejects, newest first.
    rejects: Vec<Record>,
}

impl Example for Rejects {
    fn example() -> Self {
        Self { rejects: vec![Record::example()] }
    }
}

/// Something that arrived and was not stored. Its texts are of strangers: show them as text, never as HTML.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Reject", rename_all = "camelCase", example)]
struct Record {
    /// When it arrived, in Unix seconds.
    received_at: i64,
    /// The transport that brought it: `http` or `mqtt`.
    transport: String,
    /// Where it came from: a URL without credentials, or a topic.
    source: String,
    /// The node that the transport or the line names, where either could be told.
    #[oai(nullable)]
    node: Option<String>,
    /// The stable code of the reason.
    reason: String,
    /// The field at fault, where it is one.
    #[oai(nullable)]
    field: Option<String>,
    /// The line in what arrived, from 1 on.
    line: u32,
    /// The line's text, at most 512 bytes of it.
    text: String,
}

impl Example for Record {
    fn example() -> Self {
        Self {
            received_at: 1_530_364_575,
            transport: "http".into(),
            source: "http://10.36.0.7/ISEMS/ffopenmppt.log".into(),
            node: Some("Elektra-Dach".into()),
            reason: RejectReason::NumberInvalid.code().into(),
            field: Some("batteryVoltage".into()),
            line: 17,
            text: "Elektra-Dach;1;1530364575;ATmega8_A_1;711;0;18.614;18.614;14.o73".into(),
        }
    }
}

impl From<Reject> for Record {
    fn from(reject: Reject) -> Self {
        let Reject { received_at, transport, source, node, reason, field, line, text } = reject;
        Self { received_at, transport, source, node, reason: reason.code().into(), field, line, text }
    }
}

/// Rejects, or why there are none.
#[derive(ApiResponse)]
enum RejectsResponse {
    /// The rejects.
    #[oai(status = 200)]
    Found(Rendered<Rejects>),
    /// A query parameter is not known, or its value cannot be.
    #[oai(status = 400)]
    #[expect(dead_code, reason = "refusals are answered before; this tells the document")]
    Invalid(ProblemJson),
    /// The token is missing, or not known.
    #[oai(status = 401)]
    #[expect(dead_code, reason = "refusals are answered before; this tells the document")]
    Unauthorized(ProblemJson),
    /// The server knows no token at all.
    #[oai(status = 403)]
    #[expect(dead_code, reason = "refusals are answered before; this tells the document")]
    Forbidden(ProblemJson),
    /// The database cannot be read.
    #[oai(status = 500)]
    Failed(ProblemJson),
}

/// The reject log.
pub(crate) struct RejectsApi {
    pub(crate) repository: Arc<dyn Repository>,
}

#[OpenApi(tag = "Tag::Operation")]
impl RejectsApi {
    /// What arrived and was not stored
    ///
    /// The newest rejects, newest first, with the reason and the text. At least the newest 10,000 are kept. Needs a
    /// token, because the texts can be anything that anybody sent.
    #[oai(path = "/api/v1/rejects", method = "get", operation_id = "rejects")]
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
        Query(reason): Query<Option<String>>,
        /// At most this many, up to 1000; 100 if it is not said.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        Query(limit): Query<Option<u32>>,
    ) -> Result<RejectsResponse> {
        query::only(request, &["node", "transport", "reason", "limit"])?;
        let reason = reason.as_deref().map(reason_of).transpose()?;
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize).min(MAX_LIMIT);
        let wanted = RejectQuery { node, transport, reason, ..RejectQuery::newest(limit) };
        Ok(match self.repository.rejects(&wanted).await {
            Ok(page) => {
                let capacity = 32 + page.rejects.len() * RECORD_BYTES;
                let rejects = Rejects { rejects: page.rejects.into_iter().map(Into::into).collect() };
                RejectsResponse::Found(Rendered::new(&rejects, capacity))
            }
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "cannot answer a request");
                let detail = "the database cannot be read; the log of isems-server says why";
                RejectsResponse::Failed(ProblemJson(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)))
            }
        })
    }
}

fn reason_of(code: &str) -> Result<RejectReason, Refusal> {
    let reason = RejectReason::ALL.into_iter().find(|reason| reason.code() == code);
    reason.ok_or_else(|| {
        let known: Vec<&str> = RejectReason::ALL.iter().map(|reason| reason.code()).collect();
        let detail = format!("{code:?} is no reason; known are {}", known.join(", "));
        Refusal::new(StatusCode::BAD_REQUEST, detail)
    })
}

#[expect(clippy::unnecessary_wraps, reason = "an example has the type of its parameter")]
fn example_reason() -> Option<String> {
    Some(RejectReason::NumberInvalid.code().into())
}
