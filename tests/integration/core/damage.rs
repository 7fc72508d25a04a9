//! Damaged files: only damaged data is lost, it is reported, and never mistaken for something else.

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
};

use isems_core::{
    Batch, Buckets, Checked, Damage, Field, Measurement, MeasurementQuery, NodeId, NumberField, OpenError, RedbOptions,
    RedbRepository, Reject, RejectKind, RejectQuery, RejectReason, Repository, RepositoryError, SeriesQuery, chain,
    testing::{SAMPLE_TIME, sample_measurement},
};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tempfile::TempDir;

use super::{MONDAY, WEEK, all_of, assert_exact, node_id};

const NODES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("nodes");
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
const REJECTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rejects");

const NAMES: [&str; 2] = ["Barn", "Hut"];

/// The number of measurements of a node in a week of these files.
const A_WEEK: i64 = 200;

fn batch(measurements: Vec<Measurement>) -> Batch {
    Batch { measurements, ..Batch::default() }
}

fn week_of(name: &str, week: i64) -> Vec<Measurement> {
    let minute = |place: i64| sample_measurement(name, MONDAY + week * WEEK + 60 * place);
    (0..A_WEEK).map(minute).collect()
}

/// Returns everything stored: three weeks of each node.
fn everything() -> Vec<Measurement> {
    NAMES.iter().flat_map(|name| (0..3).flat_map(|week| week_of(name, week))).collect()
}

/// Makes a file with two sealed weeks of each node, an unsealed one, late rows for a sealed one, and rejects.
async fn make_file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    let (late, others): (Vec<_>, Vec<_>) =
        everything().into_iter().partition(|measurement| measurement.timestamp % WEEK % 13 == 0);
    repository.store(batch(others)).await.expect("it is stored");
    repository.seal(MONDAY + 2 * WEEK).await.expect("it is sealed");
    let reject = Reject {
        kind: RejectKind::Line,
        received_at: SAMPLE_TIME,
        transport: "test".into(),
        source: "a test".into(),
        node: None,
        reason: RejectReason::FieldCount,
        field: None,
        line: 1,
        text: "rubbish".into(),
    };
    let batch = Batch { measurements: late, rejects: vec![reject; 3], ..Batch::default() };
    repository.store(batch).await.expect("it is stored");
    (folder, path)
}

/// Changes a file behind the repository's back.
fn edit<K: redb::Key + 'static>(
    path: &Path,
    table: TableDefinition<'static, K, &'static [u8]>,
    edit: impl FnOnce(&mut redb::Table<'_, K, &'static [u8]>),
) {
    let database = Database::open(path).expect("the file is a redb file");
    let transaction = database.begin_write().expect("it can be written");
    edit(&mut transaction.open_table(table).expect("it has the table"));
    transaction.commit().expect("it can be written");
}

/// Returns the keys of the pieces of blocks.
fn pieces(path: &Path) -> Vec<u64> {
    let database = Database::open(path).expect("the file is a redb file");
    let transaction = database.begin_read().expect("it can be read");
    let table = transaction.open_table(BLOCKS).expect("it has the table");
    table.iter().expect("it can be read").map(|entry| entry.expect("it can be read").0.value()).collect()
}

/// Changes a byte of a value.
fn flip(path: &Path, table: TableDefinition<'static, u64, &'static [u8]>, key: u64, place: usize) {
    edit(path, table, |table| {
        let mut value = table.get(key).expect("it can be read").expect("it is there").value().to_vec();
        let place = place.min(value.len() - 1);
        value[place] ^= 0x10;
        table.insert(key, value.as_slice()).expect("it can be written");
    });
}

/// Returns the measurements of a node outside the damaged week.
fn outside(measurements: impl IntoIterator<Item = Measurement>, id: &NodeId, week: i64) -> Vec<Measurement> {
    let start = MONDAY + week * WEEK;
    let is_outside = |m: &Measurement| m.node_id == *id && !(start..start + WEEK).contains(&m.timestamp);
    measurements.into_iter().filter(is_outside).collect()
}

fn problems(checked: &Checked) -> String {
    let problems: Vec<_> = checked.damages.iter().map(ToString::to_string).collect();
    problems.join("\n")
}

