//! Language and colours, as viewers choose them.

use reqwest::{Method, Response, StatusCode};

use super::{at_noon, measured};
use crate::server::TestService;

async fn send(service: &TestService, form: &'static str, headers: &[(&str, &str)]) -> Response {
    let request = service.request(Method::POST, "/preferences").body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_choice_is_kept_and_leads_back() {
    let service = at_noon(vec![measured("Hafen")]).await;
    let host = service.get("/").await.url().authority().to_owned();
    let own = format!("http://{host}");
    let response = send(&service, "back=%2F%3Fq%3DHafen&language=de", &[("origin", &own)]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/?q=Hafen");
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("language=de; Path=/; Max-Age=") && cookie.ends_with("SameSite=Strict"), "{cookie}");
}

#[tokio::test]
async fn a_form_leads_nowhere_else_and_keeps_nothing_else() {
    let service = at_noon(vec![measured("Hafen")]).await;
    for form in [
        "back=https%3A%2F%2Fevil.example%2F&language=xx",
        "back=%2F%2Fevil.example%2F&theme=%0d%0aSet-Cookie%3A+a%3Db",
        "back=%2F%5Cevil.example&zone=UTC",
        "back=%2F%0d%0aX-Bad%3A+1",
        "",
    ] {
        let response = send(&service, form, &[]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{form}");
        assert_eq!(response.headers()["location"], "/", "{form}");
        assert!(!response.headers().contains_key("set-cookie"), "{form}");
    }
}

#[tokio::test]
async fn other_sites_choose_nothing() {
    let service = at_noon(vec![measured("Hafen")]).await;
    for header in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(send(&service, "language=de", &[header]).await.status(), StatusCode::FORBIDDEN, "{header:?}");
    }
}
