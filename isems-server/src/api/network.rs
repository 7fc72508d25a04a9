//! The network in one look.

use isems_core::{NumberField, RejectReason, Severity, Status, TransportStatus};
use isems_insight::{NodeState, Snapshot, Traffic, WatchedNode, Watcher};
use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use serde::Serialize;

use super::{
    Tag,
    health::Clock,
    named::Named,
    nodes::Flag,
    problem::{OfReading, Refused},
    query,
    rendered::Rendered,
    tagged::{IfNoneMatch, Tagged},
    time::UtcTime,
    transports::{DroppedCount, RejectedCount, State},
};
/// How many nodes that need somebody are told at most.
const MOST_TOLD: usize = 10;

/// The network in one look.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
struct Network {
    /// How many nodes there are.
    nodes: NodeCounts,
    /// How many measurements are kept.
    measurements: u64,
    /// The nodes that need somebody, the worst first, at most ten: those that are silent, and those with a flag of
    /// severity `warning` or above.
    worst_nodes: Vec<WorstNode>,
    /// What came in, since the server was started at the earliest.
    ingest: Ingest,
    /// The lines that were rejected during the last hour.
    rejects: RejectTotals,
    /// The values that were dropped during the last hour from lines that were stored without them.
    dropped_values: DroppedTotals,
    /// Whether the clock of the server's computer can be right.
    clock: Clock,
    /// The ways by which measurements come in; `/api/v1/transports` tells more.
    transports: Vec<TransportSummary>,
}

/// How many nodes there are, by state.
#[derive(Debug, Default, Object, Serialize)]
struct NodeCounts {
    /// All.
    total: u64,
    /// Those that are heard of.
    active: u64,
    /// Those from which nothing has arrived for three of their usual intervals.
    silent: u64,
    /// Those whose newest measurement is as old as `HIDE_INACTIVE_AFTER_DAYS`.
    inactive: u64,
}

/// A node that needs somebody.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct WorstNode {
    /// The node's name.
    node_id: String,
    /// Whether it is heard of.
    state: Named<NodeState>,
    /// The highest severity of its flags.
    severity: Named<Severity>,
    /// The flags of its newest status that are set.
    flags: Vec<Flag>,
    /// Its newest battery voltage, V.
    #[oai(nullable)]
    battery_voltage: Option<f64>,
    /// Its newest charge, percent.
    #[oai(nullable)]
    battery_charge_estimate: Option<f64>,
    /// When something of it last arrived here.
    last_received_at: UtcTime,
}

/// What came in.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct Ingest {
    /// How many measurements were stored during the last minute.
    last_minute: u64,
    /// How many measurements were stored during the last hour.
    last_hour: u64,
    /// How many measurements a second were stored during the last minute.
    per_second: f64,
}

/// Rejected lines.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct RejectTotals {
    /// The number of lines that were rejected during the last hour, since the server was started at the earliest.
    last_hour: u64,
    /// The number of those for each reason.
    by_reason: Vec<RejectedCount>,
}

/// Dropped values.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct DroppedTotals {
    /// The number of values that were dropped during the last hour, since the server was started at the earliest.
    last_hour: u64,
    /// The number of those for each field and reason.
    by_field: Vec<DroppedCount>,
}

/// A way by which measurements come in.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct TransportSummary {
    /// Its name.
    name: String,
    /// What it does.
    state: State,
    /// How many of its sources answered when they were last spoken to.
    sources_up: u64,
    /// How many of its sources did not.
    sources_down: u64,
}

