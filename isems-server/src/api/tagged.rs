//! Answers that need not be sent again while they are as they were.

use std::hash::{DefaultHasher, Hash, Hasher};

use poem::{
    IntoResponse, Request, Response,
    http::{HeaderMap, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    payload::Payload,
    registry::{MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{
    answer::{content, text_header},
    rendered::Rendered,
};

/// JSON of the type `T` with an `ETag`, or 304 for a client that has it.
pub(crate) struct Tagged<T> {
    rendered: Option<Rendered<T>>,
    tag: String,
}

impl<T: Type> Tagged<T> {
    /// An answer to a request.
    pub(crate) fn new(request: &Request, rendered: Rendered<T>) -> Self {
        let mut hasher = DefaultHasher::new();
        rendered.body().hash(&mut hasher);
        // Weak: it is the same for the body as it is and compressed.
        let tag = format!("W/\"{:016x}\"", hasher.finish());
        let is_known = is_known(request.headers(), &tag);
        Self { rendered: (!is_known).then_some(rendered), tag }
    }
}

/// Whether `If-None-Match` names a tag, by the weak comparison (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

impl<T: Type> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = match self.rendered {
            Some(rendered) => rendered.into_response(),
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        let headers = response.headers_mut();
        let tag = self.tag.try_into().expect("hex digits and quotes can stand in a header");
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache"));
        response
    }
}

impl<T: Type> ApiResponse for Tagged<T> {
    fn meta() -> MetaResponses {
        let tag = || {
            vec![text_header("ETag", "Send it back in `If-None-Match`: while nothing has changed, 304 is the answer.")]
        };
        let response = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: tag(),
        };
        let json = content(Rendered::<T>::CONTENT_TYPE, Rendered::<T>::schema_ref());
        MetaResponses {
            responses: vec![
                response(200, "What was asked for.", vec![json]),
                response(304, "It is still what `If-None-Match` names.", Vec::new()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        Rendered::<T>::register(registry);
    }
}
