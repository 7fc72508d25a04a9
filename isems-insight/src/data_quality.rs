//! How complete and how timely the measurements of a node are.

/// How complete and how timely the measurements of the last seven days are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataQuality {
    /// The measurements that are there, percent of those that the node would have made at its usual interval without
    /// any gap.
    pub completeness_percent: Option<f64>,
    /// The measurements that arrived more than an hour after they were made, percent of those that are there.
    pub late_percent: Option<f64>,
    /// The usual interval between two measurements, seconds.
    pub measuring_interval: Option<f64>,
}
