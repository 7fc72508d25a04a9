//! Nodes and their state.

use isems_core::{Severity, Status, StatusFlag};
use isems_insight::{NodeState, Position, WatchedNode, Watcher, severity::severity};
use poem::Request;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use serde::Serialize;

use super::{
    Tag,
    measurement::MeasurementSchema,
    named::Named,
    problem::{OfReading, OfReadingNode, Refused},
    query,
    rendered::Rendered,
    tagged::{IfNoneMatch, Tagged, TaggedPage},
    time::UtcTime,
};

/// The default number of nodes on a page.
const DEFAULT_LIMIT: u32 = 1000;

/// The approximate size of a node in JSON.
const RECORD_BYTES: usize = 1400;

/// A page of nodes.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "NodePage", example)]
struct NodePage {
    /// The nodes, in byte order of their names.
    nodes: Vec<NodeDetails>,
    /// Path and query of the next page; null on the last one.
    #[oai(nullable)]
    next: Option<String>,
}

impl Example for NodePage {
    fn example() -> Self {
        Self { nodes: vec![NodeDetails::example()], next: None }
    }
}

/// A node and its newest measurement.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Node", rename_all = "camelCase", example)]
struct NodeDetails {
    /// The node's name, as its owner typed it.
    node_id: String,
    /// The state of the node.
    state: Named<NodeState>,
    /// The usual number of seconds between two arrivals of this node; null while too little is known, and 900 are
    /// assumed.
    #[oai(nullable)]
    usual_interval_seconds: Option<i64>,
    /// The measured time of the oldest measurement that is kept.
    first_timestamp: UtcTime,
    /// The measured time of the newest measurement.
    last_timestamp: UtcTime,
    /// The time when something of it first arrived, whether it is still kept or not.
    first_received_at: UtcTime,
    /// The time when something of it last arrived.
    last_received_at: UtcTime,
    /// The number of measurements that are kept.
    measurements: u64,
    /// The position; null if the node does not report one, see `positionState`.
    #[oai(nullable)]
    position: Option<Coordinates>,
    /// The origin of the position, or the reason why it is missing.
    position_state: PositionState,
    /// Name of the firmware.
    #[serde(rename = "openMPPTFirmwareVersion")]
    #[oai(rename = "openMPPTFirmwareVersion", nullable)]
    firmware_version: Option<String>,
    /// Revision of the packet format.
    #[oai(nullable)]
    isems_revision: Option<String>,
    /// Rated capacity of the battery as its owner typed it in, Ah.
    #[oai(nullable)]
    rate_battery_capacity: Option<f64>,
    /// Rated power of the panel as its owner typed it in, W.
    #[oai(nullable)]
    rated_solar_module_capacity: Option<f64>,
    /// The newest status word; null if the node reports none.
    #[oai(nullable)]
    status: Option<StatusDetails>,
    /// The newest measurement.
    latest: MeasurementSchema,
}

impl Example for NodeDetails {
    fn example() -> Self {
        Self {
            node_id: "Elektra-Dach".into(),
            state: Named(NodeState::Active),
            usual_interval_seconds: Some(65),
            first_timestamp: UtcTime(1_522_935_107),
            last_timestamp: UtcTime(1_530_364_575),
            first_received_at: UtcTime(1_522_935_111),
            last_received_at: UtcTime(1_530_364_580),
            measurements: 123_456,
            position: Some(Coordinates { latitude: 52.507_309, longitude: 13.458_635 }),
            position_state: PositionState::Set,
            firmware_version: Some("ATmega8_A_1".into()),
            isems_revision: Some("1".into()),
            rate_battery_capacity: Some(7.0),
            rated_solar_module_capacity: Some(20.0),
            status: Status::from_bits(0x300).map(StatusDetails::new),
            latest: MeasurementSchema::example(),
        }
    }
}

impl From<&WatchedNode> for NodeDetails {
    fn from(watched: &WatchedNode) -> Self {
        let node = &watched.node;
        let latest = &node.latest;
        let (position, position_state) = match watched.position() {
            Position::Set { latitude, longitude } => (Some(Coordinates { latitude, longitude }), PositionState::Set),
            Position::Unset => (None, PositionState::Unset),
            Position::ShippedDefault => (None, PositionState::ShippedDefault),
        };
        Self {
            node_id: node.id.to_string(),
            state: Named(watched.state),
            usual_interval_seconds: watched.usual_interval,
            first_timestamp: UtcTime(node.first_timestamp),
            last_timestamp: UtcTime(latest.timestamp),
            first_received_at: UtcTime(node.first_received_at),
            last_received_at: UtcTime(node.last_received_at),
            measurements: node.measurements,
            position,
            position_state,
            firmware_version: latest.firmware_version.as_deref().map(Into::into),
            isems_revision: latest.isems_revision.as_deref().map(Into::into),
            rate_battery_capacity: latest.rated_battery_capacity,
            rated_solar_module_capacity: latest.rated_solar_module_capacity,
            status: latest.status.map(StatusDetails::new),
            latest: latest.into(),
        }
    }
}

