//! The mesh at a glance.

use std::sync::Arc;

use isems_core::{Batch, RedbRepository, Repository};
use isems_insight::WatcherOptions;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{NOON, assessed, at_noon, measured, page, simulated};
use crate::server::TestService;

/// The rows of the table that are shown, each from the name on.
fn shown(page: &str) -> Vec<&str> {
    let rows = page.split("<tr ").skip(2);
    rows.filter(|row| !row.split_once('>').unwrap().0.contains("hidden")).collect()
}

#[tokio::test]
async fn it_says_what_the_service_says_about_every_node() {
    let service = at_noon(simulated(4, 12)).await;
    assessed(&service).await;
    let insight = service.json("/api/v1/insight").await;
    let page = page(&service, "/?sort=name", &[]).await;
    let nodes = insight["nodes"].as_array().unwrap();
    assert_eq!(shown(&page).len(), nodes.len());
    let well = nodes.iter().filter(|node| node["level"] == "ok" && node["silence"].is_null()).count();
    let sentence = match well {
        0 => "None of 4 nodes is well.".to_owned(),
        1 => "1 of 4 nodes is well.".to_owned(),
        4 => "All 4 nodes are well.".to_owned(),
        well => format!("{well} of 4 nodes are well."),
    };
    assert!(page.contains(&sentence), "{sentence}: {page}");
    for node in nodes {
        let name = node["nodeId"].as_str().unwrap();
        let row = shown(&page).into_iter().find(|row| row.contains(&format!(">{name}</a>"))).unwrap();
        assert!(row.contains("class=\"spark\""), "{row}");
        let usable = node["energy"]["usablePercent"].as_f64().map(|usable| format!("{usable:.0}\u{a0}%"));
        assert!(row.contains(usable.as_deref().unwrap_or("not known")), "{node} {row}");
        let is_needy = ["attention", "urgent"].iter().any(|level| node["level"] == *level);
        let findings = node["findings"].as_array().unwrap();
        for finding in findings.iter().filter(|finding| is_needy && finding["severity"] != "info") {
            let advice = escaped(&finding["advice"]);
            assert!(page.contains(&advice), "{advice}");
        }
    }
}

/// A text as it stands in a page.
fn escaped(text: &Value) -> String {
    text.as_str().unwrap().replace('&', "&amp;").replace('<', "&lt;")
}

#[tokio::test]
async fn names_that_try_to_be_markup_stay_text() {
    let bad = "<script>alert(1)</script>\"'&amp onclick=x";
    let service = at_noon(vec![measured(bad)]).await;
    let page = page(&service, "/?q=%3Cscript%3Ealert(2)%3C/script%3E%22%3E", &[]).await;
    assert_eq!(page.matches("<script").count(), 3, "only those of the page itself: {page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(2)&lt;/script&gt;&quot;&gt;"), "{page}");
    assert!(!page.contains("style=") && !page.contains(" onclick=\""), "{page}");
}

#[tokio::test]
async fn without_script_a_query_selects_and_sorts() {
    let service = at_noon(["Hafen", "Rathaus", "hafenamt"].map(measured).into()).await;
    let names = async |query: &str| -> Vec<String> {
        let page = page(&service, query, &[]).await;
        let name = |row: &&str| row.split_once("</a>").unwrap().0.rsplit_once('>').unwrap().1.to_owned();
        shown(&page).iter().map(name).collect()
    };
    assert_eq!(names("/?q=HAF&sort=name").await, ["Hafen", "hafenamt"]);
    assert_eq!(names("/?sort=name").await, ["Hafen", "hafenamt", "Rathaus"]);
    assert_eq!(names("/?condition=inactive").await, [""; 0]);
    assert_eq!(names("/?finding=batteryDue").await, [""; 0]);
    assert_eq!(names("/?finding=nonsense&condition=nonsense&other=1").await.len(), 3, "an old address still works");
}

