//! A delivery on its way to the repository, and what of it goes into the reject log.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use crate::{
    DroppedValue, Measurement, NodeId, Outcome, Reject, RejectKind, RejectReason, RejectedLine, Stored,
    journal::{Journal, Kind, Room},
};

/// A delivery that an inbox was handed, decoded.
pub(crate) struct Delivery {
    pub(crate) origin: Arc<Origin>,
    pub(crate) measurements: Vec<Measurement>,
    /// The number of each measurement's line.
    pub(crate) lines: Vec<u32>,
    pub(crate) rejects: Vec<RejectedLine>,
    /// Values that are missing in the measurements.
    pub(crate) dropped: Vec<DroppedValue>,
    /// The number of bytes at the end that belong to a line that was still being written.
    pub(crate) incomplete_bytes: usize,
    /// When the transport handed it in.
    pub(crate) started: Instant,
}

/// Where a delivery comes from.
pub(crate) struct Origin {
    pub(crate) transport: Arc<str>,
    pub(crate) source: String,
    /// The node that the transport names, where it names one.
    pub(crate) node: Option<NodeId>,
    pub(crate) received_at: i64,
    /// Bounds how much of the rejects is written down.
    pub(crate) journal: Arc<Journal>,
}

impl Origin {
    /// Notes rejects by their kinds, and returns how many of each the reject log is to keep.
    pub(crate) fn note(&self, kinds: impl Iterator<Item = Kind>) -> Room {
        let mut counts = BTreeMap::new();
        for kind in kinds {
            *counts.entry(kind).or_default() += 1;
        }
        self.journal.note(&self.source, self.node.as_ref(), counts)
    }

    /// Returns how many conflicts, and how many of these dropped values, the reject log could keep.
    pub(crate) fn room(&self, dropped: &[DroppedValue]) -> Room {
        let kinds = dropped.iter().map(kind_of_value).chain([(RejectReason::Conflict, None)]);
        self.journal.room(&self.source, self.node.as_ref(), kinds)
    }

    /// Returns entries of the reject log for as many of the lines as there is room for.
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
        room.last_of(lines, kind_of_line).into_iter().map(entry).collect()
    }

    /// Returns entries of the reject log for as many of the values, each with the node of its line, as there is room for.
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
        room.last_of(values, |(_, value)| kind_of_value(value)).into_iter().map(entry).collect()
    }
}

pub(crate) fn kind_of_line(line: &RejectedLine) -> Kind {
    (line.reason, None)
}

pub(crate) fn kind_of_value(value: &DroppedValue) -> Kind {
    (value.reason, Some(value.field))
}

/// Returns the lines of measurements that turned out to be conflicts.
pub(crate) fn conflicts(measurements: &[Measurement], lines: &[u32], stored: &Stored) -> Vec<RejectedLine> {
    let lines = measurements.iter().zip(lines).zip(&stored.outcomes);
    let conflicts = lines.filter(|(_, outcome)| **outcome == Outcome::Conflict);
    conflicts.map(|((measurement, line), _)| refused(measurement, *line, RejectReason::Conflict)).collect()
}

/// Returns the dropped values of lines that turned out to be new, each with the node of its line. Those of other lines have
/// been told before.
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

/// Returns the line of a measurement that is not stored though it is valid.
pub(crate) fn refused(measurement: &Measurement, line: u32, reason: RejectReason) -> RejectedLine {
    RejectedLine { reason, field: None, line, text: Reject::text_of(measurement.to_string().as_bytes()) }
}

/// Returns the node that a rejected line belongs to: the transport's word goes before the line's.
fn node_of(named: Option<&NodeId>, text: &str) -> Option<String> {
    let named = named.map(ToString::to_string);
    named.or_else(|| text.split_once(';').map(|(node, _)| node.into()))
}
