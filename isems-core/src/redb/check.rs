//! Reading everything back.

use std::sync::PoisonError;

use redb::{Database, ReadableDatabase, ReadableTable, StorageError};

use super::{
    failure::Failure,
    report::{Checked, Damage},
    row,
    sealed::{self, BlockError},
    tables::{BLOCKS, NODES, REJECTS, ROWS, piece_key, row_key, week_of, week_of_piece, week_start},
    writer::NodeIndex,
};
use crate::{Measurement, Node, Reject};

/// Checks that every value can be read, that every measurement is valid, where it belongs and there once, that times ascend,
/// and that the nodes' records agree with all that.
pub(super) fn check(database: &Database, nodes: &NodeIndex) -> Result<Checked, Failure> {
    let nodes: Vec<_> = nodes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(ROWS)?;
    let blocks = transaction.open_table(BLOCKS)?;
    let records = transaction.open_table(NODES)?;
    let mut checked = Checked::default();
    for node in &nodes {
        // What was stored since the index was read belongs to another snapshot.
        let record = records.get(node.number)?;
        let record = record.map(|record| row::decode_node(node.number, record.value()));
        let Some(Ok(node)) = record else {
            checked.damages.push(damage(&node.id, "its record cannot be read"));
            continue;
        };
        checked.nodes += 1;
        NodeCheck { node: &node, found: 0, is_whole: true, oldest: None, newest: None, checked: &mut checked }
            .run(&rows, &blocks)?;
    }
    strangers(&rows, &nodes, "a row", |key| (key >> 32) as u32, &mut checked)?;
    strangers(&blocks, &nodes, "a block", |key| (key >> 32) as u32, &mut checked)?;
    for entry in transaction.open_table(REJECTS)?.iter()? {
        let (number, reject) = entry?;
        if serde_json::from_slice::<Reject>(reject.value()).is_err() {
            let place = format!("reject {}", number.value());
            checked.damages.push(Damage { place, problem: "it cannot be read".into() });
        }
    }
    Ok(checked)
}

fn damage(place: impl std::fmt::Display, problem: impl Into<String>) -> Damage {
    Damage { place: format!("node {place}"), problem: problem.into() }
}

/// Keys of numbers that no node has.
fn strangers(
    table: &impl ReadableTable<u64, &'static [u8]>,
    nodes: &[std::sync::Arc<Node>],
    what: &str,
    number: impl Fn(u64) -> u32,
    checked: &mut Checked,
) -> Result<(), StorageError> {
    let known: std::collections::BTreeSet<u32> = nodes.iter().map(|node| node.number).collect();
    let mut next = 0;
    while let Some(entry) = table.range(next..)?.next() {
        let stranger = number(entry?.0.value());
        if !known.contains(&stranger) {
            let place = format!("node number {stranger}");
            checked
                .damages
                .push(Damage { place, problem: format!("there is {what} of it, but no record of the node") });
        }
        next = row_key(stranger + 1, 0);
    }
    Ok(())
}

/// One node under check.
struct NodeCheck<'a> {
    node: &'a Node,
    found: u64,
    is_whole: bool,
    oldest: Option<i64>,
    newest: Option<Measurement>,
    checked: &'a mut Checked,
}

impl NodeCheck<'_> {
    fn run(
        mut self,
        rows: &impl ReadableTable<u64, &'static [u8]>,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
    ) -> Result<(), Failure> {
        let number = self.node.number;
        let mut next = Some(0);
        while let Some(first) = next {
            let Some(week) = sealed::first_week(blocks, number, first, u16::MAX)? else { break };
            match self.block(rows, blocks, week) {
                Ok(()) => self.checked.blocks += 1,
                Err(BlockError::Damaged(problem)) => self.damaged_block(week, &problem.to_string()),
                Err(BlockError::Storage(error)) => return Err(error.into()),
            }
            next = week.checked_add(1);
        }
        let base = row_key(number, 0);
        for entry in rows.range(base..base + (1 << 32))? {
            let (key, row) = entry?;
            let second = (key.value() - base) as i64;
            match row::decode(&self.node.id, second, row.value()) {
                Ok(measurement) => self.measurement(measurement),
                Err(problem) => {
                    self.is_whole = false;
                    self.damage(format!("the row of {second} is damaged: {problem}"));
                }
            }
        }
        self.record();
        Ok(())
    }

    fn damage(&mut self, problem: String) {
        self.checked.damages.push(damage(&self.node.id, problem));
    }

    fn damaged_block(&mut self, week: u16, problem: &str) {
        self.is_whole = false;
        let (start, end) = (week_start(week), week_start(week + 1));
        self.damage(format!("the block of the week from {start} to {end} is damaged: {problem}"));
    }

    fn block(
        &mut self,
        rows: &impl ReadableTable<u64, &'static [u8]>,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
        week: u16,
    ) -> Result<(), BlockError> {
        let number = self.node.number;
        let Some(header) = sealed::header(blocks, number, week)? else { return Ok(()) };
        let measurements = sealed::whole(blocks, &self.node.id, number, week, &header)?;
        let pieces = blocks.range(piece_key(number, week, 0)..=piece_key(number, week, u16::MAX))?;
        let mut length = 0;
        for piece in pieces {
            let (key, piece) = piece?;
            debug_assert_eq!(week_of_piece(key.value()), week, "the range is one of this week");
            length += piece.value().len();
        }
        let ascends = measurements.is_sorted_by(|a, b| a.timestamp < b.timestamp);
        let is_of_week = measurements.iter().all(|measurement| week_of(measurement.timestamp.max(0) as u64) == week);
        if length != header.length || measurements.len() != header.rows || !ascends || !is_of_week {
            self.damaged_block(week, "its length, count, order or times contradict its header");
        }
        for measurement in measurements {
            if rows.get(row_key(number, measurement.timestamp as u32))?.is_some() {
                self.damage(format!("{} is in a row and in a block", measurement.timestamp));
            }
            self.measurement(measurement);
        }
        Ok(())
    }

    fn measurement(&mut self, measurement: Measurement) {
        if let Err(fault) = measurement.validate() {
            self.damage(format!("the measurement of {} is not valid: {fault}", measurement.timestamp));
        }
        self.found += 1;
        self.checked.measurements += 1;
        self.oldest = Some(self.oldest.map_or(measurement.timestamp, |oldest| oldest.min(measurement.timestamp)));
        if self.newest.as_ref().is_none_or(|newest| newest.timestamp < measurement.timestamp) {
            self.newest = Some(measurement);
        }
    }

    /// Compares the node's record with what was found, unless damage has been told already.
    fn record(&mut self) {
        if !self.is_whole {
            return;
        }
        if self.found != self.node.measurements {
            let problem =
                format!("its record counts {} measurements, but there are {}", self.node.measurements, self.found);
            self.damage(problem);
        }
        if self.oldest.is_some_and(|oldest| oldest != self.node.first_timestamp) {
            self.damage("its record has another oldest time than its measurements".into());
        }
        if self.newest.as_ref().is_some_and(|newest| *newest != self.node.latest) {
            self.damage("its record has another newest measurement than its measurements".into());
        }
    }
}
