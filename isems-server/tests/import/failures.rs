//! Files that cannot be read, and a database that cannot be opened.

use std::fs;

use isems_core::{RedbRepository, Repository};
use rusqlite::Connection;

use super::{MONDAY, Place, listing, minutes, text};

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_and_the_others_are_imported() {
    let place = Place::new();
    place.write("first.log", minutes("First", MONDAY, 5).collect::<String>());
    place.write("last.log", minutes("Last", MONDAY, 5).collect::<String>());
    fs::create_dir(place.path("empty")).unwrap();
    let foreign = Connection::open(place.path("photos.sqlite")).unwrap();
    foreign.execute_batch("CREATE TABLE photo (id INTEGER PRIMARY KEY, title TEXT)").unwrap();
    drop(foreign);
    drop(RedbRepository::open(place.path("other.redb")).unwrap());
    let gzip = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(minutes("Half", MONDAY, 100).collect::<String>().as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    place.write("half.log.gz", &gzip[..gzip.len() / 2]);
    let files = ["first.log", "missing.log", "empty", "photos.sqlite", "other.redb", "half.log.gz", "last.log"];
    let output = place.fail(&files);
    let (report, log) = (text(&output.stdout), text(&output.stderr));
    assert!(report.starts_with("2 files read, 5 failed\n"), "{report}");
    for (file, problem) in [
        ("missing.log", "No such file"),
        ("empty", "has the name of a log"),
        ("photos.sqlite", "no such table: measurement"),
        ("other.redb", "database of isems"),
        ("half.log.gz", "cannot unpack it to its end"),
    ] {
        let is_told = |text: &str| text.lines().any(|line| line.contains(file) && line.contains(problem));
        assert!(is_told(&report), "{file} is missing in {report}");
        assert!(is_told(&log), "{file} is missing in {log}");
    }
    assert_eq!(place.times("First").await.len(), 5);
    assert_eq!(place.times("Last").await.len(), 5);
    assert!(!place.times("Half").await.is_empty(), "what came before the end is imported");
}

#[test]
fn nothing_to_import_makes_no_database() {
    let place = Place::new();
    place.fail(&["missing.log"]);
    assert!(listing(place.0.path()).is_empty());
    let output = place.command(&[]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("FILE"), "{output:?}");
}

#[tokio::test]
async fn a_database_that_a_server_holds_is_left_alone() {
    let place = Place::new();
    place.write("hut.log", minutes("Hut", MONDAY, 5).collect::<String>());
    let held = place.database();
    let error = text(&place.fail(&["hut.log"]).stderr);
    assert!(error.contains("isems.redb") && error.contains("stop it, import, and start it again"), "{error}");
    assert!(held.nodes().await.unwrap().is_empty());
}

#[test]
fn the_old_database_in_the_settings_leads_to_the_import() {
    let place = Place::new();
    let output = place.command(&["x.log"]).env("DATABASE_URL", "sqlite:////srv/old.sqlite").output().unwrap();
    let error = text(&output.stderr);
    assert!(error.contains("isems-server import /srv/old.sqlite --database-url isems.redb"), "{error}");
    place.write("x.log", minutes("Hut", MONDAY, 5).collect::<String>());
    let mut command = place.command(&["x.log", "--database-url", "isems.redb"]);
    let output = command.env("DATABASE_URL", "sqlite:////srv/old.sqlite").output().unwrap();
    assert!(output.status.success(), "the advice can be followed: {output:?}");
}
