//! The paths of the document, and requests that miss them.

use std::{collections::BTreeMap, sync::Arc};

use poem::{
    Endpoint, Request, Response, Result,
    http::{HeaderValue, StatusCode, Uri, header},
};
use serde_json::Value;

/// Every path is also served below this prefix, which proxies in front of the original removed.
const PREFIX: &str = "/api";

/// The paths of the document with their methods.
pub(super) struct Paths {
    /// The methods by the segments of a path; a segment in braces matches any.
    methods: BTreeMap<Vec<String>, HeaderValue>,
}

impl Paths {
    /// Reads the paths of the document.
    pub(super) fn of(document: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(document).expect("the framework has written it");
        let paths = document["paths"].as_object().expect("a document has paths").iter();
        let methods = paths.map(|(path, operations)| {
            let methods = operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
            let mut methods: Vec<String> = methods.collect();
            // The framework answers HEAD wherever it answers GET.
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".into());
            }
            let methods = HeaderValue::try_from(methods.join(", ")).expect("methods are visible ASCII");
            (segments(path).map(Into::into).collect(), methods)
        });
        Self { methods: methods.collect() }
    }

    /// Routes a request below the [prefix](PREFIX) to the path without it, unless the document has the path as it is.
    pub(super) fn at_documented_path(&self, mut request: Request) -> Request {
        let path = request.uri().path();
        if without_prefix(path).is_some() && self.methods_of(path).is_none() {
            let target = request.uri().path_and_query().map_or("", |target| target.as_str());
            let target = target.strip_prefix(PREFIX).unwrap_or(target);
            let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
            // A part of a valid URI is valid.
            if let Ok(uri) = Uri::try_from(target) {
                *request.uri_mut() = uri;
            }
        }
        request
    }

    /// Adds `Allow` to the answer for an unsupported method (RFC 9110, section 15.5.6).
    pub(super) async fn tell_methods(
        self: Arc<Self>,
        routes: Arc<impl Endpoint<Output = Response>>,
        request: Request,
    ) -> Result<Response> {
        let uri = request.original_uri().clone();
        let mut response = routes.call(request).await?;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let path = uri.path();
            let methods = self.methods_of(path).or_else(|| self.methods_of(without_prefix(path)?));
            // Pages that the document does not describe can be read.
            let methods = methods.cloned().unwrap_or(HeaderValue::from_static("GET, HEAD"));
            response.headers_mut().insert(header::ALLOW, methods);
        }
        Ok(response)
    }

    /// Returns the methods of a path, if the document has it.
    fn methods_of(&self, path: &str) -> Option<&HeaderValue> {
        let stands_for = |(name, segment): (&String, &str)| name == segment || name.starts_with('{');
        let fits = |names: &&Vec<String>| {
            names.len() == segments(path).count() && names.iter().zip(segments(path)).all(stands_for)
        };
        // A path of literal segments takes precedence: braces sort after letters.
        self.methods.iter().find(|(names, _)| fits(names)).map(|(_, methods)| methods)
    }
}

/// Returns the path below the [prefix](PREFIX).
fn without_prefix(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
}
