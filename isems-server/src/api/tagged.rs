//! Answers that are not sent again while they are unchanged.

use poem::{
    IntoResponse, Request, RequestBody, Response, Result,
    http::{HeaderValue, StatusCode, header},
    web::headers::{self, ETag, HeaderMapExt},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    payload::Payload,
    registry::{MetaParamIn, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};

use super::{
    answer::{content, text_header},
    query,
    rendered::Rendered,
};

/// The tags that a client knows, as a parameter in the document. An unreadable header names none.
#[derive(Debug)]
pub(crate) struct IfNoneMatch(Option<headers::IfNoneMatch>);

impl IfNoneMatch {
    /// Returns whether a tag is among them, by weak comparison (RFC 9110, section 13.1.2).
    fn names(&self, tag: &ETag) -> bool {
        self.0.as_ref().is_some_and(|known| !known.precondition_passes(tag))
    }

    pub(crate) fn example() -> String {
        "W/\"cf1d-5b1d9a02\"".into()
    }
}

impl<'a> ApiExtractor<'a> for IfNoneMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<String>) -> Result<Self> {
        Ok(Self(request.headers().typed_get()))
    }
}

/// Returns the tag of a body. It is weak, because it is the same whether the body is compressed or not. A checksum
/// costs a tenth of a hash, detects every change within four bytes, and misses one in four billion of all others.
pub(crate) fn tag_of(body: &[u8]) -> ETag {
    let tag = format!("W/\"{:x}-{:08x}\"", body.len(), crc32fast::hash(body));
    tag.parse().expect("hex digits in quotes are a tag")
}

/// JSON of the type `T` with an `ETag`, or 304 for a client that has it. A page can link to the next one.
pub(crate) struct Tagged<T, const IS_PAGE: bool = false> {
    rendered: Option<Rendered<T>>,
    tag: ETag,
    link: Option<String>,
}

/// A page with an `ETag`.
pub(crate) type TaggedPage<T> = Tagged<T, true>;

impl<T, const IS_PAGE: bool> Tagged<T, IS_PAGE> {
    /// Returns the answer to a client that knows some tags.
    pub(crate) fn new(known: &IfNoneMatch, rendered: Rendered<T>) -> Self {
        let tag = tag_of(rendered.body());
        Self { rendered: (!known.names(&tag)).then_some(rendered), tag, link: None }
    }
}

impl<T> TaggedPage<T> {
    /// Links to the next page, if there is one.
    pub(crate) fn leading_to(self, next: Option<&str>) -> Self {
        Self { link: next.map(query::link_to), ..self }
    }
}

impl<T: Type, const IS_PAGE: bool> IntoResponse for Tagged<T, IS_PAGE> {
    fn into_response(self) -> Response {
        let mut response = match self.rendered {
            Some(rendered) => rendered.into_response(),
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.typed_insert(self.tag);
        if let Some(Ok(link)) = self.link.map(HeaderValue::try_from) {
            headers.insert(header::LINK, link);
        }
        response
    }
}

impl<T: Type, const IS_PAGE: bool> ApiResponse for Tagged<T, IS_PAGE> {
    fn meta() -> MetaResponses {
        let response = |status, description, content| {
            let tag =
                text_header("ETag", "Send it back in `If-None-Match`: while nothing has changed, the answer is 304.");
            let link = text_header("Link", "The next page: `<PATH>; rel=\"next\"`. Not on the last page.");
            let headers = if IS_PAGE { vec![tag, link] } else { vec![tag] };
            MetaResponse { description, status: Some(status), status_range: None, content, headers }
        };
        let json = content(Rendered::<T>::CONTENT_TYPE, Rendered::<T>::schema_ref());
        MetaResponses {
            responses: vec![
                response(200, "The current state.", vec![json]),
                response(304, "Nothing has changed since the answer that `If-None-Match` names.", Vec::new()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        Rendered::<T>::register(registry);
    }
}
