//! The page of a node.

use std::{collections::BTreeSet, sync::Arc};

use isems_core::{Batch, RedbRepository, Repository, StatusFlag};
use isems_insight::WatcherOptions;
use reqwest::{Method, StatusCode};

use crate::server::TestService;

use super::{NOON, assessed, at_noon, measured, page, simulated};

/// The texts of the elements of a kind.
fn count(page: &str, tag: &str) -> usize {
    page.matches(&format!("<{tag}")).count()
}

#[tokio::test]
async fn it_shows_findings_facts_and_four_charts_in_both_languages() {
    let service = at_noon(simulated(4, 12)).await;
    assessed(&service).await;
    let insight = service.json("/api/v1/insight").await;
    for node in insight["nodes"].as_array().unwrap() {
        let name = node["nodeId"].as_str().unwrap();
        let english = page(&service, &format!("/nodes/{name}"), &[]).await;
        assert!(english.contains(&format!("<h1>{name}</h1>")));
        assert_eq!(count(&english, "figure"), 5, "four charts and what happened");
        for finding in node["findings"].as_array().unwrap() {
            let meaning = finding["meaning"].as_str().unwrap().replace('\'', "&#39;");
            assert!(english.contains(&meaning) || english.contains(finding["meaning"].as_str().unwrap()), "{meaning}");
        }
        let german = page(&service, &format!("/nodes/{name}"), &[("accept-language", "de")]).await;
        assert!(german.contains("Akkuspannung") && !german.contains("Battery voltage"));
        let reasons = node["upgrade"]["reasons"].as_array().unwrap();
        for reason in reasons.iter().chain(node["silence"]["evidence"].as_array().into_iter().flatten()) {
            let reason = reason.as_str().unwrap();
            assert!(english.contains(reason) && !german.contains(reason), "{reason}");
        }
        assert!(reasons.is_empty() || german.contains("über der Abschaltung"), "{german}");
        for unknown in node["unknown"].as_array().unwrap() {
            let (what, reason) = (unknown["what"].as_str().unwrap(), unknown["reason"].as_str().unwrap());
            let is_shown = !["panel.covered", "panel.suspectedShade"].contains(&what);
            assert!(!is_shown || english.contains(reason) && !german.contains(reason), "{what}: {reason}");
        }
        assert!(!german.contains(" style=") && !english.contains(" style="), "the policy forbids it");
    }
}

#[tokio::test]
async fn what_happened_is_a_strip_and_a_list_with_causes() {
    let mut measurements = simulated(3, 12);
    let silent = measurements[0].node_id.clone();
    // One is away for a night by itself.
    let night = NOON - 2 * 86_400 - 12 * 3600;
    measurements.retain(|measurement| {
        measurement.node_id != silent || !(night..night + 6 * 3600).contains(&measurement.timestamp)
    });
    let service = at_noon(measurements).await;
    assessed(&service).await;
    for (language, heading, fact) in [
        ("en", "The last month", "No other node fell silent at the same time."),
        ("de", "Der letzte Monat", "Kein anderer Knoten"),
    ] {
        let page = page(&service, &format!("/nodes/{silent}"), &[("accept-language", language)]).await;
        let past = page.split_once("<figure class=\"chart\" id=\"past\">").unwrap().1;
        let (strip, list) = past.split_once("</figure>").unwrap();
        assert!(strip.contains(heading) && strip.matches("<rect class=\"urgent\"").count() == 1, "{strip}");
        assert!(list.split_once("</ol>").unwrap().0.contains(fact), "{list}");
    }
}

#[tokio::test]
async fn findings_that_are_over_are_in_the_strip() {
    let measurements = simulated(2, 3);
    let node = measurements[0].node_id.clone();
    let (cold, hot) = (NOON - 2 * 86_400, NOON - 86_400);
    let text = format!(
        "batteryCold attention {cold} {}\nbatteryOverheating attention {hot} {}\n\
         batteryOverheating urgent {} {}\n",
        cold + 7200,
        hot + 3600,
        hot + 36_000,
        hot + 39_600
    );
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let metadata = vec![(format!("insight.past-findings.{node}"), text.into_bytes())];
    repository.store(Batch { measurements, metadata, ..Batch::default() }).await.unwrap();
    let watching = WatcherOptions { clock: Arc::new(|| NOON), ..WatcherOptions::default() };
    let service = TestService::watching(watching, repository).await;
    assessed(&service).await;
    for (language, hot, cold) in
        [("en", "Battery too hot", "Battery very cold"), ("de", "Akku zu heiß", "Akku sehr kalt")]
    {
        let page = page(&service, &format!("/nodes/{node}"), &[("accept-language", language)]).await;
        let strip =
            page.split_once("<figure class=\"chart\" id=\"past\">").unwrap().1.split_once("</figure>").unwrap().0;
        let rows: Vec<&str> = strip.split("<text class=\"row\"").collect();
        let row = |label: &str| {
            rows.iter()
                .find(|row| row.contains(&format!(">{label}</text>")))
                .unwrap_or_else(|| panic!("{label}: {strip}"))
        };
        assert_eq!(row(hot).matches("<rect ").count(), 2, "{strip}");
        assert_eq!(row(cold).matches("<rect ").count(), 1, "{strip}");
    }
}

