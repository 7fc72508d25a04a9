//! A delivery on its way to the repository, and its entries in the reject log.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use crate::{
    DroppedValue, Measurement, NodeId, Outcome, Reject, RejectKind, RejectReason, RejectedLine, Stored,
    journal::{Cause, Journal, Room},
};

/// A decoded delivery.
pub(crate) struct Delivery {
    pub(crate) origin: Arc<Origin>,
    pub(crate) measurements: Vec<Measurement>,
    /// The line number of each measurement.
    pub(crate) lines: Vec<u32>,
    pub(crate) rejects: Vec<RejectedLine>,
    /// The values dropped from the measurements.
    pub(crate) dropped: Vec<DroppedValue>,
    /// The number of bytes at the end that belong to an unfinished line.
    pub(crate) incomplete_bytes: usize,
    /// The instant at which the transport handed it in.
    pub(crate) started: Instant,
}

/// The origin of a delivery.
pub(crate) struct Origin {
    pub(crate) transport: Arc<str>,
    pub(crate) source: String,
    /// The node that the transport names, if any.
    pub(crate) node: Option<NodeId>,
    pub(crate) received_at: i64,
    /// Limits how many rejects are recorded.
    pub(crate) journal: Arc<Journal>,
}

impl Origin {
    /// Counts rejects by cause, and returns how many of each cause the reject log should keep.
    pub(crate) fn note(&self, causes: impl Iterator<Item = Cause>) -> Room {
        let mut counts = BTreeMap::new();
        for cause in causes {
            *counts.entry(cause).or_default() += 1;
        }
        self.journal.note(&self.source, self.node.as_ref(), counts)
    }

    /// Returns how many conflicts and how many of these dropped values the reject log has room for.
    pub(crate) fn room(&self, dropped: &[DroppedValue]) -> Room {
        let causes = dropped.iter().map(cause_of_value).chain([(RejectReason::Conflict, None)]);
        self.journal.room(&self.source, self.node.as_ref(), causes)
    }

    /// Makes reject-log entries for as many of these lines as there is room for.
    pub(crate) fn lines(&self, lines: Vec<RejectedLine>, room: &mut Room) -> Vec<Reject> {
        let entry = |RejectedLine { reason, field, line, text }| Reject {
            kind: RejectKind::Line,
            received_at: self.received_at,
            transport: self.transport.to_string(),
            source: self.source.clone(),
            node: node_of(self.node.as_ref(), &text),
            reason,
            field: field.map(|field| field.name().into()),
            line,
            text,
        };
        room.last_of(lines, cause_of_line).into_iter().map(entry).collect()
    }

    /// Makes reject-log entries for as many of these values, each with the node of its line, as there is room for.
    pub(crate) fn values(&self, values: Vec<(NodeId, DroppedValue)>, room: &mut Room) -> Vec<Reject> {
        let entry = |(node, DroppedValue { reason, field, line, text }): (NodeId, _)| Reject {
            kind: RejectKind::Value,
            received_at: self.received_at,
            transport: self.transport.to_string(),
            source: self.source.clone(),
            node: Some(node.to_string()),
            reason,
            field: Some(field.name().into()),
            line,
            text,
        };
        room.last_of(values, |(_, value)| cause_of_value(value)).into_iter().map(entry).collect()
    }
}

pub(crate) fn cause_of_line(line: &RejectedLine) -> Cause {
    (line.reason, None)
}

pub(crate) fn cause_of_value(value: &DroppedValue) -> Cause {
    (value.reason, Some(value.field))
}

/// Returns the lines of the measurements that turned out to be conflicts.
pub(crate) fn conflicts(measurements: &[Measurement], lines: &[u32], stored: &Stored) -> Vec<RejectedLine> {
    let lines = measurements.iter().zip(lines).zip(&stored.outcomes);
    let conflicts = lines.filter(|(_, outcome)| **outcome == Outcome::Conflict);
    conflicts.map(|((measurement, line), _)| refused(measurement, *line, RejectReason::Conflict)).collect()
}

/// Returns the dropped values of lines that turned out to be new, each with the node of its line. Those of other lines
/// have been reported before.
pub(crate) fn new_values(
    dropped: &[DroppedValue],
    measurements: &[Measurement],
    lines: &[u32],
    stored: &Stored,
) -> Vec<(NodeId, DroppedValue)> {
    if dropped.is_empty() {
        return Vec::new();
    }
    let lines = lines.iter().zip(measurements).zip(&stored.outcomes);
    let new = lines.filter(|(_, outcome)| **outcome == Outcome::Stored);
    let nodes: BTreeMap<u32, &NodeId> = new.map(|((line, measurement), _)| (*line, &measurement.node_id)).collect();
    let value = |value: &DroppedValue| nodes.get(&value.line).map(|node| ((*node).clone(), value.clone()));
    dropped.iter().filter_map(value).collect()
}

/// Makes a reject of a valid measurement that is not stored.
pub(crate) fn refused(measurement: &Measurement, line: u32, reason: RejectReason) -> RejectedLine {
    RejectedLine { reason, field: None, line, text: Reject::text_of(measurement.to_string().as_bytes()) }
}

/// Returns the node that a rejected line belongs to. The node that the transport names takes precedence over the
/// line's.
fn node_of(named: Option<&NodeId>, text: &str) -> Option<String> {
    let named = named.map(ToString::to_string);
    named.or_else(|| text.split_once(';').map(|(node, _)| node.into()))
}
