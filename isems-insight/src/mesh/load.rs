//! The loads of a mesh's nodes.

use crate::statistics::{median, scatter};
use crate::{History, health, setup::rated_capacity};

/// The scatter of loads that is assumed until nodes have shown it, and the number of nodes that it is worth: loads
/// are 1 to 4 W.
const ASSUMED_SCATTER: f64 = 0.4;
const ASSUMED_NODES: f64 = 4.0;

/// The typical load of a mesh's nodes, for one whose own is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TypicalLoad {
    /// A.
    pub(crate) amperes: f64,
    /// The standard deviation of its logarithm from node to node.
    pub(crate) scatter: f64,
}

impl TypicalLoad {
    /// `None` if no node has measured its battery's health.
    pub(super) fn of(histories: &[&History]) -> Option<Self> {
        let loads = histories.iter().filter_map(|history| {
            let (rated, since) = rated_capacity(history)?;
            health::load(history, since, rated).filter(|load| *load > 0.0)
        });
        let mut loads: Vec<f64> = loads.collect();
        let amperes = median(&mut loads)?;
        let mut deviations: Vec<f64> = loads.iter().map(|load| (load / amperes).ln().abs()).collect();
        let scatter = scatter(&mut deviations)?;
        let nodes = loads.len() as f64;
        let variance = (scatter.powi(2) * nodes + ASSUMED_SCATTER.powi(2) * ASSUMED_NODES) / (nodes + ASSUMED_NODES);
        Some(Self { amperes, scatter: variance.sqrt() })
    }
}
