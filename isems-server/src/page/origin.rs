//! Requests of pages of this server.

use poem::{
    Request, Result,
    http::{HeaderMap, HeaderName, StatusCode, Uri, header, uri::Authority},
};

use crate::api::Refusal;

/// Removes the origin of a request that comes from a page of this server: it is not from elsewhere.
pub(crate) async fn forget_own_origin(mut request: Request) -> Result<Request> {
    if is_own(request.headers()) {
        request.headers_mut().remove(header::ORIGIN);
    }
    Ok(request)
}

/// Returns whether the origin is the host that the request was sent to.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin.as_ref().and_then(Uri::authority).map(Authority::as_str);
    let forwarded = text(HeaderName::from_static("x-forwarded-host"));
    origin.is_some() && (origin == text(header::HOST) || origin == forwarded)
}

/// Refuses a form that another site's page sends.
pub(crate) fn check(request: &Request) -> Result<(), Refusal> {
    // The own origin was removed.
    let is_foreign = request.headers().contains_key(header::ORIGIN)
        || request.header("sec-fetch-site").is_some_and(|site| !["same-origin", "none"].contains(&site));
    if is_foreign {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "another site's page sent this"));
    }
    Ok(())
}
