//! The files that pages load.

use isems_dashboard::Asset;
use poem::{
    Request, Response,
    http::{HeaderValue, StatusCode, header},
};

use crate::api::Refusal;

/// The folder of assets.
const FOLDER: &str = "/assets/";

/// Returns whether a path is in the folder of assets, which contains nothing about nodes.
pub(crate) fn is_asset(path: &str) -> bool {
    path.starts_with(FOLDER)
}

/// Returns an asset, compressed if the client takes gzip. Its address changes with its content.
pub(super) fn answer(request: &Request) -> poem::Result<Response> {
    let path = request.original_uri().path();
    let asset = path.strip_prefix(FOLDER).and_then(Asset::find);
    let asset = asset.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such asset, or no longer"))?;
    let accepted = request.header(header::ACCEPT_ENCODING).unwrap_or_default();
    let takes_gzip = accepted.split(',').any(|coding| coding.trim() == "gzip");
    let mut response = Response::builder().content_type(asset.content_type()).body(if takes_gzip {
        asset.gzip()
    } else {
        asset.plain()
    });
    let headers = response.headers_mut();
    if takes_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
