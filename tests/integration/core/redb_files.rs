//! The redb repository's file: what is opened, what is refused, and what survives.

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use isems_core::{
    Batch, OpenError, RedbRepository, Repository,
    testing::{SAMPLE_TIME, sample_measurement},
};
use redb::{Database, MultimapTableDefinition, TableDefinition};
use tempfile::TempDir;

use super::all_of;

const METADATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("metadata");

fn new_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    (folder, path)
}

fn refusal(path: &Path) -> OpenError {
    RedbRepository::open(path).expect_err("the file is refused")
}

/// Makes a redb file of another program.
fn make_redb_file(path: &Path, fill: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::create(path).expect("a new file can be made");
    let transaction = database.begin_write().expect("it can be written");
    fill(&transaction);
    transaction.commit().expect("it can be written");
}

fn insert_metadata(transaction: &redb::WriteTransaction, key: &str, value: &[u8]) {
    let mut metadata = transaction.open_table(METADATA).expect("the table can be made");
    metadata.insert(key, value).expect("it can be written");
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _) = new_path();
    let path = folder.path().join("a/b/isems.redb");
    let error = refusal(&path);
    assert!(matches!(&error, OpenError::FolderMissing { folder, .. } if path.parent() == Some(folder)));
    assert!(error.to_string().contains("a/b\" does not exist"), "{error}");
    assert!(!folder.path().join("a").exists(), "nothing is made");
}

#[test]
fn files_of_other_programs_are_refused_and_left_alone() {
    let contents: [&[u8]; 5] = [b"x", b"red", b"SQLite format 3\0", b"not a database at all\n", b"\0\0\0\0\0\0\0\0"];
    for content in contents {
        let (_folder, path) = new_path();
        fs::write(&path, content).expect("it can be written");
        let error = refusal(&path);
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
        assert!(error.to_string().contains("isems.redb"), "{error}");
        assert_eq!(fs::read(&path).expect("it can be read"), content);
    }
}

#[test]
fn redb_files_of_other_programs_are_refused() {
    let fills: [fn(&redb::WriteTransaction); 5] = [
        |transaction| {
            const USERS: TableDefinition<'_, u64, &str> = TableDefinition::new("users");
            transaction.open_table(USERS).expect("the table can be made");
        },
        |transaction| {
            const TAGS: MultimapTableDefinition<'_, u64, &str> = MultimapTableDefinition::new("tags");
            transaction.open_multimap_table(TAGS).expect("the table can be made");
        },
        |transaction| {
            const OTHER: TableDefinition<'_, u64, u64> = TableDefinition::new("metadata");
            transaction.open_table(OTHER).expect("the table can be made");
        },
        |transaction| insert_metadata(transaction, "version", b"1"),
        |transaction| insert_metadata(transaction, "format", b"one"),
    ];
    for fill in fills {
        let (_folder, path) = new_path();
        make_redb_file(&path, fill);
        let error = refusal(&path);
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_with_both_versions() {
    let (_folder, path) = new_path();
    drop(RedbRepository::open(&path).expect("a new file can be made"));
    let database = Database::open(&path).expect("it is a redb file");
    let transaction = database.begin_write().expect("it can be written");
    insert_metadata(&transaction, "format", &77_u32.to_le_bytes());
    transaction.commit().expect("it can be written");
    drop(database);
    let error = refusal(&path);
    assert!(matches!(error, OpenError::NewerFormat { found: 77, .. }), "{error:?}");
    assert!(error.to_string().contains("77 is newer than"), "{error}");
}

#[test]
fn an_empty_file_is_not_taken_for_a_new_one() {
    let (_folder, path) = new_path();
    fs::write(&path, b"").expect("it can be written");
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "what was there may have been cut off: {error:?}");
}

#[test]
fn a_folder_is_no_file() {
    let (folder, _) = new_path();
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    assert!(error.source().is_some(), "the cause is told");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let (_folder, path) = new_path();
    let repository = RedbRepository::open(&path).expect("a new file can be made");
    let measurements = (0..5000).map(|minute| sample_measurement("Hut", SAMPLE_TIME + 60 * minute)).collect();
    repository.store(Batch { measurements, ..Batch::default() }).await.expect("it is stored");
    drop(repository);
    let whole = fs::read(&path).expect("it can be read");
    for length in [4, 9, 64, 100, 320, 512, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("it can be written");
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::NotADatabase { .. }), "{error:?}");
    }
    for place in [9, 12, 64, 100, 200, 300] {
        let mut damaged = whole.clone();
        damaged[place..].fill(0xa5);
        fs::write(&path, &damaged).expect("it can be written");
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::NotADatabase { .. }), "{error:?}");
    }
    fs::write(&path, &whole).expect("it can be written");
    let repository = RedbRepository::open(&path).expect("the whole file can be opened");
    assert_eq!(all_of(&repository, "Hut").await.len(), 5000);
}