#[tokio::test]
async fn the_language_is_that_of_the_viewer() {
    let service = at_noon(vec![measured("Hafen")]).await;
    for (accepted, language, text) in [
        ("de-DE,de;q=0.9,en;q=0.8", "de", "Alle Knoten"),
        ("en-GB,en;q=0.9,de;q=0.8", "en", "All nodes"),
        ("fr, de;q=0.3, en;q=0.2", "de", "Alle Knoten"),
        ("fr", "en", "All nodes"),
        ("de;q=0", "en", "All nodes"),
        ("de;q=nonsense,,;", "en", "All nodes"),
    ] {
        let page = page(&service, "/", &[("accept-language", accepted)]).await;
        assert!(page.contains(&format!("<html lang=\"{language}\"")) && page.contains(text), "{accepted}");
    }
    let chosen = page(&service, "/", &[("accept-language", "de"), ("cookie", "a=b; language=en; theme=dark")]).await;
    assert!(chosen.contains("<html lang=\"en\" data-theme=\"dark\">"), "{chosen}");
}

#[tokio::test]
async fn times_are_those_of_the_viewers_zone() {
    let service = at_noon(vec![measured("Hafen")]).await;
    for (zone, clock) in [("Europe/Berlin", "12:59"), ("America/New_York", "07:59"), ("UTC", "11:59")] {
        let page = page(&service, "/", &[("cookie", &format!("zone={zone}"))]).await;
        assert!(page.contains(&format!("<time datetime=\"2026-03-08T11:59:00Z\">{clock}</time>")), "{zone}: {page}");
        assert!(page.contains(&format!("({zone})")), "{zone}");
    }
    page(&service, "/", &[("cookie", "zone=../../etc/passwd")]).await;
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let service = at_noon(vec![measured("Hafen")]).await;
    assessed(&service).await;
    let first = service.get("/").await;
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let vary: Vec<&str> = first.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(vary.join(", ").contains("Accept-Language, Cookie"), "{vary:?}");
    let tag = first.headers()["etag"].clone();
    let again = async |name, value: &str| {
        let request = service.request(Method::GET, "/").header("if-none-match", tag.clone()).header(name, value);
        request.send().await.unwrap().status()
    };
    assert_eq!(again("accept-language", "en").await, StatusCode::NOT_MODIFIED);
    assert_eq!(again("accept-language", "de").await, StatusCode::OK);
}

#[tokio::test]
async fn a_display_on_a_wall_is_dimmed_at_night() {
    let mut placed = measured("Hafen");
    // At noon in London it is night in the middle of the Pacific.
    for (longitude, class) in [(0.1, "class=\"kiosk\""), (-179.0, "class=\"kiosk night\"")] {
        (placed.latitude, placed.longitude) = (Some(10.0), Some(longitude));
        let service = at_noon(vec![placed.clone()]).await;
        for path in ["/?kiosk", "/map?kiosk"] {
            let page = page(&service, path, &[]).await;
            assert!(page.contains(class) && page.contains("kiosk.js"), "{path} at {longitude}: {page}");
        }
        assert!(!page(&service, "/", &[]).await.contains("kiosk"));
    }
}

#[tokio::test]
async fn nothing_is_said_of_nodes_before_they_are_assessed() {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    // The flag of one says that its battery is low.
    let mut low = measured("Barn");
    low.status = "080".parse().ok();
    let measurements = vec![measured("Hafen"), low];
    repository.store(Batch { measurements, ..Batch::default() }).await.unwrap();
    let watching = WatcherOptions { clock: Arc::new(|| NOON), assesses: false, ..WatcherOptions::default() };
    let service = TestService::watching(watching, repository).await;
    for (language, told) in [("en", "2 nodes are being assessed"), ("de", "2 Knoten werden noch beurteilt")] {
        let page = page(&service, "/", &[("accept-language", language)]).await;
        let summary = page.split_once("id=\"summary\"").unwrap().1.split_once("</p>").unwrap().0;
        assert!(summary.contains(told) && !summary.contains("Barn"), "{summary}");
        assert!(page.contains("id=\"needy\" data-live aria-labelledby=\"needy-heading\" hidden"), "{page}");
    }
}
