//! Tiles below the map, from a file or another host.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use isems_core::{Batch, RedbRepository, Repository};
use isems_server::{MapSettings, Tiles};
use pmtiles::{PmTilesWriter, TileCoord, TileType};
use reqwest::StatusCode;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{measured, page};
use crate::server::TestService;

/// The tiles of the test files: of each zoom the one in the north-west, its content being its zoom.
const DEEPEST: u8 = 2;

fn settings(tiles: impl AsRef<Path>) -> MapSettings {
    MapSettings { tiles: Some(tiles.as_ref().to_str().unwrap().into()), ..MapSettings::default() }
}

async fn service(settings: MapSettings) -> TestService {
    let repository = Arc::new(RedbRepository::in_memory().unwrap());
    let mut node = measured("Hafen");
    (node.latitude, node.longitude) = (Some(52.51), Some(13.41));
    repository.store(Batch { measurements: vec![node], ..Batch::default() }).await.unwrap();
    let tiles = Tiles::open(&settings).await.unwrap().unwrap();
    TestService::with(repository, |service| service.tiles(tiles), None).await
}

fn pmtiles(folder: &TempDir, kind: TileType, attribution: &str) -> std::path::PathBuf {
    let path = folder.path().join("region.pmtiles");
    let writer = PmTilesWriter::new(kind).min_zoom(0).max_zoom(DEEPEST);
    let metadata = serde_json::json!({ "attribution": attribution }).to_string();
    let mut writer = writer.metadata(metadata).create(File::create(&path).unwrap()).unwrap();
    for zoom in 0..=DEEPEST {
        writer.add_tile(TileCoord::new(zoom, 0, 0).unwrap(), &[zoom]).unwrap();
    }
    writer.finalize().unwrap();
    path
}

fn mbtiles(folder: &TempDir, format: &str, attribution: &str) -> std::path::PathBuf {
    let path = folder.path().join("region.mbtiles");
    let database = Connection::open(&path).unwrap();
    let tables = "CREATE TABLE metadata (name TEXT, value TEXT); \
                  CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);";
    database.execute_batch(tables).unwrap();
    for (name, value) in [("format", format), ("attribution", attribution)] {
        database.execute("INSERT INTO metadata VALUES (?1, ?2)", [name, value]).unwrap();
    }
    for zoom in 0..=DEEPEST {
        // Rows are counted from the south.
        let row = (1_u32 << zoom) - 1;
        database.execute("INSERT INTO tiles VALUES (?1, 0, ?2, ?3)", (zoom, row, [zoom])).unwrap();
    }
    path
}

/// The tiles of a file are served, and the map lies on them.
async fn serves(service: &TestService, kind: &str) {
    for zoom in 0..=DEEPEST {
        let response = service.get(&format!("/tiles/{zoom}/0/0")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], kind);
        assert_eq!(response.bytes().await.unwrap()[..], [zoom]);
    }
    for nowhere in ["/tiles/1/1/1", "/tiles/1/5/9", "/tiles/3/0/0", "/tiles/40/0/0"] {
        assert_eq!(service.get(nowhere).await.status(), StatusCode::NO_CONTENT, "{nowhere}");
    }
    for wrong in ["/tiles/a/0/0", "/tiles/-1/0/0", "/tiles/1/0"] {
        assert_eq!(service.get(wrong).await.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
    let response = service.get("/map").await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("img-src 'self';"), "{policy}");
    let map = response.text().await.unwrap();
    assert!(map.contains("<image href=\"/tiles/2/"), "{map}");
    assert!(map.contains("data-tiles=\"/tiles/{z}/{x}/{y}\" data-deepest=\"2\""), "{map}");
}

#[tokio::test]
async fn a_pmtiles_file_is_served_and_its_makers_are_named_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let attribution = "<a href=\"https://osm.example/\">&copy; OpenStreetMap</a> &amp; <script>others</script>";
    let service = service(settings(pmtiles(&folder, TileType::Png, attribution))).await;
    serves(&service, "image/png").await;
    let map = page(&service, "/map", &[]).await;
    assert!(map.contains("<p class=\"attribution\">© OpenStreetMap &amp; others</p>"), "{map}");
    let below = page(&service, "/map", &[("x-forwarded-prefix", "/mesh")]).await;
    assert!(below.contains("<image href=\"/mesh/tiles/2/"), "{below}");
}

