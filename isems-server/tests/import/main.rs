//! `isems-server import` as its user sees it: real files, a real process, and the resulting database.

mod csvlog;
mod failures;
mod formats;
#[cfg(unix)]
mod interruption;
mod sqlite;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use isems_core::{Measurement, MeasurementQuery, RedbRepository, Reject, RejectQuery, Repository};
use tempfile::TempDir;

/// A folder with files to import, and a database.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn command(&self, files: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isems-server"));
        command.env_clear().current_dir(self.0.path()).arg("import").args(files);
        command
    }

    /// Runs an import that must succeed.
    fn import(&self, files: &[&str]) -> String {
        let output = self.command(files).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    }

    /// Runs an import that must end with code 1.
    fn fail(&self, files: &[&str]) -> Output {
        let output = self.command(files).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        output
    }

    fn database(&self) -> RedbRepository {
        RedbRepository::open(self.path("isems.redb")).unwrap()
    }

    async fn measurements(&self, node: &str) -> Vec<Measurement> {
        let everything = MeasurementQuery::oldest_first(node.parse().unwrap());
        self.database().measurements(&everything).await.unwrap()
    }

    async fn times(&self, node: &str) -> Vec<i64> {
        self.measurements(node).await.iter().map(|measurement| measurement.timestamp).collect()
    }

    async fn rejects(&self) -> Vec<Reject> {
        self.database().rejects(&RejectQuery::newest(10_000)).await.unwrap().rejects
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns a line of a node at a second, with values that vary by second.
fn line(node: &str, second: i64) -> String {
    let part = second % 1_000;
    format!("{node};1;{second};v1;{part};0;18.{part};18.6;14.073;100;nan;28;11.67;14.086;7;20;52.507309;13.458635;300")
}

/// Returns lines of a node, one a minute.
fn minutes(node: &str, from: i64, count: i64) -> impl Iterator<Item = String> {
    (0..count).map(move |minute| line(node, from + 60 * minute) + "\n")
}

/// 2025-06-02T00:00:00Z, a Monday.
const MONDAY: i64 = 1_748_822_400;

/// Returns everything below a folder, with its content.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(&path).unwrap_or_default()))
        .collect();
    files.sort();
    files
}
