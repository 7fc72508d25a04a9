//! The language and the colours that a viewer has chosen. They are kept in cookies of the browser.

use isems_dashboard::{Language, Theme};
use poem::{FromRequest, Request, Response, Result, web::Form};

use super::{
    origin,
    sign_in::see_other,
    viewer::{add_cookie, cookie_path, is_path},
};

/// The time for which a choice is kept, seconds: a year.
const KEPT_SECONDS: u32 = 31_536_000;

/// Keeps what a form says, and leads back to the page.
pub(super) async fn set(request: Request) -> Result<Response> {
    origin::check(&request)?;
    let (request, mut body) = request.split();
    let Form(fields) = Form::<Vec<(String, String)>>::from_request(&request, &mut body).await?;
    let value = |name| fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
    let back = value("back").filter(|path| is_path(path)).unwrap_or("/");
    let mut response = see_other(&request, back);
    let path = cookie_path(&request);
    let language =
        value("language").and_then(|value| Language::ALL.into_iter().map(Language::tag).find(|tag| *tag == value));
    let theme = value("theme").and_then(|value| Theme::ALL.into_iter().map(Theme::name).find(|name| *name == value));
    for (name, chosen) in [("language", language), ("theme", theme)] {
        if let Some(chosen) = chosen {
            let cookie = format!("{name}={chosen}; Path={path}; Max-Age={KEPT_SECONDS}; SameSite=Strict");
            add_cookie(&mut response, cookie);
        }
    }
    Ok(response)
}
