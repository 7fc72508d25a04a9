//! Measurements waiting until their week is complete, because a week stored in two parts is written twice.

use std::collections::{BTreeMap, HashMap};

use isems_core::{Measurement, NodeId};

use super::packed::{Packed, SourceLine};

/// The maximum size of waiting measurements, in bytes: about a million measurements, or a week of a hundred nodes that
/// report once a minute.
const MEMORY: usize = 24 << 20;

/// A week is taken to be complete once its node has had this many measurements in a different one. That allows for
/// lines that are a little late.
const MEASUREMENTS_LATE: u64 = 500;

/// The waiting measurements, by node and week.
#[derive(Debug, Default)]
pub(super) struct PendingWeeks {
    places: HashMap<NodeId, usize>,
    nodes: Vec<PendingNode>,
    /// The index of the last node; the next measurement is usually from the same one.
    last: usize,
    /// Counts measurements, to tell which week was added to last.
    clock: u64,
    memory: usize,
}

#[derive(Debug)]
struct PendingNode {
    id: NodeId,
    /// The number of measurements received.
    measurements: u64,
    weeks: BTreeMap<i64, PendingWeek>,
}

#[derive(Debug)]
struct PendingWeek {
    packed: Packed,
    /// The node's count and the clock at the last addition.
    node_measurements: u64,
    clock: u64,
}

/// Returns the week of a second, as used by blocks: from Monday 00:00 UTC on.
fn week_of(second: i64) -> i64 {
    (second + 259_200).div_euclid(604_800)
}

impl PendingWeeks {
    pub(super) fn push(&mut self, measurement: Measurement, source: SourceLine) {
        if self.nodes.get(self.last).is_none_or(|node| node.id != measurement.node_id) {
            self.last = self.places.get(&measurement.node_id).copied().unwrap_or(self.nodes.len());
            if self.last == self.nodes.len() {
                let id = measurement.node_id.clone();
                self.places.insert(id.clone(), self.last);
                self.nodes.push(PendingNode { id, measurements: 0, weeks: BTreeMap::new() });
            }
        }
        let node = &mut self.nodes[self.last];
        node.measurements += 1;
        self.clock += 1;
        let (node_measurements, clock) = (node.measurements, self.clock);
        let week = week_of(measurement.timestamp);
        if let Some(pending) = node.weeks.get_mut(&week) {
            self.memory -= pending.packed.memory();
            pending.packed.push(measurement, source);
            self.memory += pending.packed.memory();
            (pending.node_measurements, pending.clock) = (node_measurements, clock);
        } else {
            let packed = Packed::new(measurement, source);
            self.memory += packed.memory();
            node.weeks.insert(week, PendingWeek { packed, node_measurements, clock });
        }
    }

    /// Removes the weeks taken to be complete and, if memory is short, those that have gone longest without an
    /// addition.
    pub(super) fn take_complete(&mut self, taken: &mut Vec<Packed>) {
        for node in &mut self.nodes {
            let complete =
                node.weeks.extract_if(.., |_, week| node.measurements - week.node_measurements >= MEASUREMENTS_LATE);
            taken.extend(complete.map(|(_, week)| {
                self.memory -= week.packed.memory();
                week.packed
            }));
        }
        if self.memory > MEMORY {
            // A quarter at a time, so that this is rare.
            self.take_oldest(MEMORY / 4 * 3, taken);
        }
    }

    /// Removes everything.
    pub(super) fn take_all(&mut self, taken: &mut Vec<Packed>) {
        self.take_oldest(0, taken);
    }

    fn take_oldest(&mut self, allowed: usize, taken: &mut Vec<Packed>) {
        let weeks = self.nodes.iter().flat_map(|node| node.weeks.values());
        let mut ages: Vec<(u64, usize)> = weeks.map(|week| (week.clock, week.packed.memory())).collect();
        ages.sort_unstable();
        let mut newest_taken = 0;
        for (clock, memory) in ages {
            if self.memory <= allowed {
                break;
            }
            self.memory -= memory;
            newest_taken = clock;
        }
        for node in &mut self.nodes {
            let oldest = node.weeks.extract_if(.., |_, week| week.clock <= newest_taken);
            taken.extend(oldest.map(|(_, week)| week.packed));
        }
    }
}