#[tokio::test]
async fn an_mbtiles_file_is_served_and_the_setting_names_its_makers() {
    let folder = tempfile::tempdir().unwrap();
    let path = mbtiles(&folder, "jpg", "nobody");
    let service = service(MapSettings { attribution: Some("<b>Survey</b>".into()), ..settings(path) }).await;
    serves(&service, "image/jpeg").await;
    let map = page(&service, "/map", &[]).await;
    assert!(map.contains("<p class=\"attribution\">&lt;b&gt;Survey&lt;/b&gt;</p>"), "{map}");
}

#[tokio::test]
async fn a_file_that_shrinks_under_the_server_costs_only_its_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = pmtiles(&folder, TileType::Webp, "");
    let service = service(settings(&path)).await;
    File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    assert_eq!(service.get("/tiles/1/0/0").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let map = page(&service, "/map", &[]).await;
    assert!(map.contains("<p class=\"attribution\">region</p>"), "{map}");
}

#[tokio::test]
async fn only_the_map_may_load_pictures_and_only_of_the_host_that_is_set() {
    let service = service(settings("https://tiles.example:8443/osm/{z}/{x}/{y}.png?key=1")).await;
    let response = service.get("/map").await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("; img-src 'self' https://tiles.example:8443; connect-src 'self';"), "{policy}");
    assert_eq!(response.headers()["referrer-policy"], "strict-origin-when-cross-origin");
    let map = response.text().await.unwrap();
    assert!(map.contains("<image href=\"https://tiles.example:8443/osm/") && map.contains(".png?key=1\""), "{map}");
    assert!(map.contains("<p class=\"attribution\">tiles.example:8443</p>"), "{map}");
    for other in ["/", "/collector", "/nodes/Hafen"] {
        let response = service.get(other).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("img-src 'self';") && !policy.contains("tiles.example"), "{other}: {policy}");
    }
    assert_eq!(service.get("/tiles/0/0/0").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_tiles_stops_the_start_and_says_why() {
    assert!(Tiles::open(&MapSettings::default()).await.unwrap().is_none());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        fs::write(folder.path().join(name), content).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let vectors = TempDir::new_in(folder.path()).unwrap();
    let cases = [
        ("https://host/{z}/{x}.png".to_owned(), "expected {y} once"),
        ("https://{s}.host/{z}/{x}/{y}.png".into(), "no braces but {z}, {x} and {y}"),
        ("https://host/{z}/{x}/{-y}.png".into(), "expected {y} once"),
        ("https://{x}/{z}/{y}.png".into(), "in the path, not in the host"),
        ("https://me:secret@host/{z}/{x}/{y}".into(), "no user"),
        ("https://host;script-src/{z}/{x}/{y}".into(), "expected a host"),
        ("ftp://host/{z}/{x}/{y}".into(), "expected http:// or https://"),
        ("region.tiff".into(), "expected a .pmtiles or .mbtiles file, or an address such as"),
        ("no/such.mbtiles".into(), "unable to open"),
        (file("bad.pmtiles", b"no tiles at all"), "nvalid"),
        (file("bad.mbtiles", b"no tiles at all"), "not a database"),
        (
            pmtiles(&vectors, TileType::Mvt, "").to_str().unwrap().into(),
            "its tiles are vectors, but the map draws pictures",
        ),
        (mbtiles(&vectors, "pbf", "").to_str().unwrap().into(), "its tiles are vectors, but the map draws pictures"),
    ];
    for (tiles, expected) in cases {
        let error = Tiles::open(&settings(&tiles)).await.unwrap_err().to_string();
        assert!(error.contains("ISEMS_MAP_TILES") && error.contains(expected), "{tiles}: {error}");
        assert!(error.contains(&format!("{tiles:?}")), "{tiles}: {error}");
    }
}
