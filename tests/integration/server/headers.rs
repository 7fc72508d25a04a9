//! The headers that tell browsers how to treat answers.

use reqwest::{Method, Response};

use super::TestService;

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("{} has no {name}", response.url())).to_str().unwrap()
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful_and_nothing_of_the_server() {
    let service = TestService::start().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/docs"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/healthz"),
        (Method::GET, "/measurements/latest"),
        (Method::GET, "/api/v1/rejects"),
        (Method::GET, "/nothing"),
        (Method::POST, "/measurements/latest"),
        (Method::OPTIONS, "/measurements/latest"),
    ] {
        let response = service.client.request(method, format!("{}{path}", service.base)).send().await.unwrap();
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        // Forms of pages tell this server their origin.
        let referrer = if path == "/" { "same-origin" } else { "no-referrer" };
        assert_eq!(header(&response, "referrer-policy"), referrer);
        let policy = header(&response, "content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for name in ["server", "x-powered-by", "via"] {
            assert!(!response.headers().contains_key(name), "{path} tells {name}");
        }
    }
}

#[tokio::test]
async fn the_documentation_runs_its_own_scripts_and_no_others() {
    let service = TestService::start().await;
    let response = service.get("/docs").await;
    let policy = header(&response, "content-security-policy").to_owned();
    let directive = |name| policy.split("; ").find_map(|directive| directive.strip_prefix(name)).unwrap();
    let scripts = directive("script-src ");
    let page = response.text().await.unwrap();
    assert_eq!(scripts.matches("'sha256-").count(), page.matches("</script>").count(), "{scripts}");
    assert!(!scripts.contains("unsafe") && !scripts.contains('*'), "{scripts}");
    assert_eq!(directive("connect-src "), "'self'");
}

#[tokio::test]
async fn nothing_that_was_sent_comes_back_as_html() {
    let service = TestService::start().await;
    let script = "%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [
        format!("/{script}"),
        format!("/measurements/{script}/latest"),
        format!("/measurements/latest?all={script}"),
        format!("/docs?{script}"),
        format!("/docs/{script}"),
        format!("/api/v1/rejects?{script}=1"),
    ] {
        let response = service.get(&path).await;
        let html = header(&response, "content-type").starts_with("text/html");
        assert_eq!(html, path.starts_with("/docs?"), "{path}");
        assert!(!response.text().await.unwrap().contains("<script>alert"), "{path}");
    }
}
