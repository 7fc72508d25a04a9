//! Signing in with a token, which a cookie then stands for.

use isems_core::unix_now;
use isems_dashboard::SignInPage;
use poem::{
    FromRequest, Request, Response, Result,
    http::{HeaderValue, StatusCode, header, uri::Scheme},
    web::Form,
};

use super::{
    Pages, answer, origin, parameters,
    viewer::{self, add_cookie, cookie, cookie_path, is_path},
};
use crate::{
    BasePath,
    api::{Access, Refusal},
};

/// The name of the cookie.
pub(crate) const COOKIE: &str = "session";

/// The time after which somebody has to sign in again, seconds: twelve hours.
const LASTS_SECONDS: i64 = 43_200;

/// Leads a browser that may not read to where it can sign in, and back.
pub(crate) fn lead_to(request: &Request) -> Response {
    let path = request.original_uri().path_and_query().map_or("/", |path| path.as_str());
    let back = percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
    see_other(request, &format!("/sign-in?back={back}"))
}

/// Leads to a path of this server.
pub(super) fn see_other(request: &Request, path: &str) -> Response {
    let location = HeaderValue::try_from(format!("{}{path}", BasePath::of(request)));
    let location = location.unwrap_or(HeaderValue::from_static("/"));
    Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, location).finish()
}

impl Pages {
    /// Shows the form.
    pub(super) fn sign_in(&self, request: &Request) -> Response {
        let parameters = parameters(request);
        let back = parameters.iter().find(|(name, _)| name == "back").map_or("/", |(_, back)| back);
        self.form(request, back, false)
    }

    fn form(&self, request: &Request, back: &str, is_refused: bool) -> Response {
        let viewer = viewer::of(request, &self.time_zone, unix_now());
        let back = if is_path(back) { back } else { "/" };
        answer::page(request, SignInPage { viewer: &viewer, is_refused, back }.page())
    }

    /// Takes the token of a form. The cookie ends with the token's removal, and after some hours.
    pub(super) async fn take_token(&self, request: Request) -> Result<Response> {
        origin::check(&request)?;
        let (request, mut body) = request.split();
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(&request, &mut body).await?;
        let value = |name| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
        let back = Some(value("back")).filter(|path| is_path(path)).unwrap_or("/");
        let until = unix_now() + LASTS_SECONDS;
        let Some(session) = Access::of(&request).tokens.session(value("token").trim(), until) else {
            let mut response = self.form(&request, back, true);
            response.set_status(StatusCode::FORBIDDEN);
            return Ok(response);
        };
        let mut response = see_other(&request, back);
        set(&mut response, &request, &session, LASTS_SECONDS);
        Ok(response)
    }

    /// Ends the session, wherever there are copies of the cookie.
    pub(super) async fn sign_out(&self, request: &Request) -> Result<Response> {
        origin::check(request)?;
        if let Some(session) = cookie(request, COOKIE).filter(|_| Access::of(request).session(request).is_some()) {
            self.ended.end(session).await.map_err(Refusal::from)?;
        }
        let mut response = see_other(request, "/");
        set(&mut response, request, "", 0);
        Ok(response)
    }
}

fn set(response: &mut Response, request: &Request, session: &str, seconds: i64) {
    let is_secure = *request.scheme() == Scheme::HTTPS || request.header("x-forwarded-proto") == Some("https");
    let secure = if is_secure { "; Secure" } else { "" };
    let path = cookie_path(request);
    add_cookie(
        response,
        format!("{COOKIE}={session}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"),
    );
}
