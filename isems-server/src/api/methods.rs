//! Which methods a path has, for those who try another one.

use std::{collections::BTreeMap, sync::Arc};

use poem::{
    Endpoint, Request, Response, Result,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::Value;

/// The methods of the paths of the document.
pub(super) struct Methods {
    /// By the segments of a path; one in braces stands for any.
    allowed: BTreeMap<Vec<String>, HeaderValue>,
}

impl Methods {
    /// Reads them from the document.
    pub(super) fn of(document: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(document).expect("the framework has written it");
        let paths = document["paths"].as_object().expect("a document has paths").iter();
        let allowed = paths.map(|(path, operations)| {
            let methods = operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
            let mut methods: Vec<String> = methods.collect();
            // The framework answers HEAD wherever it answers GET.
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".into());
            }
            let methods = HeaderValue::try_from(methods.join(", ")).expect("methods are visible ASCII");
            (segments(path).map(Into::into).collect(), methods)
        });
        Self { allowed: allowed.collect() }
    }

    /// Adds `Allow` to an answer that says that a path has no such method (RFC 9110, section 15.5.6).
    pub(super) async fn tell(
        self: Arc<Self>,
        routes: Arc<impl Endpoint<Output = Response>>,
        request: Request,
    ) -> Result<Response> {
        let uri = request.original_uri().clone();
        let mut response = routes.call(request).await?;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            // The pages, which the document does not describe, can be read.
            let allowed = self.of_path(uri.path()).cloned().unwrap_or(HeaderValue::from_static("GET, HEAD"));
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        Ok(response)
    }

    fn of_path(&self, path: &str) -> Option<&HeaderValue> {
        let matching = |path: &str| {
            let stands_for = |(name, segment): (&String, &str)| name == segment || name.starts_with('{');
            let fits = |names: &&Vec<String>| {
                names.len() == segments(path).count() && names.iter().zip(segments(path)).all(stands_for)
            };
            // A path that names its segments goes before one that has any: braces come after letters.
            self.allowed.iter().find(|(names, _)| fits(names)).map(|(_, allowed)| allowed)
        };
        matching(path).or_else(|| matching(path.strip_prefix("/api")?))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
}
