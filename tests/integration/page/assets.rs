//! The files that pages load.

use reqwest::{Method, StatusCode};

use super::{at_noon, measured, page};

/// The addresses that a page loads something from.
fn loaded(page: &str) -> Vec<&str> {
    let tags = page.split('<').filter(|tag| tag.starts_with("link ") || tag.starts_with("script "));
    let address = |tag: &'_ str| -> Option<usize> {
        tag.find("src=\"").map(|at| at + 5).or(tag.find("href=\"").map(|at| at + 6))
    };
    tags.map(|tag| tag[address(tag).unwrap()..].split_once('"').unwrap().0).collect()
}

#[tokio::test]
async fn pages_load_nothing_but_assets_that_never_change() {
    let service = at_noon(vec![measured("Hafen")]).await;
    let page = page(&service, "/", &[]).await;
    let loaded = loaded(&page);
    assert!(loaded.len() >= 3, "{loaded:?}");
    // The manifest depends on where the server is.
    for address in loaded.into_iter().filter(|address| *address != "/manifest.webmanifest") {
        assert!(address.starts_with("/assets/"), "{address}");
        let plain = service.get(address).await;
        assert_eq!(plain.status(), StatusCode::OK, "{address}");
        assert_eq!(plain.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert!(!plain.headers().contains_key("content-encoding"));
        let plain = plain.bytes().await.unwrap();
        let gzip = service.request(Method::GET, address).header("accept-encoding", "br, gzip").send().await.unwrap();
        assert_eq!(gzip.headers()["content-encoding"], "gzip");
        let gzip = gzip.bytes().await.unwrap();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*gzip), &mut text).unwrap();
        assert_eq!(text, plain, "{address}");
    }
    for address in ["/assets/", "/assets/0/style.css", "/assets/a/b/c"] {
        assert_eq!(service.get(address).await.status(), StatusCode::NOT_FOUND, "{address}");
    }
}

#[tokio::test]
async fn the_policy_allows_nothing_that_is_written_into_a_page() {
    let service = at_noon(vec![measured("Hafen")]).await;
    let response = service.get("/").await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self'; style-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let page = response.text().await.unwrap();
    assert!(!page.contains("<style") && !page.contains(" style=\""), "{page}");
    assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=\"/assets/").count());
}
