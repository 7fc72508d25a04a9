//! check and backup of damaged files.

use std::fs;

use redb::{Database, TableDefinition};

use crate::{
    common::text,
    place::{Place, all_of, names, two_nodes},
};

#[test]
fn damage_is_named_and_the_rest_is_saved() {
    const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    let stored = two_nodes();
    for serves in [false, true] {
        let mut place = Place::new(&stored);
        let database = Database::open(place.path("isems.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        let second = stored[700].timestamp;
        transaction.open_table(ROWS).unwrap().insert(1 << 32 | second as u64, [0xee; 5].as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(database);
        if serves {
            place.serve();
        }
        let output = place.run(&["check"]);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stdout);
        let lines: Vec<&str> = said.lines().collect();
        let time = jiff::Timestamp::from_second(second).unwrap();
        assert_eq!(lines[0], format!("node {} at {time}: the row is damaged: unknown format", names(&stored)[0]));
        assert!(lines[1].contains("1 damaged") && lines[1].contains("isems-server backup"), "{said}");
        assert_eq!(lines.len(), 2, "{said}");
        let backup = place.run(&["backup", "copy.redb"]);
        let told = text(&backup.stdout);
        assert_eq!(backup.status.code(), Some(1), "{told}");
        assert_eq!(told.lines().next(), Some(lines[0]), "{told}");
        assert!(told.contains("copy.redb: 1 damaged"), "{told}");
        let saved = all_of(&place.path("copy.redb"), &names(&stored)[1]);
        assert_eq!(saved.len(), 1440);
    }
}

#[test]
fn what_can_be_read_of_a_broken_structure_is_told_and_saved() {
    let mut stored = two_nodes();
    stored[700].firmware_version = Some("on the broken page".into());
    let [first, second] = names(&stored);
    for serves in [false, true] {
        let mut place = Place::new(&stored);
        let path = place.path("isems.redb");
        let mut file = fs::read(&path).unwrap();
        let mut broken = 0;
        for page in file.chunks_mut(4096) {
            if page.windows(18).any(|bytes| bytes == b"on the broken page") {
                page.fill(0xa5);
                broken += 1;
            }
        }
        assert!(broken > 0);
        fs::write(&path, file).unwrap();
        if serves {
            place.serve();
        }
        let check = place.run(&["check"]);
        let said = text(&check.stdout);
        assert_eq!(check.status.code(), Some(1), "{said}");
        assert!(said.starts_with(&format!("node {first} from 2025-10-26T")), "{said}");
        assert!(said.contains("Z: its rows cannot be read: ") && !said.contains(&second), "{said}");
        assert!(said.contains(" measurements, 0 sealed blocks: 1 damaged. "), "{said}");
        let (_, count) = said.split_once("Read 2 nodes, ").unwrap();
        let count: usize = count.split(' ').next().unwrap().parse().unwrap();
        let backup = place.run(&["backup", "copy.redb"]);
        let told = text(&backup.stdout);
        assert_eq!(backup.status.code(), Some(1), "{told}");
        assert_eq!(told.lines().next(), said.lines().next(), "both tell the same");
        assert!(told.contains("copy.redb: 1 damaged. "), "{told}");
        let saved = all_of(&place.path("copy.redb"), &first);
        assert!((1440 - 120..1440).contains(&saved.len()), "{} are saved", saved.len());
        assert_eq!(saved.len() + 1440, count, "check counts what lies after the page, too");
        assert!(saved.iter().all(|saved| stored.contains(saved)));
        assert_eq!(all_of(&place.path("copy.redb"), &second), stored[1440..]);
        let unfinished = |name: &String| name.contains("unfinished");
        assert!(!place.files().iter().any(unfinished), "{:?}", place.files());
    }
}

#[test]
fn a_file_that_cannot_be_opened_leaves_something_to_do() {
    let place = Place::new(&two_nodes());
    let whole = fs::read(place.path("isems.redb")).unwrap();
    fs::write(place.path("isems.redb"), &whole[..whole.len() / 2]).unwrap();
    for command in [&["check"][..], &["backup", "copy.redb"], &["export"], &["stats"], &["compact"]] {
        let error = place.error(command);
        assert!(error.contains("put a backup in its place"), "{error}");
        assert!(!error.contains("isems-server check"), "{error}");
    }
    assert_eq!(place.files().len(), 1);
}
