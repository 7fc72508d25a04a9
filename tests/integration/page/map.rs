//! The mesh on a map.

use reqwest::StatusCode;

use super::{assessed, at_noon, measured, page};

#[tokio::test]
async fn nodes_lie_on_the_map_or_are_listed_beside_it() {
    let mut nodes = ["Hafen", "Rathaus", "Schule", "Bad <b>"].map(measured);
    for (node, place) in nodes.iter_mut().zip([Some((52.51, 13.41)), Some((52.52, 13.4)), None, Some((52.5, 13.39))]) {
        (node.latitude, node.longitude) = place.unzip();
    }
    let service = at_noon(nodes.into()).await;
    assessed(&service).await;
    let map = page(&service, "/map", &[]).await;
    let picture = map.split_once("<g class=\"nodes\">").unwrap().1.split_once("<g class=\"scale\">").unwrap().0;
    assert_eq!(picture.matches("<a ").count(), 2, "{picture}");
    assert!(picture.contains(" href=\"/nodes/Hafen\"") && picture.contains("data-at=\"52.51 13.41\""), "{picture}");
    let beside = map.split_once("<section class=\"beside\">").unwrap().1;
    assert!(beside.contains(">Rathaus</a>") && beside.contains(">Schule</a>"), "{beside}");
    assert!(!map.contains("<b>") && map.contains("Bad &lt;b&gt;"), "{map}");
    assert!(map.contains("<a href=\"/map\" aria-current=\"page\">Map</a>"), "{map}");
}

#[tokio::test]
async fn map_and_list_are_filtered_alike() {
    let nodes = ["Hafen", "Hafenamt", "Rathaus"].map(|name| {
        let mut node = measured(name);
        (node.latitude, node.longitude) = (Some(52.51), Some(13.41));
        node
    });
    let service = at_noon(nodes.into()).await;
    let map = page(&service, "/map?q=hafen&condition=unknown", &[]).await;
    assert_eq!(map.matches("data-at=").count(), 2, "{map}");
    assert!(map.contains("2 of 3") && map.contains("href=\"/?q=hafen&amp;condition=unknown\""), "{map}");
    let list = page(&service, "/?q=%26%3D%22%3E&finding=batteryDue", &[]).await;
    assert!(list.contains("href=\"/map?q=%26%3D%22%3E&amp;finding=batteryDue\""), "{list}");
    assert_eq!(service.get("/map?q=%26%3D%22%3E&finding=batteryDue").await.status(), StatusCode::OK);
}
