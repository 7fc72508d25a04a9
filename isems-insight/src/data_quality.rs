//! The completeness and timeliness of a node's measurements.

/// The completeness and timeliness of the measurements of the last seven days.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataQuality {
    /// The existing measurements, percent of those that the node would have made at its usual interval without any gap.
    pub completeness_percent: Option<f64>,
    /// The measurements that arrived more than an hour after they were made, percent of the existing ones.
    pub late_percent: Option<f64>,
    /// The usual interval between two measurements, seconds.
    pub measuring_interval: Option<f64>,
}
