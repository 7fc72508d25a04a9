//! `isems-server export`: writes measurements as text.

use std::ops::Range;

use isems_core::NodeId;

use crate::{line::Layout, stream::TextFormat};

/// A selection of measurements, and the format in which to write them.
#[derive(Debug, Clone)]
pub(super) struct Export {
    /// The nodes, or none for all.
    pub(super) nodes: Vec<NodeId>,
    /// Measured times, Unix seconds.
    pub(super) seconds: Range<i64>,
    pub(super) format: TextFormat,
    /// The name of the layout's time zone.
    pub(super) time_zone: String,
    pub(super) layout: Layout,
}
