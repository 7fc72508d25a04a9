//! Killed at any moment: everything acknowledged is there, and nothing is half done.

use std::{
    collections::BTreeMap,
    env,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use isems_core::{Batch, Measurement, RedbRepository, Repository, testing::sample_measurement};

use super::{MONDAY, WEEK, all_of, assert_exact, node_id};

const FILE_OF_CHILD: &str = "ISEMS_TEST_FILE_OF_CRASH";
const STEP_OF_CHILD: &str = "ISEMS_TEST_STEP_OF_CRASH";
const ACKNOWLEDGED: &str = "acknowledged ";

/// The measurements that a step stores: 300 measurements in each of two weeks. Three steps fill the same weeks.
fn measurements(step: i64) -> Vec<Measurement> {
    let time = |place: i64| MONDAY + step / 12 % 4 * WEEK + place / 300 * WEEK + (place % 300) * 1200 + step;
    (0..600).map(|place| sample_measurement("Hut", time(place))).collect()
}

/// Returns the range that a step deletes.
fn deleted(step: i64) -> std::ops::Range<i64> {
    let start = MONDAY + step / 12 % 4 * WEEK + 3 * 86_400;
    start..start + 5 * 86_400
}

async fn take(repository: &RedbRepository, step: i64) {
    let batch = || Batch { measurements: measurements(step), ..Batch::default() };
    match step % 4 {
        0 => drop(repository.store(batch()).await.expect("it is stored")),
        1 => drop(repository.import(batch()).await.expect("it is imported")),
        2 => drop(repository.seal(i64::MAX).await.expect("it is sealed")),
        _ => {
            let range = deleted(step);
            repository.delete(&node_id("Hut"), range.start, range.end).await.expect("it is deleted");
        }
    }
}

/// Returns the measurements that exist after a number of steps.
fn after(steps: i64) -> Vec<Measurement> {
    let mut kept = BTreeMap::new();
    for step in 0..steps {
        match step % 4 {
            0 | 1 => {
                for measurement in measurements(step) {
                    kept.entry(measurement.timestamp).or_insert(measurement);
                }
            }
            2 => {}
            _ => kept.retain(|time, _| !deleted(step).contains(time)),
        }
    }
    kept.into_values().collect()
}

#[tokio::test]
#[ignore = "the other process of another test"]
async fn works_for_another_test() {
    let (Some(path), Ok(step)) = (env::var_os(FILE_OF_CHILD), env::var(STEP_OF_CHILD)) else { return };
    let repository = RedbRepository::open(path).expect("the file can be opened");
    for step in step.parse().expect("the other test tells a number").. {
        take(&repository, step).await;
        println!("{ACKNOWLEDGED}{step}");
    }
}

fn working_process(path: &Path, step: i64) -> Child {
    Command::new(env::current_exe().expect("the test has a file"))
        .args(["core::crash::works_for_another_test", "--exact", "--ignored", "--nocapture"])
        .env(FILE_OF_CHILD, path)
        .env(STEP_OF_CHILD, step.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test can start itself")
}

/// Returns the last step that a process reported in a complete line.
fn acknowledged(told: &str) -> Option<i64> {
    let whole = told.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().rev().find_map(|line| line.split_once(ACKNOWLEDGED)?.1.parse().ok())
}

#[tokio::test]
async fn sealing_importing_and_deleting_are_whole_or_not_at_all_when_the_process_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("isems.redb");
    let random = RandomState::new();
    let mut done = 0;
    for round in 0..10_u64 {
        let mut child = working_process(&path, done);
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut told = String::new();
        for _ in 0..=random.hash_one(round) % 6 {
            while acknowledged(&told).is_none_or(|step| step < done) {
                assert!(lines.read_line(&mut told).expect("the other process can be read") > 0, "it ended: {told}");
            }
            lines.read_line(&mut told).expect("the other process can be read");
        }
        // Any moment will do: nothing is waited for.
        thread::sleep(Duration::from_micros(random.hash_one(round + 100) % 20_000));
        child.kill().expect("the other process can be killed");
        child.wait().expect("the other process ends");
        lines.read_to_string(&mut told).expect("the other process can be read");
        let last = acknowledged(&told).expect("it has told of a step");

        let repository = RedbRepository::open(&path).expect("the file can be opened after the kill");
        assert_eq!(repository.check().await.expect("it can be read").damages, [], "round {round} after step {last}");
        let found = all_of(&repository, "Hut").await;
        // The step under way is done, or not begun.
        done = if found.len() == after(last + 1).len() { last + 1 } else { last + 2 };
        assert_exact(&found, &after(done));
        repository.seal(i64::MAX).await.expect("it is sealed");
        assert_exact(&all_of(&repository, "Hut").await, &after(done));
    }
}
