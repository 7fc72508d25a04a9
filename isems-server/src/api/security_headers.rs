//! Security headers of answers.

use base64::{Engine, prelude::BASE64_STANDARD};
use poem::{
    Response, Result,
    http::{HeaderName, HeaderValue, header},
};
use ring::digest::{SHA256, digest};

/// The policy for answers that are not pages: nothing is loaded, run or framed, should a browser mistake one for a
/// page.
const NO_PAGE: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");

/// Adds the security headers that an answer does not have.
pub(super) async fn add(response: Result<Response>) -> Result<Response> {
    let mut response = response?;
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value| {
        headers.entry(name).or_insert(value);
    };
    add(header::CONTENT_SECURITY_POLICY, NO_PAGE);
    add(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    add(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Returns the policy of the documentation page: only its own scripts run, identified by their hashes; requests go to
/// this server only. Swagger UI sets style attributes, and has its pictures as data.
pub(super) fn policy_of_page(page: &str) -> HeaderValue {
    let hash = |script: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, script.as_bytes())));
    let scripts = scripts_of(page).map(hash).collect::<Vec<_>>().join(" ");
    let policy = format!(
        "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("hashes in base64 are visible ASCII")
}

/// Returns the texts of the inline scripts of a page. What looks like the beginning of one inside a script is none.
fn scripts_of(page: &str) -> impl Iterator<Item = &str> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let (_, tag) = rest.split_once("<script")?;
        let (script, after) = tag.split_once('>')?.1.split_once("</script>")?;
        rest = after;
        Some(script)
    })
}