impl Example for Network {
    fn example() -> Self {
        let flags = Status::from_bits(0x480).into_iter().flat_map(Status::flags);
        Self {
            nodes: NodeCounts { total: 12, active: 10, silent: 1, inactive: 1 },
            measurements: 12_345_678,
            worst_nodes: vec![WorstNode {
                node_id: "Elektra-Dach".into(),
                state: Named(NodeState::Active),
                severity: Named(Severity::Warning),
                flags: flags.map(Flag::new).collect(),
                battery_voltage: Some(11.9),
                battery_charge_estimate: Some(41.0),
                last_received_at: UtcTime(1_530_364_580),
            }],
            ingest: Ingest { last_minute: 10, last_hour: 601, per_second: 0.167 },
            rejects: RejectTotals {
                last_hour: 3,
                by_reason: vec![RejectedCount { reason: Named(RejectReason::FieldCount), count: 3 }],
            },
            dropped_values: DroppedTotals {
                last_hour: 60,
                by_field: vec![DroppedCount {
                    field: Named(NumberField::BatteryTemperature.into()),
                    reason: Named(RejectReason::NumberInvalid),
                    count: 60,
                }],
            },
            clock: Clock::Plausible,
            transports: vec![TransportSummary {
                name: "http".into(),
                state: State::Running,
                sources_up: 11,
                sources_down: 1,
            }],
        }
    }
}

/// The network.
pub(crate) struct NetworkApi {
    pub(crate) watcher: Watcher,
}

#[OpenApi(tag = "Tag::Nodes")]
impl NetworkApi {
    /// The network in one look
    ///
    /// What a status page needs: how many nodes are in which state, which of them need somebody, what comes in, and
    /// what is rejected.
    #[oai(path = "/api/v1/network", method = "get", operation_id = "network")]
    async fn network(
        &self,
        request: &Request,
        /// Tags of answers that the client has: 304 is the answer if one of them still holds.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
    ) -> Result<Tagged<Network>, Refused<OfReading>> {
        query::only(request, &[])?;
        let snapshot = self.watcher.snapshot().await?;
        let Snapshot { last_minute, last_hour, .. } = &snapshot;
        let monitor = self.watcher.monitor();
        let network = Network {
            nodes: NodeCounts::of(&snapshot),
            measurements: snapshot.measurements(),
            worst_nodes: snapshot.worst().into_iter().take(MOST_TOLD).map(Into::into).collect(),
            ingest: Ingest::of(last_minute, last_hour),
            rejects: RejectTotals {
                last_hour: last_hour.rejected.total(),
                by_reason: RejectedCount::of(&last_hour.rejected),
            },
            dropped_values: DroppedTotals {
                last_hour: last_hour.dropped.total(),
                by_field: DroppedCount::of(&last_hour.dropped),
            },
            clock: monitor.clock().into(),
            transports: monitor.transports().into_iter().map(Into::into).collect(),
        };
        Ok(Tagged::new(&known, Rendered::new(&network, 4096)))
    }
}

impl NodeCounts {
    fn of(snapshot: &Snapshot) -> Self {
        let counts = snapshot.counts();
        Self { total: counts.total(), active: counts.active, silent: counts.silent, inactive: counts.inactive }
    }
}

impl Ingest {
    fn of(minute: &Traffic, hour: &Traffic) -> Self {
        let per_second = (minute.stored_per_second() * 1000.0).round() / 1000.0;
        Self { last_minute: minute.stored, last_hour: hour.stored, per_second }
    }
}

impl From<&WatchedNode> for WorstNode {
    fn from(watched: &WatchedNode) -> Self {
        let WatchedNode { node, state, .. } = watched;
        Self {
            node_id: node.id.to_string(),
            state: Named(*state),
            severity: Named(watched.severity()),
            flags: node.latest.status.into_iter().flat_map(Status::flags).map(Flag::new).collect(),
            battery_voltage: node.latest.battery_voltage,
            battery_charge_estimate: node.latest.battery_charge_estimate,
            last_received_at: UtcTime(node.last_received_at),
        }
    }
}

impl From<TransportStatus> for TransportSummary {
    fn from(status: TransportStatus) -> Self {
        let up = status.sources.values().filter(|source| source.up).count() as u64;
        Self {
            sources_down: status.sources.len() as u64 - up,
            sources_up: up,
            state: status.state.into(),
            name: status.name,
        }
    }
}
