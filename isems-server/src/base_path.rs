//! The path prefix under which a proxy shows the service.

use std::{fmt, str::FromStr};

use poem::{
    Request,
    http::{self, Uri},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The header in which a proxy tells the prefix that it has removed from the path.
const FORWARDED: &str = "x-forwarded-prefix";

/// The first segments of the service's own paths. A prefix that begins like one of them could not be told from it.
const OWN: [&str; 17] = [
    "alerts",
    "api",
    "assets",
    "collector",
    "docs",
    "healthz",
    "manifest.webmanifest",
    "map",
    "measurements",
    "metrics",
    "nodes",
    "openapi.json",
    "preferences",
    "readyz",
    "sign-in",
    "sign-out",
    "tiles",
];

/// The path prefix under which a proxy shows the service, such as `/mesh`; empty for none. Its letters need no escaping
/// in an address, in markup, or in a cookie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

/// The prefix that holds for a request.
#[derive(Debug, Clone)]
struct Shown(BasePath);

impl BasePath {
    /// Returns the prefix without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the prefix that holds for a request which has passed [`BasePath::remove`].
    pub(crate) fn of(request: &Request) -> &str {
        request.data::<Shown>().map_or("", |shown| shown.0.as_str())
    }

    /// Removes the prefix from the path of a request, if the proxy has left it there, and notes the prefix that holds:
    /// the one in the proxy's header, or this one.
    pub(crate) fn remove(&self, request: Request) -> Request {
        let forwarded = request.header(FORWARDED).and_then(|prefix| path(prefix).ok());
        let shown = forwarded.filter(|prefix| !prefix.is_empty()).map_or_else(|| self.clone(), Self);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let rest = target.strip_prefix(self.as_str()).filter(|_| !self.is_empty());
        let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let rest = rest.map(|rest| if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") });
        let mut request = match rest.and_then(|rest| Uri::try_from(rest).ok()) {
            Some(uri) => at(request, uri),
            None => request,
        };
        request.set_data(Shown(shown));
        request
    }
}

/// Makes a request as if it had come for another address. The framework lets only the address change by which it
/// routes, and not the original one.
fn at(request: Request, uri: Uri) -> Request {
    let from = (request.local_addr().clone(), request.remote_addr().clone(), request.scheme().clone());
    let (old, body) = request.into_parts();
    let (mut head, ()) = http::Request::new(()).into_parts();
    (head.method, head.uri, head.version) = (old.method, uri, old.version);
    (head.headers, head.extensions) = (old.headers, old.extensions);
    Request::from_parts((head, from.0, from.1, from.2).into(), body)
}

/// Returns a path without slashes at its end, if it consists of segments that need no escaping.
fn path(text: &str) -> Result<String, InvalidBasePath> {
    let is_segment = |segment: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_plain)
    };
    let path = text.trim().trim_end_matches('/');
    let is_path = path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment));
    if is_path || path.is_empty() {
        return Ok(path.into());
    }
    let needed = "expected a path of letters, digits and - _ . ~, such as /mesh";
    Err(InvalidBasePath(format!("invalid prefix {text:?}: {needed}")))
}

impl FromStr for BasePath {
    type Err = InvalidBasePath;

    fn from_str(text: &str) -> Result<Self, InvalidBasePath> {
        let path = path(text)?;
        let first = path.split('/').nth(1).unwrap_or_default();
        if OWN.contains(&first) {
            let detail =
                format!("invalid prefix {text:?}: the service has paths below /{first} itself; choose another");
            return Err(InvalidBasePath(detail));
        }
        Ok(Self(path))
    }
}

/// A text that is no prefix. The message says what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidBasePath(String);

impl fmt::Display for BasePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for BasePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BasePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
