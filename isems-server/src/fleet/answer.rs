//! The answer to a request for a log, with conditional and range requests as on routers' web servers.

use std::{
    ops::Bound,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use poem::{
    Response,
    http::{HeaderMap, StatusCode},
    web::headers::{
        AcceptRanges, ContentRange, ContentType, ETag, HeaderMapExt, IfModifiedSince, IfNoneMatch, IfRange,
        LastModified, Range,
    },
};

use super::log::Content;

impl Content {
    /// Returns the answer to a request: the whole log, a range, or that nothing has changed.
    pub(super) fn answer(self, request: &HeaderMap, content_type: ContentType) -> Response {
        let Self { bytes, written_at } = self;
        let length = bytes.len() as u64;
        let modified = UNIX_EPOCH + Duration::from_secs(written_at.max(0) as u64);
        let tag = format!("\"{written_at:x}-{length:x}\"").parse::<ETag>().ok();
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.typed_insert(content_type);
        headers.typed_insert(AcceptRanges::bytes());
        headers.typed_insert(LastModified::from(modified));
        if let Some(tag) = &tag {
            headers.typed_insert(tag.clone());
        }
        if is_known(request, tag.as_ref(), modified) {
            response.set_status(StatusCode::NOT_MODIFIED);
            return response;
        }
        let whole_if = |condition: IfRange| condition.is_modified(tag.as_ref(), Some(&modified.into()));
        let range = if request.typed_get().is_some_and(whole_if) { None } else { request.typed_get() };
        match range.and_then(|range| single(&range, length)) {
            None => response.set_body(bytes),
            Some(range) if range.is_empty() => {
                response.set_status(StatusCode::RANGE_NOT_SATISFIABLE);
                response.headers_mut().typed_insert(ContentRange::unsatisfied_bytes(length));
            }
            Some(range) => {
                response.set_status(StatusCode::PARTIAL_CONTENT);
                if let Ok(range) = ContentRange::bytes(range.clone(), length) {
                    response.headers_mut().typed_insert(range);
                }
                response.set_body(bytes.slice(range.start as usize..range.end as usize));
            }
        }
        response
    }
}

/// Returns whether the client already has the content. A tag takes precedence over a time.
fn is_known(request: &HeaderMap, tag: Option<&ETag>, modified: SystemTime) -> bool {
    if let Some(condition) = request.typed_get::<IfNoneMatch>() {
        return tag.is_some_and(|tag| !condition.precondition_passes(tag));
    }
    request.typed_get::<IfModifiedSince>().is_some_and(|condition| !condition.is_modified(modified))
}

/// Returns the bytes of a request for one range, empty if there are none. A request for several ranges gets the whole.
fn single(range: &Range, length: u64) -> Option<std::ops::Range<u64>> {
    let mut ranges = range.satisfiable_ranges(length);
    let (Some((Bound::Included(first), last)), None) = (ranges.next(), ranges.next()) else { return None };
    let end = match last {
        Bound::Included(last) => length.min(last.saturating_add(1)),
        _ => length,
    };
    Some(first..end)
}