/// Damages various positions in the block of Barn's first week, which is a single piece: in the header and in columns.
#[tokio::test]
async fn a_damaged_block_costs_itself_only() {
    let (folder, path) = make_file().await;
    let whole = fs::read(&path).expect("it can be read");
    let barn = node_id("Barn");
    for place in [0, 4, 5, 9, 15, 30, 60, 120, 300, 700, usize::MAX] {
        fs::write(&path, &whole).expect("it can be written");
        flip(&path, BLOCKS, pieces(&path)[0], place);
        let repository = RedbRepository::open(&path).expect("the file can be opened");
        let checked = repository.check().await.expect("it can be read");
        assert_eq!(checked.damages.len(), 1, "{place}: {}", problems(&checked));
        let damage = checked.damages[0].clone();
        assert_eq!((&*damage.place, damage.seconds.clone()), ("node Barn", Some(MONDAY..MONDAY + WEEK)), "{place}");
        assert!(damage.problem.starts_with("the block is damaged: "), "{place}: {damage}");
        assert_eq!(checked.blocks, 3, "the others are sound");

        // The late rows of the week are there, and nothing that is not stored is.
        let late: Vec<_> = week_of("Barn", 0).into_iter().filter(|m| m.timestamp % WEEK % 13 == 0).collect();
        let expected: Vec<_> = late.iter().cloned().chain(outside(everything(), &barn, 0)).collect();
        assert_exact(&all_of(&repository, "Barn").await, &expected);
        let query = MeasurementQuery::newest_first(barn.clone());
        let mut newest = repository.measurements(&query).await.expect("it can be read");
        newest.reverse();
        assert_exact(&newest, &expected);
        let query = SeriesQuery {
            node: barn.clone(),
            fields: NumberField::ALL.to_vec(),
            from: i64::MIN,
            to: i64::MAX,
            buckets: Buckets::AtMost(1),
        };
        let series = repository.series(&query).await.expect("it can be read");
        // A column that is not damaged can still be drawn.
        let counts: BTreeSet<_> = series.fields.iter().map(|(_, buckets)| buckets[0].count).collect();
        let sound = 3 * A_WEEK as u64;
        assert!(counts.is_subset(&BTreeSet::from([expected.len() as u64, sound])), "{place}: {counts:?}");

        // So is one that is not damaged read without the others.
        let mut lost = Vec::new();
        for field in Field::ALL {
            let fields = [field].into_iter().collect();
            let query = MeasurementQuery { fields, ..MeasurementQuery::oldest_first(barn.clone()) };
            let found = repository.measurements(&query).await.expect("it can be read");
            assert!([expected.len(), sound as usize].contains(&found.len()), "{place}: {field}");
            if found.len() == expected.len() {
                lost.push(field);
            }
        }
        if place == usize::MAX {
            assert!((1..=2).contains(&lost.len()), "the last column costs itself, and what it predicts: {lost:?}");
        }

        // What comes for the week lies beside the damage, also when it is imported, and is not sealed.
        let new = sample_measurement("Barn", MONDAY + 30);
        assert_eq!(repository.store(batch(vec![new.clone()])).await.expect("it is stored").stored(), 1);
        let imported = sample_measurement("Barn", MONDAY + 90);
        assert_eq!(repository.import(batch(vec![imported.clone(), new])).await.expect("it is imported").duplicates, 1);
        repository.seal(i64::MAX).await.expect("the rest is sealed");
        assert_eq!(all_of(&repository, "Barn").await.len(), expected.len() + 2);
        let recent: Vec<_> =
            repository.statistics().await.expect("it can be read").nodes.iter().map(|node| node.recent).collect();
        assert_eq!(recent, [late.len() as u64 + 2, 0]);

        // A copy has what can be read.
        let copy = folder.path().join(format!("copy {place}.redb"));
        let copied = repository.backup(&copy).await.expect("it is copied");
        assert_eq!(copied.damages, [damage], "what is damaged in the copy is told");
        assert_eq!(copied.bytes, fs::metadata(&copy).expect("it is there").len());
        let copy = RedbRepository::open(&copy).expect("the copy can be opened");
        assert_eq!(all_of(&copy, "Barn").await, all_of(&repository, "Barn").await);
        assert_exact(&all_of(&copy, "Hut").await, &outside(everything(), &node_id("Hut"), 9));

        // Deleting a part of the week leaves the damage, deleting the week removes it.
        assert_eq!(repository.delete(&barn, MONDAY + 30, MONDAY + 31).await.expect("it is deleted"), 1);
        assert!(!repository.check().await.expect("it can be read").damages.is_empty());
        repository.delete(&barn, MONDAY, MONDAY + WEEK).await.expect("it is deleted");
        assert_eq!(problems(&repository.check().await.expect("it can be read")), "", "{place}");
        assert_exact(&all_of(&repository, "Barn").await, &outside(everything(), &barn, 0));
    }
}