#[tokio::test]
async fn a_file_is_open_once_in_a_process() {
    let (_folder, path) = new_path();
    let repository = RedbRepository::open(&path).expect("a new file can be made");
    assert!(matches!(refusal(&path), OpenError::Locked { .. }));
    drop(repository);
    RedbRepository::open(&path).expect("a closed file can be opened again");
}

const FILE_OF_CHILD: &str = "ISEMS_TEST_FILE_OF_CHILD";
const ACKNOWLEDGED: &str = "acknowledged ";

/// Runs another process that stores one measurement after another in a file, and reports each that is acknowledged.
fn storing_process(path: &Path) -> Child {
    Command::new(env::current_exe().expect("the test has a file"))
        .args(["core::redb_files::stores_for_another_test", "--exact", "--ignored", "--nocapture"])
        .env(FILE_OF_CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test can start itself")
}

#[tokio::test]
#[ignore = "the other process of other tests"]
async fn stores_for_another_test() {
    let Some(path) = env::var_os(FILE_OF_CHILD) else { return };
    let repository = RedbRepository::open(path).expect("the file can be opened");
    for second in 0.. {
        let measurements = vec![sample_measurement("Hut", SAMPLE_TIME + second)];
        repository.store(Batch { measurements, ..Batch::default() }).await.expect("it is stored");
        println!("{ACKNOWLEDGED}{second}");
    }
}

#[tokio::test]
async fn another_process_locks_the_file_and_loses_nothing_when_it_is_killed() {
    let (_folder, path) = new_path();
    let mut acknowledged = 0;
    for round in 1..=3 {
        let mut child = storing_process(&path);
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut last = None;
        for _ in 0..50 {
            let mut line = String::new();
            lines.read_line(&mut line).expect("the other process can be read");
            last = line.trim_end().rsplit_once(ACKNOWLEDGED).map(|(_, second)| second.to_owned()).or(last);
        }
        assert!(last.is_some(), "the other process stores in round {round}");
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
        assert!(error.to_string().contains("another process"), "{error}");
        child.kill().expect("the other process can be killed");
        child.wait().expect("the other process ends");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("the other process can be read");
        let complete = rest.rsplit_once('\n').map_or("", |(complete, _)| complete);
        let last = complete.lines().last().and_then(|line| line.strip_prefix(ACKNOWLEDGED)).map(Into::into).or(last);
        let last: usize = last.and_then(|last| last.parse().ok()).expect("the other process tells numbers");
        acknowledged = acknowledged.max(last + 1);

        let repository = RedbRepository::open(&path).expect("the file can be opened after the kill");
        let found = all_of(&repository, "Hut").await;
        assert!(found.len() >= acknowledged, "{} of {acknowledged} are there in round {round}", found.len());
        let nodes = repository.nodes().await.expect("it can be read");
        assert_eq!(nodes[0].measurements, found.len() as u64);
        assert_eq!(nodes[0].latest, found[found.len() - 1]);
    }
}

#[test]
fn a_file_can_be_made_while_the_program_starts_others() {
    let is_over = AtomicBool::new(false);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    thread::scope(|scope| {
        // Until it has become the other program, a child process holds everything that is open here.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let child = Command::new("true").status();
                assert!(child.expect("it can be started").success());
            }
        });
        // Each is created, then reopened.
        let paths = (0..300).map(|number| folder.path().join((number / 2).to_string()));
        let made: Result<Vec<()>, OpenError> = paths.map(|path| RedbRepository::open(path).map(drop)).collect();
        is_over.store(true, Ordering::Relaxed);
        made.expect("nobody else has them open");
    });
}
