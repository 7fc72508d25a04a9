//! JSON answers that are written directly, without a tree of JSON values in between: for a day of a node, that would
//! cost several times as much.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

/// JSON of the type `T` in the document, written by serde.
pub(crate) struct Rendered<T> {
    body: Vec<u8>,
    schema: PhantomData<fn() -> T>,
}

impl<T> Rendered<T> {
    /// Writes a value that has the JSON form of a `T`. `capacity` is its approximate size in bytes.
    pub(crate) fn new(value: &impl Serialize, capacity: usize) -> Self {
        let mut body = Vec::with_capacity(capacity);
        serde_json::to_writer(&mut body, value)
            .expect("writing to memory fails only for maps with keys that are no text");
        Self { body, schema: PhantomData }
    }
}

impl<T> Rendered<T> {
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl<T: Type> Payload for Rendered<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Rendered<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/json").body(self.body)
    }
}
