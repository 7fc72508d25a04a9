//! Answers that the framework's derive cannot describe.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};

/// The description of an answer in the document.
pub(crate) trait Described: Send + Sync + 'static {
    /// The meaning of the answer.
    const DESCRIPTION: &'static str;
    /// The headers of the answer, each with its meaning.
    const HEADERS: &'static [(&'static str, &'static str)] = &[];

    /// Returns the content types.
    fn content() -> Vec<MetaMediaType>;

    /// Registers the schemas of the content.
    fn register(registry: &mut Registry);
}

/// A successful answer that `D` describes.
pub(crate) struct Answer<D> {
    response: Response,
    described: PhantomData<D>,
}

impl<D> Answer<D> {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, described: PhantomData }
    }
}

impl<D: Described> IntoResponse for Answer<D> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<D: Described> ApiResponse for Answer<D> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: D::DESCRIPTION,
                status: Some(200),
                status_range: None,
                content: D::content(),
                headers: D::HEADERS.iter().map(|(name, description)| text_header(name, description)).collect(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        D::register(registry);
    }
}

/// Returns the description of an optional text header.
pub(crate) fn text_header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.into(),
        description: Some(description.into()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

/// Returns the description of content.
pub(crate) fn content(content_type: &'static str, schema: MetaSchemaRef) -> MetaMediaType {
    MetaMediaType { content_type, schema }
}
