//! The path prefix under which a proxy shows the service.

use std::sync::Arc;

use isems_core::{Batch, RedbRepository, Repository};
use isems_server::BasePath;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::{at_noon, measured};
use crate::server::TestService;

const PREFIX: &str = "/solar/mesh";

const PAGES: [&str; 6] = ["/", "/?kiosk", "/nodes/Hafen", "/map", "/collector", "/sign-in"];

/// A way of a request to the service: what its path begins with, and the header of the proxy.
struct Way {
    path: &'static str,
    header: &'static str,
}

impl Way {
    async fn send(&self, service: &TestService, method: Method, path: &str, form: &str) -> Response {
        let request = service.request(method, &format!("{}{path}", self.path)).header("accept", "text/html,*/*");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        request.header("x-forwarded-prefix", self.header).send().await.unwrap()
    }

    async fn get(&self, service: &TestService, path: &str) -> String {
        let response = self.send(service, Method::GET, path, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }
}

async fn with_setting() -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let measurements = vec![measured("Hafen"), measured("Rathaus")];
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    TestService::with(repository, |service| service.base_path("/solar/mesh/".parse().unwrap()), None).await
}

/// Every address in a page, except those within it.
fn addresses(page: &str) -> impl Iterator<Item = &str> {
    let after = |attribute| page.split(attribute).skip(1).filter_map(|rest: &str| rest.split('"').next());
    let all = ["href=\"", "src=\"", "action=\""].into_iter().flat_map(after);
    all.filter(|address| !address.starts_with('#'))
}

/// Everything that a service says about its own addresses has the prefix.
async fn has_the_prefix(service: &TestService, way: &Way) {
    for path in PAGES {
        let page = way.get(service, path).await;
        for address in addresses(&page) {
            assert!(address.starts_with("/solar/mesh/"), "{path}: {address}");
        }
        assert!(page.contains("data-base=\"/solar/mesh\""), "{path}");
        for back in page.split("name=\"back\" value=\"").skip(1) {
            assert!(back.starts_with(&format!("{path}\"")) || back.starts_with("/\""), "{path}: {back}");
        }
    }
    let overview = way.get(service, "/").await;
    let asset = addresses(&overview).find(|address| address.contains("/assets/")).unwrap();
    way.get(service, asset.strip_prefix(PREFIX).unwrap()).await;
    assert!(way.get(service, "/docs").await.contains("\"url\": \"/solar/mesh/\""));
    let document: Value = serde_json::from_str(&way.get(service, "/openapi.json").await).unwrap();
    assert_eq!(document["servers"][0]["url"], "/solar/mesh/");
    let manifest: Value = serde_json::from_str(&way.get(service, "/manifest.webmanifest").await).unwrap();
    assert_eq!(manifest["start_url"], "/solar/mesh/");
    let choice = way.send(service, Method::POST, "/preferences", "theme=dark&back=%2Fmap").await;
    assert_eq!(choice.headers()["location"], "/solar/mesh/map");
    assert!(choice.headers()["set-cookie"].to_str().unwrap().contains("Path=/solar/mesh;"));
    let documentation = way.send(service, Method::GET, "/api", "").await;
    assert_eq!(documentation.headers()["location"], "/solar/mesh/docs");
    let nodes = way.send(service, Method::GET, "/api/v1/nodes?limit=1", "").await;
    let link = nodes.headers()["link"].to_str().unwrap().to_owned();
    assert!(link.starts_with("</solar/mesh/api/v1/nodes?limit=1&cursor="), "{link}");
}

#[tokio::test]
async fn by_the_proxy_s_header_every_address_has_it() {
    let service = at_noon(vec![measured("Hafen"), measured("Rathaus")]).await;
    has_the_prefix(&service, &Way { path: "", header: "/solar/mesh/" }).await;
    for bad in ["//evil.example", "/a\"b", "https://evil.example", "/a/../b", "/a b", "/"] {
        let page = Way { path: "", header: bad }.get(&service, "/").await;
        assert!(page.contains("action=\"/preferences\""), "{bad}");
    }
}

#[tokio::test]
async fn by_the_setting_every_address_has_it_wherever_the_request_begins() {
    let service = with_setting().await;
    for path in ["", PREFIX] {
        has_the_prefix(&service, &Way { path, header: "" }).await;
    }
    let root = service.get(PREFIX).await;
    assert_eq!(root.status(), StatusCode::OK);
    let query = service.get("/solar/mesh?q=Hafen").await.text().await.unwrap();
    assert!(query.contains("value=\"Hafen\""), "{query}");
    for other in ["/solar/meshes", "/solar", "/solar/mesh/solar/mesh/map", "/mesh/map"] {
        assert_eq!(service.get(other).await.status(), StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn the_header_takes_precedence_over_the_setting() {
    let service = with_setting().await;
    let page = Way { path: PREFIX, header: "/elsewhere" }.get(&service, "/map").await;
    assert!(addresses(&page).all(|address| address.starts_with("/elsewhere/")), "{page}");
}

#[tokio::test]
async fn a_prefix_that_cannot_be_told_from_a_path_of_the_service_is_refused() {
    let service = at_noon(vec![]).await;
    let document = service.json("/openapi.json").await;
    let documented = document["paths"].as_object().unwrap().keys().map(String::as_str);
    let overview = service.get("/").await.text().await.unwrap();
    let own: Vec<&str> = documented.chain(addresses(&overview)).filter(|path| *path != "/").collect();
    assert!(own.len() > 20, "{own:?}");
    for path in own {
        let first = path.split(['/', '?']).nth(1).unwrap();
        let error = format!("/{first}/mesh").parse::<BasePath>().unwrap_err();
        assert!(error.to_string().contains(&format!("paths below /{first} itself")), "{error}");
    }
    for bad in ["mesh", "/a b", "/a//b", "/../a", "https://mesh.example"] {
        let error = bad.parse::<BasePath>().unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")) && error.contains("such as /mesh"), "{error}");
    }
}
