//! The state of the collector, and the first steps.

use std::sync::Arc;

use isems_core::RedbRepository;
use isems_insight::WatcherOptions;
use reqwest::{Method, StatusCode};

use super::{assessed, at_noon, measured, page, simulated};
use crate::server::{ADMIN, TestService};

#[tokio::test]
async fn a_mesh_without_nodes_begins_with_the_first_steps() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let service = TestService::watching(WatcherOptions::default(), repository).await;
    for (language, words) in [("en", "No node has reported yet"), ("de", "Noch hat sich kein Knoten gemeldet")] {
        let page = page(&service, "/", &[("accept-language", language)]).await;
        assert!(page.contains(words) && page.contains("--router-ips") && page.contains("--mqtt-server"), "{page}");
        assert!(page.contains("<h3>push"), "it shows the transports: {page}");
    }
}

#[tokio::test]
async fn it_shows_transports_and_what_is_stored() {
    let service = at_noon(simulated(2, 3)).await;
    assessed(&service).await;
    let page = page(&service, "/collector", &[]).await;
    assert!(page.contains("<h3>push") && page.contains("<dt>Nodes</dt><dd>2</dd>"), "{page}");
    assert!(page.contains("in memory only") && page.contains(env!("CARGO_PKG_VERSION")), "{page}");
}

#[tokio::test]
async fn rejects_are_for_those_who_have_a_token() {
    let service = TestService::guarded(Arc::new(RedbRepository::in_memory().unwrap()), &[]).await;
    service.deliver("<script>alert(1)</script>;1;x\n").await;
    let stranger = page(&service, "/collector", &[]).await;
    assert!(!stranger.contains("alert(1)") && stranger.contains("href=\"/sign-in?"), "{stranger}");
    let operator = page(&service, "/collector", &[("authorization", &format!("Bearer {ADMIN}"))]).await;
    assert!(operator.contains("&lt;script&gt;alert(1)"), "{operator}");
    assert!(!operator.contains("<script>alert"), "{operator}");
}

#[tokio::test]
async fn the_map_shows_every_node() {
    let mut placed = measured("Hafen");
    (placed.latitude, placed.longitude) = (Some(52.5), Some(13.41));
    let service = at_noon(vec![placed, measured("Rathaus <b>")]).await;
    let map = page(&service, "/map", &[("accept-language", "de")]).await;
    assert!(map.contains("data-at=\"52.5 13.41\"") && map.contains("Ohne Position"), "{map}");
    assert!(map.contains("Rathaus &lt;b&gt;</a>") && map.contains("aria-current=\"page\">Karte"), "{map}");
}

#[tokio::test]
async fn a_form_s_address_leads_to_the_overview() {
    let service = at_noon(vec![measured("Hafen")]).await;
    for path in ["/preferences", "/sign-out", "/collector/poll"] {
        let response = service.request(Method::GET, path).send().await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["location"] == "/"),
            (StatusCode::SEE_OTHER, true),
            "{path}"
        );
    }
}