#[tokio::test]
async fn a_range_and_a_comparison_stand_in_the_address() {
    let service = at_noon(simulated(3, 12)).await;
    assessed(&service).await;
    let nodes = service.json("/api/v1/nodes").await;
    let names: Vec<&str> =
        nodes["nodes"].as_array().unwrap().iter().map(|node| node["nodeId"].as_str().unwrap()).collect();
    let address = format!("/nodes/{}", names[0]);
    let range = async |query: &str| {
        let page = page(&service, &format!("{address}?{query}"), &[]).await;
        let value = |name: &str| page.split_once(name).unwrap().1.split_once('"').unwrap().0.parse::<i64>().unwrap();
        (value("data-from=\""), page)
    };
    for (query, seconds) in
        [("span=7d", 7 * 86_400), ("span=30d", 30 * 86_400), ("span=nonsense", 86_400), ("", 86_400)]
    {
        assert_eq!(range(query).await.0, NOON + 1 - seconds, "{query}");
    }
    assert_eq!(range(&format!("from={}&to={}", NOON - 7200, NOON)).await.0, NOON - 7200);
    assert_eq!(range("from=2026-03-08T10:00&to=2026-03-08T12:00").await.0, NOON - 7200);
    let (_, compared) = range(&format!("compare=node:{}", names[1])).await;
    assert!(compared.contains(&format!("data-label=\"{}\"", names[1])), "{compared}");
    assert!(range("compare=median").await.1.contains("data-label=\"median of the mesh\""));
    for odd in
        ["compare=node:nobody", "from=nonsense", "from=9999999999&to=1000000000", "to=1000000000", "span=all&compare=x"]
    {
        page(&service, &format!("{address}?{odd}"), &[]).await;
    }
}

#[tokio::test]
async fn values_that_the_node_declares_void_are_not_drawn() {
    let mut measurements = simulated(1, 2);
    let lost = NOON - 10 * 3600..NOON - 8 * 3600;
    for measurement in &mut measurements {
        measurement.battery_temperature = Some(25.0);
        measurement.status = Some([StatusFlag::TemperatureSensorMissing].into_iter().collect());
        if lost.contains(&measurement.timestamp) {
            measurement.battery_voltage = Some(0.0);
            measurement.battery_charge_estimate = Some(0.0);
            measurement.status = Some([StatusFlag::ControllerLost].into_iter().collect());
        }
    }
    let name = measurements[0].node_id.clone();
    let service = at_noon(measurements).await;
    assessed(&service).await;
    let page = page(&service, &format!("/nodes/{name}?span=24h"), &[]).await;
    let figure = |id: &str| page.split_once(&format!("id=\"{id}\"")).unwrap().1.split_once("</figure>").unwrap().0;
    assert!(figure("batteryTemperature").contains("No values in this time"));
    assert!(!figure("batteryVoltage").contains(" 0.0"), "{}", figure("batteryVoltage"));
    assert!(!figure("batteryVoltage").contains("outliers"), "they are gone, rather than cut off");
}

#[tokio::test]
async fn its_links_lead_to_the_measurements_and_charts_that_are_shown() {
    let service = at_noon(simulated(2, 3)).await;
    assessed(&service).await;
    let nodes = service.json("/api/v1/nodes").await;
    let name = nodes["nodes"][0]["nodeId"].as_str().unwrap();
    let page = page(&service, &format!("/nodes/{name}"), &[]).await;
    let links = page.split("href=\"").skip(1).map(|link| link.split_once('"').unwrap().0.replace("&amp;", "&"));
    let (tables, others): (Vec<String>, Vec<String>) = links.partition(|link| link.contains("format=csv"));
    assert_eq!(tables.len(), 5, "one of each chart, and one of all values: {tables:?}");
    for link in &tables {
        let csv = service.get(link).await;
        assert!(csv.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
        let rows = csv.text().await.unwrap().lines().count();
        assert!(rows > 1000, "{link}: {rows}");
    }
    let pictures: BTreeSet<&String> = others.iter().filter(|link| link.contains(".svg?")).collect();
    assert_eq!(pictures.len(), 4);
    for link in pictures {
        let svg = service.get(link).await;
        assert_eq!(svg.status(), StatusCode::OK, "{link}");
        assert_eq!(svg.headers()["content-type"], "image/svg+xml");
        assert!(svg.text().await.unwrap().starts_with("<svg xmlns="));
    }
    for other in ["latitude.svg", "batteryVoltage.png", "nothing.svg"] {
        assert_eq!(service.get(&format!("/nodes/{name}/{other}")).await.status(), StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn any_name_has_a_page() {
    let names = ["a/b", "a b?c#d%2F", "..", "<i>&\"'", "Kirchturm Süd", "style.svg"];
    let service = at_noon(names.map(measured).into()).await;
    let overview = page(&service, "/?sort=name", &[]).await;
    for name in names {
        let shown = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let (before, _) = overview.rsplit_once(&format!("\">{shown}</a>")).expect(name);
        let link = before.rsplit_once("href=\"").unwrap().1;
        let answer = service.raw(link).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("<h1>{shown}</h1>")),
            "{name} at {link}"
        );
    }
}

#[tokio::test]
async fn a_name_that_no_node_has_is_told_so_in_a_page() {
    let service = at_noon(vec![measured("Hafen")]).await;
    let response = service.request(Method::GET, "/nodes/%3Cb%3Ehafen").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let text = response.text().await.unwrap();
    assert!(text.contains("There is no node &lt;b&gt;hafen."), "{text}");
}
