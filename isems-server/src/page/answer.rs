//! A page as an answer.

use maud::Markup;
use poem::{
    Request, Response,
    http::{HeaderValue, StatusCode, header},
    web::headers::{HeaderMapExt, IfNoneMatch},
};

use crate::{BasePath, api::tag_of};

/// The policy of pages: everything comes from this server, and nothing is written into the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Returns the answer with a page, which is not sent again while it is unchanged.
pub(super) fn page(request: &Request, page: Markup) -> Response {
    let text = page.into_string();
    let tag = tag_of(text.as_bytes());
    let is_known = request.headers().typed_get().is_some_and(|known: IfNoneMatch| !known.precondition_passes(&tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into()
    } else {
        Response::builder().content_type("text/html; charset=utf-8").body(text)
    };
    let headers = response.headers_mut();
    headers.typed_insert(tag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    // So that browsers send the origin of a form to this server, and nothing to others.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Returns the answer with a page that may also load pictures of another origin.
pub(super) fn page_with_pictures(request: &Request, page: Markup, origin: Option<&str>) -> Response {
    let mut response = self::page(request, page);
    let policy = origin.and_then(|origin| {
        let policy = POLICY.to_str().ok()?.replacen("img-src 'self'", &format!("img-src 'self' {origin}"), 1);
        HeaderValue::try_from(policy).ok()
    });
    if let Some(policy) = policy {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        // Hosts of tiles require to be told where they are shown.
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
    response
}

/// Returns the answer with a chart, to be saved or shown by itself. Its looks are in it, and it runs and loads nothing.
pub(super) fn svg(svg: String) -> Response {
    Response::builder()
        .content_type("image/svg+xml")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        .header(header::CACHE_CONTROL, "no-cache")
        .body(svg)
}

/// Returns the answer with the manifest.
pub(super) fn manifest(request: &Request) -> Response {
    Response::builder()
        .content_type("application/manifest+json")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(isems_dashboard::manifest(BasePath::of(request)))
}
