//! The network at a glance.

use isems_core::{NumberField, RejectReason, Severity, Status, TransportStatus};
use isems_insight::{FindingCode, FindingSeverity, Level, NodeState, Snapshot, Traffic, WatchedNode, Watcher};
use poem::Request;
use poem_openapi::{Object, OpenApi, types::Example};
use serde::Serialize;

use super::{
    Tag,
    health::ClockStateSchema,
    named::Named,
    nodes::SetFlag,
    problem::{OfReading, Refused},
    query,
    rendered::Rendered,
    tagged::{IfNoneMatch, Tagged},
    time::UtcTime,
    transports::{DroppedCount, RejectedCount, TransportStateSchema},
};
/// The maximum number of nodes listed as needing attention.
const MOST_TOLD: usize = 10;

/// The network at a glance.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
struct Network {
    /// The number of nodes.
    nodes: NodeCounts,
    /// The number of nodes that are not inactive, by level.
    levels: LevelCounts,
    /// The number of measurements that are kept.
    measurements: u64,
    /// The nodes that need attention, the worst first, at most ten: those of the level `attention` or `urgent`.
    /// `/api/v1/insight` says why. For some seconds after the start, until nodes have been assessed, those that are
    /// silent or have a flag of severity `warning` or above.
    worst_nodes: Vec<WorstNode>,
    /// The measurements stored lately, counted since the server's start at the earliest.
    ingest: Ingest,
    /// The lines rejected during the last hour.
    rejects: RejectTotals,
    /// The values dropped during the last hour from lines that were stored without them.
    dropped_values: DroppedTotals,
    /// The state of the server's own clock.
    clock: ClockStateSchema,
    /// The transports; `/api/v1/transports` has details.
    transports: Vec<TransportSummary>,
}

/// The number of nodes, by state.
#[derive(Debug, Default, Object, Serialize)]
struct NodeCounts {
    /// All nodes.
    total: u64,
    /// Nodes that report as usual.
    active: u64,
    /// Nodes from which nothing has arrived for three of their usual intervals.
    silent: u64,
    /// Nodes whose newest measurement is older than `HIDE_INACTIVE_AFTER_DAYS`.
    inactive: u64,
}

/// The number of nodes, by level.
#[derive(Debug, Default, Object, Serialize)]
struct LevelCounts {
    /// Nodes that need nothing.
    ok: u64,
    /// Nodes of which too little is known.
    unknown: u64,
    /// Nodes that should be looked after at the next opportunity.
    attention: u64,
    /// Nodes that need somebody now.
    urgent: u64,
}

impl LevelCounts {
    fn of(snapshot: &Snapshot) -> Self {
        let mut counts = Self::default();
        for node in snapshot.nodes.iter().filter(|node| node.state != NodeState::Inactive) {
            *match node.level() {
                Level::Ok => &mut counts.ok,
                Level::Unknown => &mut counts.unknown,
                Level::Attention => &mut counts.attention,
                Level::Urgent => &mut counts.urgent,
            } += 1;
        }
        counts
    }
}

/// A node that needs attention.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct WorstNode {
    /// The node's name.
    node_id: String,
    /// The state of the node.
    state: Named<NodeState>,
    /// The level of its assessment.
    level: Named<Level>,
    /// The kinds of what is the matter, the most severe first.
    findings: Vec<Named<FindingCode>>,
    /// The highest severity of its flags.
    severity: Named<Severity>,
    /// The flags that are set in its newest status.
    flags: Vec<SetFlag>,
    /// Its newest battery voltage, V.
    #[oai(nullable)]
    battery_voltage: Option<f64>,
    /// Its newest charge, percent.
    #[oai(nullable)]
    battery_charge_estimate: Option<f64>,
    /// The time when something of it last arrived.
    last_received_at: UtcTime,
}

/// Measurements stored lately.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct Ingest {
    /// The number of measurements stored during the last minute.
    last_minute: u64,
    /// The number of measurements stored during the last hour.
    last_hour: u64,
    /// The number of measurements stored per second, averaged over the last minute.
    per_second: f64,
}

/// Rejected lines.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct RejectTotals {
    /// The number of lines rejected during the last hour, counted since the server's start at the earliest.
    last_hour: u64,
    /// The number for each reason.
    by_reason: Vec<RejectedCount>,
}

/// Dropped values.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct DroppedTotals {
    /// The number of values dropped during the last hour, counted since the server's start at the earliest.
    last_hour: u64,
    /// The number for each field and reason.
    by_field: Vec<DroppedCount>,
}

/// A transport, by which measurements come in.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct TransportSummary {
    /// Its name.
    name: String,
    /// The state.
    state: TransportStateSchema,
    /// The number of its sources that answered last time.
    sources_up: u64,
    /// The number of its sources that did not.
    sources_down: u64,
}

impl Example for Network {
    fn example() -> Self {
        let flags = Status::from_bits(0x480).into_iter().flat_map(Status::flags);
        Self {
            nodes: NodeCounts { total: 12, active: 10, silent: 1, inactive: 1 },
            levels: LevelCounts { ok: 9, unknown: 0, attention: 1, urgent: 1 },
            measurements: 12_345_678,
            worst_nodes: vec![WorstNode {
                node_id: "Elektra-Dach".into(),
                state: Named(NodeState::Active),
                level: Named(Level::Urgent),
                findings: vec![Named(FindingCode::LoadOffPredicted), Named(FindingCode::BatteryDue)],
                severity: Named(Severity::Warning),
                flags: flags.map(SetFlag::new).collect(),
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
            clock: ClockStateSchema::Plausible,
            transports: vec![TransportSummary {
                name: "http".into(),
                state: TransportStateSchema::Running,
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
    /// Get the network at a glance
    ///
    /// Answers with what a status page shows: the number of nodes by state, the nodes that need attention, the
    /// measurements that come in, and those that are rejected.
    #[oai(path = "/api/v1/network", method = "get", operation_id = "network")]
    async fn network(
        &self,
        request: &Request,
        /// ETags of answers that the client has. If one of them is current, the answer is 304.
        #[oai(name = "If-None-Match", example = "IfNoneMatch::example")]
        known: IfNoneMatch,
    ) -> Result<Tagged<Network>, Refused<OfReading>> {
        query::only(request, &[])?;
        let snapshot = self.watcher.snapshot().await?;
        let Snapshot { last_minute, last_hour, .. } = &snapshot;
        let monitor = self.watcher.monitor();
        let network = Network {
            nodes: NodeCounts::of(&snapshot),
            levels: LevelCounts::of(&snapshot),
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
        let WatchedNode { node, state, assessment, .. } = watched;
        let findings = assessment.iter().flat_map(|assessment| &assessment.findings);
        let findings = findings.filter(|finding| finding.severity > FindingSeverity::Info);
        Self {
            node_id: node.id.to_string(),
            state: Named(*state),
            level: Named(watched.level()),
            findings: findings.map(|finding| Named(finding.code)).collect(),
            severity: Named(watched.severity()),
            flags: node.latest.status.into_iter().flat_map(Status::flags).map(SetFlag::new).collect(),
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
