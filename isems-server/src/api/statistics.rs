//! Statistics of the stored measurements.

use std::{collections::BTreeMap, slice, sync::Arc};

use isems_core::RedbRepository;
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, types::Example};
use serde::{Deserialize, Serialize};

use super::{
    Tag,
    access::Authorized,
    problem::{OfFile, Refused, file_of},
    query,
    rendered::Rendered,
    time::UtcTime,
};

/// The approximate size of a node's statistics in JSON.
const NODE_BYTES: usize = 250;

/// The amount of stored data, and the space that it takes.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub(crate) struct Statistics {
    /// Every node, ordered by name.
    pub(crate) nodes: Vec<NodeStatistics>,
    /// All nodes together.
    pub(crate) total: Total,
    /// The size of the file, in bytes.
    pub(crate) file_bytes: u64,
    /// The number of bytes in use.
    pub(crate) live_bytes: u64,
    /// The number of free bytes, which are used again before the file grows.
    pub(crate) free_bytes: u64,
    /// The number of bytes that each column takes in the sealed blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) column_bytes: Option<BTreeMap<String, u64>>,
}

/// The statistics of a node.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub(crate) struct NodeStatistics {
    /// The node's name.
    pub(crate) node_id: String,
    #[serde(flatten)]
    #[oai(flatten)]
    pub(crate) total: Total,
}

/// The statistics of one or several nodes.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "StatisticsTotal", rename_all = "camelCase")]
pub(crate) struct Total {
    /// The number of stored measurements.
    pub(crate) measurements: u64,
    /// The number of measurements that are not sealed into compressed blocks yet.
    pub(crate) recent_measurements: u64,
    /// The number of bytes that the measurements take, without the overhead of the file.
    pub(crate) bytes: u64,
    /// The average size of a measurement, to a tenth of a byte; null if none is stored.
    #[oai(nullable)]
    pub(crate) bytes_per_measurement: Option<f64>,
    /// The measured time of the oldest measurement; null if none is stored.
    #[oai(nullable)]
    pub(crate) first_timestamp: Option<UtcTime>,
    /// The measured time of the newest measurement; null if none is stored.
    #[oai(nullable)]
    pub(crate) last_timestamp: Option<UtcTime>,
}

impl Total {
    fn of(nodes: &[isems_core::NodeStatistics]) -> Self {
        let measurements = nodes.iter().map(|node| node.measurements).sum();
        let bytes = nodes.iter().map(|node| node.bytes).sum();
        let average = bytes as f64 / measurements as f64;
        Self {
            measurements,
            recent_measurements: nodes.iter().map(|node| node.recent).sum(),
            bytes,
            bytes_per_measurement: (measurements > 0).then_some((average * 10.0).round() / 10.0),
            first_timestamp: nodes.iter().map(|node| node.first_timestamp).min().map(UtcTime),
            last_timestamp: nodes.iter().map(|node| node.last_timestamp).max().map(UtcTime),
        }
    }
}

impl From<isems_core::Statistics> for Statistics {
    fn from(statistics: isems_core::Statistics) -> Self {
        let node = |node: &isems_core::NodeStatistics| NodeStatistics {
            node_id: node.id.to_string(),
            total: Total::of(slice::from_ref(node)),
        };
        Self {
            nodes: statistics.nodes.iter().map(node).collect(),
            total: Total::of(&statistics.nodes),
            file_bytes: statistics.file_bytes,
            live_bytes: statistics.live_bytes,
            free_bytes: statistics.free_bytes,
            column_bytes: Some(statistics.columns.iter().map(|(name, bytes)| ((*name).into(), *bytes)).collect()),
        }
    }
}

impl Example for Statistics {
    fn example() -> Self {
        let total = || Total {
            measurements: 1906,
            recent_measurements: 466,
            bytes: 74_334,
            bytes_per_measurement: Some(39.0),
            first_timestamp: Some(UtcTime(1_530_250_275)),
            last_timestamp: Some(UtcTime(1_530_364_575)),
        };
        Self {
            nodes: vec![NodeStatistics { node_id: "Elektra-Dach".into(), total: total() }],
            total: total(),
            file_bytes: 1_593_344,
            live_bytes: 262_144,
            free_bytes: 1_331_200,
            column_bytes: Some([("batteryVoltage".into(), 2210), ("timestamp".into(), 180)].into()),
        }
    }
}

/// The statistics.
#[derive(ApiResponse)]
enum StatisticsResponse {
    /// The statistics.
    #[oai(status = 200)]
    Found(Rendered<Statistics>),
}

/// The operation that reads statistics.
pub(crate) struct StatisticsApi {
    pub(crate) database: Option<Arc<RedbRepository>>,
}

#[OpenApi(tag = "Tag::Operation")]
impl StatisticsApi {
    /// Get statistics of the database
    ///
    /// The number of measurements of every node, and the space that they take. Reads the whole file. Requires a token.
    #[oai(path = "/api/v1/statistics", method = "get", operation_id = "statistics")]
    async fn statistics(
        &self,
        _authorized: Authorized,
        request: &Request,
    ) -> Result<StatisticsResponse, Refused<OfFile>> {
        query::only(request, &[])?;
        let statistics = Statistics::from(file_of(self.database.as_ref())?.statistics().await?);
        let capacity = (statistics.nodes.len() + 6) * NODE_BYTES;
        Ok(StatisticsResponse::Found(Rendered::new(&statistics, capacity)))
    }
}