#[tokio::test]
async fn a_block_with_nothing_else_is_deleted_be_it_damaged() {
    let (_folder, path) = make_file().await;
    flip(&path, BLOCKS, pieces(&path)[0], 0);
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    let barn = node_id("Barn");
    for measurement in all_of(&repository, "Barn").await.iter().filter(|m| m.timestamp < MONDAY + WEEK) {
        repository.delete(&barn, measurement.timestamp, measurement.timestamp + 1).await.expect("it is deleted");
    }
    repository.delete(&barn, MONDAY, MONDAY + WEEK).await.expect("it is deleted");
    assert_eq!(problems(&repository.check().await.expect("it can be read")), "");
}

#[tokio::test]
async fn blocks_and_rows_at_another_place_are_damage() {
    let (_folder, path) = make_file().await;
    let whole = fs::read(&path).expect("it can be read");
    let keys = pieces(&path);
    // The bits of the piece, the week and the node.
    for bit in [0, 3, 16, 18, 30, 32, 33, 60] {
        fs::write(&path, &whole).expect("it can be written");
        edit(&path, BLOCKS, |blocks| {
            let value = blocks.remove(keys[0]).expect("it can be written").expect("it is there").value().to_vec();
            blocks.insert(keys[0] ^ 1 << bit, value.as_slice()).expect("it can be written");
        });
        assert_only_sound_ones(&path, &format!("bit {bit} of a block's key")).await;
    }
    for bit in [0, 5, 31, 32, 40, 63] {
        fs::write(&path, &whole).expect("it can be written");
        edit(&path, ROWS, |rows| {
            let (key, value) = {
                let (key, value) = rows.first().expect("it can be read").expect("there is a row");
                (key.value(), value.value().to_vec())
            };
            rows.remove(key).expect("it can be written");
            rows.insert(key ^ 1 << bit, value.as_slice()).expect("it can be written");
        });
        assert_only_sound_ones(&path, &format!("bit {bit} of a row's key")).await;
    }
}

/// Opens a damaged file, and does everything with it. Whatever is read was stored, and whatever is missing is reported.
async fn assert_only_sound_ones(path: &Path, damage: &str) {
    let opened = RedbRepository::open(path);
    let repository = match opened {
        Ok(repository) => repository,
        Err(error) => {
            assert!(error.to_string().contains("isems.redb"), "{damage}: {error} names no file");
            assert!(
                matches!(
                    error,
                    OpenError::Damaged { .. } | OpenError::NotADatabase { .. } | OpenError::NewerFormat { .. }
                ),
                "{damage}: {error:?}"
            );
            return;
        }
    };
    let expected = everything();
    let mut found = Vec::new();
    let mut is_whole = true;
    for name in NAMES {
        match repository.measurements(&MeasurementQuery::oldest_first(node_id(name))).await {
            Ok(measurements) => found.extend(measurements),
            Err(error) => is_whole = assert_is_damage(&error, damage),
        }
        let query = SeriesQuery {
            node: node_id(name),
            fields: NumberField::ALL.to_vec(),
            from: i64::MIN,
            to: i64::MAX,
            buckets: Buckets::AtMost(9),
        };
        if let Err(error) = repository.series(&query).await {
            assert_is_damage(&error, damage);
        }
    }
    for measurement in &found {
        assert!(expected.contains(measurement), "{damage}: {measurement:?} was never stored");
    }
    match repository.check().await {
        Ok(checked) => {
            let is_told = !checked.damages.is_empty();
            assert!(is_told || (is_whole && found == expected), "{damage}: something is missing, and nobody tells");
        }
        Err(error) => {
            assert_is_damage(&error, damage);
        }
    }
    for result in [
        repository.statistics().await.map(drop),
        repository.rejects(&RejectQuery::newest(10)).await.map(drop),
        repository.seal(i64::MAX).await.map(drop),
        repository.delete(&node_id("Barn"), MONDAY + 600, MONDAY + WEEK + 600).await.map(drop),
        repository.import(batch(vec![sample_measurement("Hut", MONDAY + 5)])).await.map(drop),
        repository.store(batch(vec![sample_measurement("Hut", MONDAY + 7)])).await.map(drop),
    ] {
        if let Err(error) = result {
            assert_is_damage(&error, damage);
        }
    }
    let copy = path.with_extension("copy");
    let _ = fs::remove_file(&copy);
    if let Err(error) = repository.backup(&copy).await {
        assert_is_damage(&error, damage);
        return;
    }
    let copy = RedbRepository::open(&copy).expect("a copy of a damaged file can be opened");
    copy.check().await.expect("a copy of a damaged file can be read");
    for name in NAMES {
        for found in all_of(&copy, name).await {
            let is_new = found.timestamp == MONDAY + 5 || found.timestamp == MONDAY + 7;
            assert!(is_new || expected.contains(&found), "{damage}: {found:?} was never stored");
        }
    }
}

