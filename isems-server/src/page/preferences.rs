//! The language and the colours that a viewer has chosen. They are kept in cookies of the browser.

use isems_dashboard::{Language, Theme};
use poem::{
    FromRequest, Request, Response, Result,
    http::{HeaderValue, StatusCode, header},
    web::Form,
};

use super::{
    origin,
    viewer::{base_of, cookie_path, is_path},
};

/// The time for which a choice is kept, seconds: a year.
const KEPT_SECONDS: u32 = 31_536_000;

/// Keeps what a form says, and leads back to the page.
pub(super) async fn set(request: Request) -> Result<Response> {
    origin::check(&request)?;
    let (request, mut body) = request.split();
    let Form(fields) = Form::<Vec<(String, String)>>::from_request(&request, &mut body).await?;
    let base = base_of(&request);
    let mut back = "/";
    let mut response = Response::default();
    for (name, value) in &fields {
        let chosen = match &**name {
            "language" => Language::ALL.into_iter().map(Language::tag).find(|tag| tag == value),
            "theme" => Theme::ALL.into_iter().map(Theme::name).find(|name| name == value),
            "back" => {
                back = Some(&**value).filter(|path| is_path(path)).unwrap_or(back);
                None
            }
            _ => None,
        };
        if let Some(chosen) = chosen {
            let path = cookie_path(&request);
            let cookie = format!("{name}={chosen}; Path={path}; Max-Age={KEPT_SECONDS}; SameSite=Strict");
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
    }
    response.set_status(StatusCode::SEE_OTHER);
    let location = HeaderValue::try_from(format!("{base}{back}"));
    response.headers_mut().insert(header::LOCATION, location.unwrap_or(HeaderValue::from_static("/")));
    Ok(response)
}
