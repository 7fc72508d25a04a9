//! Limits on requests.

use poem::{
    Request, Result,
    http::{HeaderMap, StatusCode, header},
};

use super::problem::Refusal;

/// The maximum size of a path with its query, in bytes. A node's name has at most 128, or 384 when percent-encoded.
const MAX_TARGET_BYTES: usize = 4 << 10;

/// The maximum number of header fields.
const MAX_HEADERS: usize = 64;

/// The maximum size of all header fields together, names and values, in bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// The maximum size of a body, in bytes.
pub(super) const MAX_BODY_BYTES: u64 = 1 << 20;

/// Refuses requests that are too large before they are processed.
pub(super) async fn check(request: Request) -> Result<Request> {
    let refuse = |status, detail: String| Err(Refusal::new(status, detail).into());
    let target = request.original_uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        let detail = format!("the path with its query has {target} bytes; at most {MAX_TARGET_BYTES} are accepted");
        return refuse(StatusCode::URI_TOO_LONG, detail);
    }
    let headers = request.headers();
    if headers.len() > MAX_HEADERS {
        let detail = format!("the request has {} header fields; at most {MAX_HEADERS} are accepted", headers.len());
        return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail);
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        let detail = format!("the header fields have {bytes} bytes; at most {MAX_HEADER_BYTES} are accepted");
        return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail);
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let detail = "a request with a body must give its length in Content-Length".into();
        return refuse(StatusCode::LENGTH_REQUIRED, detail);
    }
    match content_length(headers) {
        Some(bytes) if bytes > MAX_BODY_BYTES => {
            let detail = format!("the body has {bytes} bytes; at most {MAX_BODY_BYTES} are accepted");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        _ => Ok(request),
    }
}

/// Returns the length of the body. The protocol's parser has already refused anything but a number.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