/// Checks that the error tells what failed, and why. Always returns `false`.
fn assert_is_damage(error: &RepositoryError, damage: &str) -> bool {
    let is_told = match error {
        RepositoryError::Damaged { .. } => chain(error).contains("isems.redb"),
        // After a failed write redb takes none any more until the file is opened again.
        RepositoryError::Unavailable { source, .. } | RepositoryError::Other { source, .. } => {
            !source.to_string().is_empty()
        }
        _ => false,
    };
    assert!(is_told, "{damage}: {error:?}: {:?}", error.source());
    false
}

/// Flips bits, zeroes ranges and truncates at positions all over a file.
#[tokio::test]
async fn what_is_read_of_a_damaged_file_was_stored() {
    let (_folder, path) = make_file().await;
    RedbOptions::default().compact(&path).expect("it can be compacted");
    let whole = fs::read(&path).expect("it can be read");
    let seed = RandomState::new().hash_one(0);
    println!("the random places have the seed {seed}");
    let mut places: Vec<usize> = (0..320).step_by(29).chain((320..whole.len()).step_by(whole.len() / 16)).collect();
    let mut random = seed;
    for _ in 0..12 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        places.push((random >> 33) as usize % whole.len());
    }
    for (number, place) in places.into_iter().enumerate() {
        let mut damaged = whole.clone();
        let damage = match number % 4 {
            0 | 1 => {
                damaged[place] ^= 1 << (place % 8);
                format!("a bit at {place}")
            }
            2 => {
                let end = (place + 512).min(whole.len());
                damaged[place..end].fill(0);
                format!("zeros at {place}")
            }
            _ => {
                damaged.truncate(place);
                format!("cut at {place}")
            }
        };
        fs::write(&path, &damaged).expect("it can be written");
        assert_only_sound_ones(&path, &damage).await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_costs_itself_only() {
    let (_folder, path) = make_file().await;
    let mut key = 0;
    edit(&path, ROWS, |rows| key = rows.first().expect("it can be read").expect("there is a row").0.value());
    for place in [0, 3, 7, 20, 60, usize::MAX] {
        flip(&path, ROWS, key, place);
        let repository = RedbRepository::open(&path).expect("the file can be opened");
        let time = i64::from(key as u32);
        let expected: Vec<_> =
            outside(everything(), &node_id("Barn"), 9).into_iter().filter(|m| m.timestamp != time).collect();
        assert_exact(&all_of(&repository, "Barn").await, &expected);
        let told = problems(&repository.check().await.expect("it can be read"));
        assert!(told.contains(&format!("Barn at {time}: the row is damaged")), "{told}");
        drop(repository);
        flip(&path, ROWS, key, place);
    }
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    assert_eq!(problems(&repository.check().await.expect("it can be read")), "", "what was flipped back is sound");
}

#[tokio::test]
async fn a_node_that_cannot_be_read_is_left_out_and_mixed_with_no_other() {
    let (_folder, path) = make_file().await;
    // Hut has the highest number, which a new node must not get.
    edit(&path, NODES, |nodes| {
        let mut record = nodes.get(2).expect("it can be read").expect("it is there").value().to_vec();
        record[20] ^= 1;
        nodes.insert(2, record.as_slice()).expect("it can be written");
    });
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    assert_exact(&all_of(&repository, "Barn").await, &outside(everything(), &node_id("Barn"), 9));
    assert!(all_of(&repository, "Hut").await.is_empty());
    let told = problems(&repository.check().await.expect("it can be read"));
    assert!(told.contains("node number 2: its record: "), "{told}");
    let new = sample_measurement("New", MONDAY + 7);
    repository.store(batch(vec![new.clone()])).await.expect("it is stored");
    assert_exact(&all_of(&repository, "New").await, &[new]);
    assert_eq!(repository.node_numbers().get(&node_id("New")), Some(&3));
}

#[tokio::test]
async fn a_reject_that_cannot_be_read_costs_itself_only() {
    let (_folder, path) = make_file().await;
    flip(&path, REJECTS, 2, 0);
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    assert_eq!(repository.rejects(&RejectQuery::newest(10)).await.expect("it can be read").rejects.len(), 2);
    let told = problems(&repository.check().await.expect("it can be read"));
    assert!(told.contains("reject 2: "), "{told}");
}

#[tokio::test]
async fn what_was_left_unfinished_is_no_obstacle() {
    let (folder, other) = make_file().await;
    let whole = fs::read(&other).expect("it can be read");
    let path = folder.path().join("new.redb");
    for length in [0, 1, 4, 320, 4096, 5000, whole.len() / 2, whole.len()] {
        let unfinished = folder.path().join("new.redb.unfinished");
        fs::write(&unfinished, &whole[..length]).expect("it can be written");
        let repository = RedbRepository::open(&path).expect("a new file can be made");
        assert_eq!(repository.nodes().await.expect("it can be read"), [], "half a copy is not taken for a database");
        assert!(!unfinished.exists());
        drop(repository);
        fs::remove_file(&path).expect("it can be removed");

        fs::write(&unfinished, &whole[..length]).expect("it can be written");
        let repository = RedbRepository::open(&other).expect("the file can be opened");
        assert_eq!(repository.backup(&path).await.expect("it is copied").damages, []);
        drop(repository);
        let copy = RedbRepository::open(&path).expect("the copy can be opened");
        assert_eq!(problems(&copy.check().await.expect("it can be read")), "");
        assert_eq!(copy.nodes().await.expect("it can be read").len(), 2);
        drop(copy);
        fs::remove_file(&path).expect("it can be removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_copies_to_the_same_place_one_is_whole() {
    let (folder, path) = make_file().await;
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    for round in 0..5 {
        let copy = folder.path().join(format!("copy-{round}.redb"));
        let copies = futures_util::future::join_all((0..8).map(|_| repository.backup(&copy))).await;
        assert!(copies.iter().any(Result::is_ok), "{copies:?}");
        let copy = RedbRepository::open(&copy).expect("the copy can be opened");
        assert_eq!(problems(&copy.check().await.expect("it can be read")), "");
        assert_exact(&all_of(&copy, "Hut").await, &outside(everything(), &node_id("Hut"), 9));
    }
}

/// A lost page of the table itself, not only of values in it.
#[tokio::test]
async fn a_copy_has_what_lies_around_a_page_that_is_lost() {
    let (_folder, path) = make_file().await;
    let whole = fs::read(&path).expect("it can be read");
    // A row is found by its arrival. Before the rows of a page stands where each ends.
    let barn = week_of("Barn", 2)[100].received_at.to_le_bytes();
    let place = whole.windows(8).rposition(|bytes| bytes == barn).expect("the row is in the file");
    let mut damaged = whole.clone();
    let page = place / 4096 * 4096;
    damaged[page + 4..page + 64].fill(0xff);
    fs::write(&path, &damaged).expect("it can be written");
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    repository.measurements(&MeasurementQuery::oldest_first(node_id("Barn"))).await.expect_err("a page is lost");
    let told = problems(&repository.check().await.expect("the rest can be read"));
    assert!(told.contains("node Barn from ") && told.contains(": its rows cannot be read: "), "{told}");
    assert!(!told.contains("block"), "{told}");

    let copy = path.with_extension("copy");
    let copied = repository.backup(&copy).await.expect("what can be read is copied");
    assert_eq!(copied.damages, repository.check().await.expect("the rest can be read").damages);
    let copy = RedbRepository::open(&copy).expect("the copy can be opened");
    assert_eq!(problems(&copy.check().await.expect("it can be read")), "", "the copy agrees with itself");
    let sound = |found: &[Measurement], weeks: std::ops::Range<i64>| {
        let expected = everything();
        assert!(found.iter().all(|measurement| expected.contains(measurement)));
        let end = MONDAY + weeks.end * WEEK;
        found.iter().filter(|measurement| measurement.timestamp < end).count() as i64 >= weeks.end * A_WEEK * 9 / 10
    };
    assert!(sound(&all_of(&copy, "Barn").await, 0..2), "the sealed weeks are there");
    assert!(all_of(&copy, "Barn").await.len() < 3 * A_WEEK as usize, "what was on the page is not");
    assert!(sound(&all_of(&copy, "Hut").await, 0..2), "the other node is there");
}

/// Formats everything that a repository says about a node.
fn told_of_nodes(damages: &[Damage]) -> Vec<String> {
    let of_nodes = damages.iter().filter(|damage| damage.place.starts_with("node "));
    let mut texts: Vec<_> = of_nodes.map(ToString::to_string).collect();
    texts.sort();
    texts
}

/// Loses each page of a file once. Everything in a copy was stored, everything missing from it is reported, also by
/// `check`, and nothing else is. Returns the number of pages for which something was reported.
async fn lose_each_page(path: &Path, stored: &[Measurement], is_sealed: fn(&Measurement) -> bool) -> usize {
    RedbOptions::default().compact(path).expect("it can be compacted");
    let whole = fs::read(path).expect("it can be read");
    let copy = path.with_extension("copy");
    let mut pages_told = 0;
    for page in 1..whole.len() / 4096 {
        let mut broken = whole.clone();
        broken[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(path, &broken).expect("it can be written");
        // The pages of nodes and of the tables themselves are not to be done without.
        let Ok(repository) = RedbRepository::open(path) else { continue };
        let checked = repository.check().await.expect("the rest can be read");
        let copied = repository.backup(&copy).await.expect("the rest can be copied");
        assert_eq!(told_of_nodes(&checked.damages), told_of_nodes(&copied.damages), "page {page}");
        pages_told += usize::from(!copied.damages.is_empty());
        drop(repository);
        let repository = RedbRepository::open(&copy).expect("the copy can be opened");
        for name in NAMES {
            let place = format!("node {name}");
            let damages: Vec<_> = copied.damages.iter().filter(|damage| damage.place == place).collect();
            let is_told = |measurement: &Measurement, what: &str| {
                let is_in =
                    |damage: &&Damage| damage.seconds.clone().unwrap_or_default().contains(&measurement.timestamp);
                damages.iter().any(|damage| is_in(damage) && damage.problem.contains(what))
            };
            let (stored, found) = (outside(stored.to_vec(), &node_id(name), 9), all_of(&repository, name).await);
            assert!(found.iter().all(|found| stored.contains(found)), "page {page}: {name} has what was never stored");
            let lacks: Vec<_> = stored.iter().filter(|stored| !found.contains(stored)).collect();
            assert!(lacks.iter().all(|lacks| is_told(lacks, "")), "page {page}: {name}: {damages:?}");
            assert!(lacks.is_empty() <= damages.is_empty(), "page {page}: nothing is lost, but {damages:?}");
            let is_there = found.iter().find(|found| is_sealed(found) && is_told(found, "its blocks"));
            assert!(is_there.is_none(), "page {page}: {is_there:?} is not lost, but {damages:?}");
        }
        drop(repository);
        fs::remove_file(&copy).expect("it can be removed");
    }
    pages_told
}

#[tokio::test]
async fn what_is_lost_with_a_page_of_rows_is_told() {
    let (_folder, path) = make_file().await;
    let is_sealed = |m: &Measurement| m.timestamp < MONDAY + 2 * WEEK && m.timestamp % WEEK % 13 != 0;
    let pages = lose_each_page(&path, &everything(), is_sealed).await;
    assert!(pages > 20, "only {pages}");
}

#[tokio::test]
async fn what_is_lost_with_a_page_of_blocks_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let repository = RedbRepository::open(&path).expect("the file can be opened");
    // Arrivals that cannot be compressed, so that a block has several pieces.
    let mut random = fastrand::Rng::with_seed(1);
    let mut stored = Vec::new();
    for name in NAMES {
        for (week, count) in [(0, 1500), (1, 700), (3, 1500), (4, 10)] {
            let minute = |place: i64| sample_measurement(name, MONDAY + week * WEEK + 60 * place);
            stored.extend(
                (0..count).map(|place| Measurement { received_at: random.i64(0..i64::MAX / 2), ..minute(place) }),
            );
        }
    }
    repository.store(batch(stored.clone())).await.expect("it is stored");
    repository.seal(MONDAY + 4 * WEEK).await.expect("it is sealed");
    drop(repository);
    let count = pieces(&path).len();
    let pages = lose_each_page(&path, &stored, |m| m.timestamp < MONDAY + 4 * WEEK).await;
    assert!(count > 12 && pages > count, "{pages} for {count} pieces");
}
