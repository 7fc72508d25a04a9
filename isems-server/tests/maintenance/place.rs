//! A folder with a database, and measurements to fill it.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Output};

use isems_core::{Batch, Measurement, MeasurementQuery, RedbRepository, Repository, simulation::SimulatedNode};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Running, run, text};

/// 2025-10-25T22:00:00Z: the midnight in Berlin before the clocks are set back.
pub(crate) const MIDNIGHT: i64 = 1_761_429_600;

/// A folder with a database, and optionally a server that has it open.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) server: Option<Running>,
}

impl Place {
    pub(crate) fn new(measurements: &[Measurement]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), server: None };
        let repository = RedbRepository::open(place.path("isems.redb")).unwrap();
        let measurements = measurements.to_vec();
        wait(repository.store(Batch { measurements, ..Batch::default() })).unwrap();
        place
    }

    /// Returns a place without a server and one with it.
    pub(crate) fn both(measurements: &[Measurement]) -> [Self; 2] {
        let mut served = Self::new(measurements);
        served.serve();
        [Self::new(measurements), served]
    }

    pub(crate) fn serve(&mut self) -> &mut Running {
        self.server.insert(Running::start(self.folder.path(), &["serve"], &[]))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, flags: &[&str]) -> Output {
        run(self.folder.path(), flags, &[])
    }

    /// Returns the output of a command that must succeed.
    pub(crate) fn output(&self, flags: &[&str]) -> String {
        let output = self.run(flags);
        assert!(output.status.success(), "{flags:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Returns the error output of a command that must fail.
    pub(crate) fn error(&self, flags: &[&str]) -> String {
        let output = self.run(flags);
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    pub(crate) fn stats(&self) -> Value {
        serde_json::from_str(&self.output(&["stats", "--json"])).unwrap()
    }

    pub(crate) fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Returns all measurements of a node in a file.
pub(crate) fn all_of(path: &PathBuf, node: &str) -> Vec<Measurement> {
    let repository = RedbRepository::open(path).unwrap();
    wait(repository.measurements(&MeasurementQuery::oldest_first(node.parse().unwrap()))).unwrap()
}

/// Returns a day of two nodes, one measurement a minute, in the order of an export.
pub(crate) fn two_nodes() -> Vec<Measurement> {
    let node = |index| SimulatedNode::new(1, index, MIDNIGHT).take(1440);
    let mut measurements: Vec<_> = node(0).chain(node(1)).collect();
    measurements.sort_by(|a, b| a.node_id.cmp(&b.node_id).then(a.timestamp.cmp(&b.timestamp)));
    measurements
}

pub(crate) fn names(measurements: &[Measurement]) -> [String; 2] {
    [measurements[0].node_id.to_string(), measurements[measurements.len() - 1].node_id.to_string()]
}

/// Returns one measurement per hour from midnight on.
pub(crate) fn hours(node: &str, count: i64) -> Vec<Measurement> {
    let hour = |hour| Measurement::new(node.parse().unwrap(), MIDNIGHT + 3600 * hour, MIDNIGHT + 3600 * hour + 7);
    (0..count).map(hour).collect()
}
