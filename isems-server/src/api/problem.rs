//! Errors as clients see them: problem details (RFC 9457).

use std::{any::Any, borrow::Cow, marker::PhantomData, sync::Arc};

use isems_core::{RedbRepository, RepositoryError};
use poem::{
    IntoResponse, Response,
    error::{CorsError, ResponseError},
    http::{HeaderValue, StatusCode, header},
    middleware::PanicHandler,
};
use poem_openapi::{
    ApiResponse, Object,
    error::ParseParamError,
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{Example, Type},
};
use serde::{Deserialize, Serialize};
use tracing::error;

/// A problem, and what to do about it.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(example)]
pub(crate) struct Problem {
    /// The kind of problem; `about:blank` means that the status says it all.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub(super) kind: String,
    /// The status in words.
    pub(super) title: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// An explanation of this occurrence, and what to do about it.
    pub(crate) detail: String,
}

impl Example for Problem {
    fn example() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the database; the log of isems-server says why")
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }
}

/// A [`Problem`] with its content type.
pub(crate) struct ProblemJson(pub(crate) Problem);

impl Payload for ProblemJson {
    const CONTENT_TYPE: &'static str = "application/problem+json";

    fn schema_ref() -> MetaSchemaRef {
        Problem::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl IntoResponse for ProblemJson {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        Response::builder().status(status).content_type(Self::CONTENT_TYPE).body(body)
    }
}

/// A refused request, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Refusal {
    status: StatusCode,
    detail: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<RepositoryError> for Refusal {
    /// Clients are told less than the log.
    fn from(error: RepositoryError) -> Self {
        error!(error = &error as &dyn std::error::Error, "cannot answer a request");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the database cannot be read or written; the log of isems-server says why",
        )
    }
}

/// The problems that an operation can answer with.
pub(crate) trait Problems: Send + Sync + 'static {
    /// The statuses, each with its meaning.
    const STATUSES: &'static [(u16, &'static str)];
}

/// The problems of reading.
#[derive(Debug)]
pub(crate) enum OfReading {}

impl Problems for OfReading {
    const STATUSES: &'static [(u16, &'static str)] = &[INVALID, UNAUTHORIZED, FORBIDDEN, FAILED];
}

/// The problems of reading something of a node.
#[derive(Debug)]
pub(crate) enum OfReadingNode {}

impl Problems for OfReadingNode {
    const STATUSES: &'static [(u16, &'static str)] = &[INVALID, UNAUTHORIZED, FORBIDDEN, NODE_UNKNOWN, FAILED];
}

pub(crate) const INVALID: (u16, &str) = (400, "A parameter is unknown, or its value is invalid; `detail` says which.");
pub(crate) const UNAUTHORIZED: (u16, &str) = (401, "A token is required; it is missing or unknown.");
pub(crate) const FORBIDDEN: (u16, &str) = (403, "A token is required, but the server has none configured.");
pub(crate) const NODE_UNKNOWN: (u16, &str) = (404, "There is no such node.");
pub(crate) const FAILED: (u16, &str) = (500, "The database cannot be read or written.");

/// The problems of operations on the database file.
#[derive(Debug)]
pub(crate) enum OfFile {}

impl Problems for OfFile {
    const STATUSES: &'static [(u16, &'static str)] =
        &[INVALID, UNAUTHORIZED, FORBIDDEN, (409, "There is no database file."), FAILED];
}

/// Returns the database file, which an operation needs.
pub(crate) fn file_of(database: Option<&Arc<RedbRepository>>) -> Result<&Arc<RedbRepository>, Refusal> {
    database.ok_or_else(|| Refusal::new(StatusCode::CONFLICT, "there is no database file"))
}

/// The error of an operation: a [`Refusal`] with a status from the documented set.
#[derive(Debug)]
pub(crate) struct Refused<P> {
    refusal: Refusal,
    problems: PhantomData<P>,
}

impl<P, E: Into<Refusal>> From<E> for Refused<P> {
    fn from(error: E) -> Self {
        Self { refusal: error.into(), problems: PhantomData }
    }
}

impl<P> From<Refused<P>> for poem::Error {
    fn from(refused: Refused<P>) -> Self {
        refused.refusal.into()
    }
}

impl<P: Problems> ApiResponse for Refused<P> {
    fn meta() -> MetaResponses {
        let response = |(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType { content_type: ProblemJson::CONTENT_TYPE, schema: ProblemJson::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: P::STATUSES.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemJson::register(registry);
    }
}

/// The time after which a client should try again when there is too much to do.
const RETRY_AFTER_SECONDS: u16 = 30;

/// Turns every error, ours or the framework's, into a problem.
pub(crate) async fn problem_of(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    let status = error.status();
    let detail = match status {
        _ if error.is::<Refusal>() => error.to_string(),
        StatusCode::NOT_FOUND => "there is nothing at this path; /docs shows what there is".into(),
        StatusCode::METHOD_NOT_ALLOWED => "this path does not have this method; /docs shows those it has".into(),
        _ if error.is::<CorsError>() => {
            "web pages of this origin may not read here; add the origin to ISEMS_CORS_ORIGINS".into()
        }
        status if status.is_server_error() => {
            error!(%error, "cannot answer a request");
            "isems-server failed to process this request; its log says more".into()
        }
        _ => match error.downcast_ref::<ParseParamError>() {
            Some(ParseParamError { name, reason }) => {
                format!("the parameter {name} is invalid: {}", in_words(reason))
            }
            None => error.to_string(),
        },
    };
    let mut response = ProblemJson(Problem::new(status, detail)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"isems\""));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    response
}

/// Says in words why the framework cannot parse a parameter, without its names of types and validators.
fn in_words(reason: &str) -> String {
    let typed = reason.strip_prefix("failed to parse \"").and_then(|reason| reason.split_once("\": "));
    let reason = typed.map_or(reason, |(_, reason)| reason);
    let reason = reason.split_once(" (occurred while parsing \"").map_or(reason, |(reason, _)| reason);
    let rule = reason.strip_prefix("verification failed. ").and_then(|rule| rule.strip_suffix(')'));
    let Some((rule, argument)) = rule.and_then(|rule| rule.split_once('(')) else { return reason.into() };
    let bound = argument.split(',').next().unwrap_or_default();
    match rule {
        "minimum" => format!("it must be at least {bound}"),
        "maximum" => format!("it must be at most {bound}"),
        "pattern" => format!("it must match {argument}"),
        _ => format!("{rule}({argument})"),
    }
}

/// Tells a client that a handler panicked. The panic itself is in the log.
#[derive(Clone)]
pub(crate) struct ProblemOfPanic;

impl PanicHandler for ProblemOfPanic {
    type Response = ProblemJson;

    fn get_response(&self, _: Box<dyn Any + Send>) -> ProblemJson {
        let detail = "isems-server failed to process this request; its log says more";
        ProblemJson(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
    }
}
