//! Signing in, where reading is protected.

use std::sync::Arc;

use isems_core::RedbRepository;
use isems_server::{api::Access, tokens::Tokens};
use reqwest::{Method, Response, StatusCode};

use super::page;
use crate::server::{ADMIN, TestService};

const HTML: (&str, &str) = ("accept", "text/html,*/*");

/// A service whose readers need a token.
async fn protected() -> TestService {
    let tokens = Tokens::parse([&*format!("admin:{ADMIN}")]).unwrap();
    let access = Access { tokens, protect_reading: true, ..Access::default() };
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let service = TestService::with(repository, |service| service.access(access), None).await;
    service.deliver(&crate::server::line("Hafen", 1_530_364_575)).await;
    service
}

async fn send(service: &TestService, method: Method, path: &str, form: &str, headers: &[(&str, &str)]) -> Response {
    let request = service.request(method, path).body(form.to_owned());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

async fn sign_in(service: &TestService, token: &str) -> Response {
    send(service, Method::POST, "/sign-in", &format!("token={token}&back=%2Fnodes%2FHafen"), &[]).await
}

/// The cookie that an answer sets, without its attributes.
fn cookie(response: &Response) -> String {
    response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().into()
}

#[tokio::test]
async fn a_browser_without_a_token_is_led_to_the_form_and_back() {
    let service = protected().await;
    for path in ["/", "/map", "/collector", "/nodes/Hafen", "/api/v1/nodes"] {
        let response = send(&service, Method::GET, path, "", &[HTML]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(response.headers()["location"].to_str().unwrap().starts_with("/sign-in?back=%2F"), "{path}");
        let program = send(&service, Method::GET, path, "", &[]).await;
        assert_eq!(program.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let form = page(&service, "/sign-in?back=%2Fnodes%2FHafen", &[]).await;
    assert!(form.contains("name=\"back\" value=\"/nodes/Hafen\"") && !form.contains("href=\"/nodes"), "{form}");
    let response = sign_in(&service, ADMIN).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/nodes/Hafen");
    let attributes = response.headers()["set-cookie"].to_str().unwrap();
    assert!(attributes.contains("; HttpOnly; SameSite=Strict") && attributes.contains("Max-Age=43200"), "{attributes}");
    assert!(!attributes.contains(ADMIN) && !attributes.contains("Secure"), "{attributes}");
    let session = cookie(&response);
    for path in ["/", "/nodes/Hafen", "/collector", "/api/v1/rejects"] {
        let response = send(&service, Method::GET, path, "", &[HTML, ("cookie", &session)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    let out = send(&service, Method::POST, "/sign-out", "", &[("cookie", &session)]).await;
    assert!(out.headers()["set-cookie"].to_str().unwrap().starts_with("session=; Path=/; Max-Age=0"));
}

#[tokio::test]
async fn signing_out_ends_no_other_session_of_the_same_second() {
    let service = protected().await;
    let (first, second) = (cookie(&sign_in(&service, ADMIN).await), cookie(&sign_in(&service, ADMIN).await));
    assert_ne!(first, second);
    send(&service, Method::POST, "/sign-out", "", &[("cookie", &first)]).await;
    for (session, status) in [(&first, StatusCode::UNAUTHORIZED), (&second, StatusCode::OK)] {
        let response = send(&service, Method::GET, "/api/v1/nodes", "", &[("cookie", session)]).await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn nothing_but_a_token_makes_a_session() {
    let service = protected().await;
    for token in ["", "wrong", "fedcba9876543210"] {
        let response = sign_in(&service, token).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{token}");
        assert!(!response.headers().contains_key("set-cookie"));
        assert!(response.text().await.unwrap().contains("role=\"alert\""), "{token}");
    }
    let session = cookie(&sign_in(&service, ADMIN).await);
    let (name, value) = session.split_once('=').unwrap();
    let (signed, seal) = value.rsplit_once('.').unwrap();
    let (owner, until) = signed.rsplit_once('.').unwrap();
    let later = until.parse::<i64>().unwrap() + 1;
    let forged = [
        format!("{owner}.{later}.{seal}"),
        format!("{owner}.1000000000.{seal}"),
        format!("other.{until}.{seal}"),
        format!("{signed}."),
        format!("{signed}.{}", &seal[1..]),
        ADMIN.into(),
        String::new(),
    ];
    for value in forged {
        let response =
            send(&service, Method::GET, "/api/v1/nodes", "", &[("cookie", &format!("{name}={value}"))]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{value}");
    }
}

#[tokio::test]
async fn a_session_changes_something_only_from_a_page_of_this_server() {
    let service = protected().await;
    let session = cookie(&sign_in(&service, ADMIN).await);
    let own = format!("http://{}", service.get("/healthz").await.url().authority());
    for (origin, status) in [("https://evil.example", 401), ("null", 401), (&*own, 200)] {
        let headers = [("cookie", &*session), ("origin", origin)];
        let response = send(&service, Method::DELETE, "/api/v1/nodes/Hafen", "", &headers).await;
        assert_eq!(response.status().as_u16(), status, "{origin}");
    }
    let behind_https = [("x-forwarded-proto", "https")];
    let response = send(&service, Method::POST, "/sign-in", &format!("token={ADMIN}"), &behind_https).await;
    assert!(response.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn a_copy_of_the_cookie_is_worth_nothing_once_somebody_has_signed_out() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let tokens = || Tokens::parse([&*format!("admin:{ADMIN}"), "other:fedcba9876543210"]).unwrap();
    let access = || Access { tokens: tokens(), protect_reading: true, ..Access::default() };
    let service = TestService::with(repository.clone(), |service| service.access(access()), None).await;
    let session = cookie(&sign_in(&service, ADMIN).await);
    let another = cookie(&sign_in(&service, "fedcba9876543210").await);
    let status = async |service: &TestService, session: &str| {
        let cookies = format!("language=de; {session}; theme=dark");
        send(service, Method::GET, "/api/v1/nodes", "", &[("cookie", &cookies)]).await.status()
    };
    assert_eq!(status(&service, &session).await, StatusCode::OK);
    // Nobody ends the session of somebody else, or one that never was.
    for made_up in ["session=admin.99999999999.AAAA", "session=x", "session="] {
        send(&service, Method::POST, "/sign-out", "", &[("cookie", made_up)]).await;
    }
    assert_eq!(status(&service, &session).await, StatusCode::OK);
    let out = send(&service, Method::POST, "/sign-out", "", &[("cookie", &session)]).await;
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    assert_eq!(status(&service, &session).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&service, &another).await, StatusCode::OK);
    let form = page(&service, "/sign-in", &[("cookie", &format!("language=de; {session}"))]).await;
    assert!(form.contains("lang=\"de\""), "other cookies stay: {form}");
    drop(service);
    let restarted = TestService::with(repository, |service| service.access(access()), None).await;
    assert_eq!(status(&restarted, &session).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&restarted, &another).await, StatusCode::OK);
}