/// A position on Earth.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Position")]
struct Coordinates {
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
}

/// The origin of a position.
#[derive(Debug, Enum, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
enum PositionState {
    /// The owner has set it.
    Set,
    /// It is missing, or 0.
    Unset,
    /// It is the firmware's default, so the node can be anywhere.
    ShippedDefault,
}

/// A decoded status word.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Status")]
struct StatusDetails {
    /// The twelve bits in hex.
    #[oai(validator(pattern = "^0x[0-9a-f]{3}$"))]
    word: String,
    /// The flags that are set, first bit first.
    flags: Vec<SetFlag>,
    /// The highest severity of the flags; `info` if none is set.
    severity: Named<Severity>,
}

impl StatusDetails {
    fn new(status: Status) -> Self {
        Self {
            word: status.to_string(),
            flags: status.flags().map(SetFlag::new).collect(),
            severity: Named(severity(Some(status))),
        }
    }
}

/// A flag that is set, and its severity.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Flag")]
pub(super) struct SetFlag {
    /// The flag.
    flag: Named<StatusFlag>,
    /// The severity of the flag.
    severity: Named<Severity>,
}

impl SetFlag {
    pub(super) fn new(flag: StatusFlag) -> Self {
        Self { flag: Named(flag), severity: Named(flag.severity()) }
    }
}

/// The operations that read nodes.
pub(crate) struct NodesApi {
    pub(crate) watcher: Watcher,
}

#[OpenApi]
impl NodesApi {
    /// List nodes
    ///
    /// Lists nodes with their state, newest measurement and decoded status.
    #[oai(path = "/api/v1/nodes", method = "get", operation_id = "nodes", tag = "Tag::Nodes")]
    async fn nodes(
        &self,
        request: &Request,
        /// Only nodes in this state.
        Query(state): Query<Option<Named<NodeState>>>,
        /// The maximum number of nodes, up to 10,000. 1,000 by default.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Continues where a page ended: the value in its `next`.
        Query(cursor): Query<Option<String>>,
        /// ETags of answers that the client has. If one of them is current, the answer is 304.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
    ) -> Result<TaggedPage<NodePage>, Refused<OfReading>> {
        query::only(request, &["state", "limit", "cursor"])?;
        let snapshot = self.watcher.snapshot().await?;
        let limit = limit.unwrap_or(DEFAULT_LIMIT) as usize;
        let is_wanted = |watched: &&WatchedNode| {
            cursor.as_deref().is_none_or(|cursor| watched.node.id.as_str() > cursor)
                && state.is_none_or(|Named(state)| state == watched.state)
        };
        let mut wanted = snapshot.nodes.iter().filter(is_wanted);
        let page: Vec<&WatchedNode> = wanted.by_ref().take(limit).collect();
        let last = page.last().filter(|_| wanted.next().is_some());
        let next = last.map(|last| query::next_page(request, last.node.id.as_str()));
        let nodes: Vec<NodeDetails> = page.into_iter().map(Into::into).collect();
        let capacity = 64 + nodes.len() * RECORD_BYTES;
        let page = NodePage { nodes, next };
        Ok(Tagged::new(&known, Rendered::new(&page, capacity)).leading_to(page.next.as_deref()))
    }

    /// Get a node
    ///
    /// Answers with the node's state, newest measurement and decoded status.
    #[oai(path = "/api/v1/nodes/:nodeId", method = "get", operation_id = "node", tag = "Tag::Nodes")]
    async fn node(
        &self,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// ETags of answers that the client has. If one of them is current, the answer is 304.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
    ) -> Result<Tagged<NodeDetails>, Refused<OfReadingNode>> {
        query::only(request, &[])?;
        let details = NodeDetails::from(&query::watched_node(&self.watcher, &node).await?);
        Ok(Tagged::new(&known, Rendered::new(&details, RECORD_BYTES)))
    }
}
