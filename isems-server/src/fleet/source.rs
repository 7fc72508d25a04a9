//! The nodes whose logs are served.

use isems_core::{
    Measurement, NodeId,
    simulation::{Fleet, TrueMesh},
};

/// Simulated nodes that measure as time goes on.
#[derive(Debug)]
pub(super) enum Source {
    Fleet(Fleet),
    Mesh(Box<TrueMesh>),
}

impl Source {
    pub(super) fn ids(&self) -> Vec<NodeId> {
        match self {
            Self::Fleet(fleet) => fleet.ids().cloned().collect(),
            Self::Mesh(mesh) => mesh.ids().cloned().collect(),
        }
    }

    /// Returns what was measured since the last call and before a time, Unix seconds, UTC.
    pub(super) fn until(&mut self, end: i64) -> Vec<Measurement> {
        match self {
            Self::Fleet(fleet) => fleet.until(end).collect(),
            // The mesh goes on by whole minutes, and a node measures at any second of them.
            Self::Mesh(mesh) => mesh.advance(end - 59),
        }
    }
}
