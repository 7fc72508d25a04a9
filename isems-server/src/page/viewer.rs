//! The viewer of a page, as the request tells.

use isems_dashboard::{Kiosk, Language, Theme, Viewer};
use isems_insight::Snapshot;
use jiff::tz::TimeZone;
use poem::{
    Request, Response,
    http::{HeaderValue, header},
};

use super::parameters;
use crate::{BasePath, api::Access, time::time_zone};

/// Returns the viewer at a moment, Unix seconds, UTC.
pub(super) fn of(request: &Request, zone: &TimeZone, now: i64) -> Viewer {
    let access = Access::of(request);
    let theme = cookie(request, "theme").and_then(|name| Theme::ALL.into_iter().find(|theme| theme.name() == name));
    let language = cookie(request, "language").and_then(language);
    let zone = cookie(request, "zone").and_then(|name| time_zone(name).ok()).unwrap_or_else(|| zone.clone());
    let path = request.original_uri().path_and_query().map_or("/", |path| path.as_str());
    Viewer {
        language: language.unwrap_or_else(|| preferred(request.header(header::ACCEPT_LANGUAGE).unwrap_or_default())),
        theme: theme.unwrap_or_default(),
        time_zone: zone,
        now,
        base: BasePath::of(request).into(),
        path: path.into(),
        kiosk: None,
        signed_in: access.session(request).map(|name| name.to_string()),
        can_sign_in: !access.tokens.is_empty(),
    }
}

/// Returns the viewer of a page that shows the mesh, which may be a display on a wall.
pub(super) fn of_mesh(request: &Request, zone: &TimeZone, snapshot: &Snapshot) -> Viewer {
    let is_kiosk = parameters(request).iter().any(|(name, _)| name == "kiosk");
    Viewer { kiosk: is_kiosk.then(|| Kiosk::over(snapshot)), ..of(request, zone, snapshot.at) }
}

/// Returns the path of cookies, which is the prefix.
pub(super) fn cookie_path(request: &Request) -> &str {
    Some(BasePath::of(request)).filter(|base| !base.is_empty()).unwrap_or("/")
}

/// Adds a cookie with its attributes to an answer.
pub(super) fn add_cookie(response: &mut Response, cookie: String) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Returns whether a text is a path of this server, rather than an address of another.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains('\\')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns the value of a cookie.
pub(crate) fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    cookies(request).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Returns the names and values of all cookies.
pub(super) fn cookies(request: &Request) -> impl Iterator<Item = (&str, &str)> {
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Returns the language with a tag, whatever its region.
fn language(tag: &str) -> Option<Language> {
    let primary = tag.split('-').next().unwrap_or_default();
    Language::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
}

/// Returns the language that an `Accept-Language` header prefers, English if it names none that there is.
fn preferred(accepted: &str) -> Language {
    let mut best = None;
    for range in accepted.split(',') {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(0.0);
        if let Some(language) = language(tag.trim()).filter(|_| weight > best.map_or(0.0, |(_, weight)| weight)) {
            best = Some((language, weight));
        }
    }
    best.map_or(Language::English, |(language, _)| language)
}
