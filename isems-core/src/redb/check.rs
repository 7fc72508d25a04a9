//! Reading everything back.

use std::collections::BTreeSet;

use redb::{ReadableTable, StorageError};

use super::{
    database::OpenDatabase,
    failure::{Failure, caught},
    report::{Checked, Damage},
    row,
    sealed::{self, BlockError},
    tables::{
        BLOCKS, NODES, REJECTS, ROWS, number_of, out_of_order, piece_key, row_key, second_of, week_end, week_of,
        week_start,
    },
};
use crate::{Measurement, Node, Reject};

/// Checks that every value can be read, that every measurement is valid, where it belongs and there once, that times ascend,
/// and that the nodes' records agree with all that. What cannot be read is told, and the rest is checked all the same.
pub(super) fn check(database: &OpenDatabase) -> Result<Checked, Failure> {
    let transaction = database.begin_read()?;
    let rows = transaction.open_table(ROWS)?;
    let blocks = transaction.open_table(BLOCKS)?;
    let records = transaction.open_table(NODES)?;
    let rejects = transaction.open_table(REJECTS)?;
    let mut checked = Checked::default();
    let mut known = BTreeSet::new();
    let mut nodes = Vec::new();
    let read = caught(|| {
        for record in records.iter()? {
            let (number, record) = record?;
            let number = number.value();
            known.insert(number);
            match row::decode_node(number, record.value()) {
                Ok(node) => nodes.push(node),
                Err(problem) => checked.tell(format!("node number {number}"), format!("its record: {problem}")),
            }
        }
        Ok(())
    });
    checked.tell_failure("the records of nodes", read);
    for node in &nodes {
        checked.nodes += 1;
        NodeCheck { node, found: 0, is_whole: true, oldest: None, newest: None, checked: &mut checked }
            .run(&rows, &blocks);
    }
    let read = caught(|| strangers(&rows, &known, "a row", &mut checked));
    checked.tell_failure("the table of rows", read);
    let read = caught(|| strangers(&blocks, &known, "a block", &mut checked));
    checked.tell_failure("the table of blocks", read);
    let read = caught(|| {
        for entry in rejects.iter()? {
            let (number, reject) = entry?;
            if serde_json::from_slice::<Reject>(reject.value()).is_err() {
                checked.tell(format!("reject {}", number.value()), "it cannot be read".into());
            }
        }
        Ok(())
    });
    checked.tell_failure("the table of rejects", read);
    Ok(checked)
}

impl Checked {
    fn tell(&mut self, place: String, problem: String) {
        self.damages.push(Damage { place, problem });
    }

    fn tell_failure(&mut self, place: &str, read: Result<(), Failure>) {
        if let Err(failure) = read {
            self.tell(place.into(), failure.to_string());
        }
    }
}

/// Tells keys of numbers that no node has.
fn strangers(
    table: &impl ReadableTable<u64, &'static [u8]>,
    known: &BTreeSet<u32>,
    what: &str,
    checked: &mut Checked,
) -> Result<(), Failure> {
    let mut next = Some(0);
    while let Some(start) = next {
        let Some(entry) = table.range(start..)?.next() else { break };
        let number = number_of(entry?.0.value());
        if number < number_of(start) {
            return Err(out_of_order().into());
        }
        if !known.contains(&number) {
            let problem = format!("there is {what} of it, but no record of the node");
            checked.tell(format!("node number {number}"), problem);
        }
        next = number.checked_add(1).map(|number| row_key(number, 0));
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
    fn run(mut self, rows: &impl ReadableTable<u64, &'static [u8]>, blocks: &impl ReadableTable<u64, &'static [u8]>) {
        let number = self.node.number;
        let mut next = Some(0);
        while let Some(first) = next {
            let week = match caught(|| Ok(sealed::first_week(blocks, number, first, u16::MAX)?)) {
                Ok(Some(week)) => week,
                Ok(None) => break,
                Err(failure) => {
                    self.tell_damage(format!("its blocks from {} on: {failure}", week_start(first)));
                    break;
                }
            };
            match caught(|| Ok(self.block(rows, blocks, week)?)) {
                Ok(()) => self.checked.blocks += 1,
                Err(problem) => {
                    let (start, end) = (week_start(week), week_end(week));
                    self.tell_damage(format!("the block of the week from {start} to {end} is damaged: {problem}"));
                }
            }
            next = week.checked_add(1);
        }
        let mut after = 0;
        if let Err(failure) = caught(|| Ok(self.rows(rows, &mut after)?)) {
            self.tell_damage(format!("its rows from {after} on: {failure}"));
        }
        self.record();
    }

    fn tell(&mut self, problem: String) {
        self.checked.tell(format!("node {}", self.node.id), problem);
    }

    /// Tells what keeps something from being counted.
    fn tell_damage(&mut self, problem: String) {
        self.is_whole = false;
        self.tell(problem);
    }

    fn rows(&mut self, rows: &impl ReadableTable<u64, &'static [u8]>, after: &mut i64) -> Result<(), StorageError> {
        let base = row_key(self.node.number, 0);
        for entry in rows.range(base..base + (1 << 32))? {
            let (key, row) = entry?;
            let second = second_of(key.value()) as i64;
            *after = second + 1;
            match row::decode(&self.node.id, self.node.number, key.value(), row.value()) {
                Ok(measurement) => self.measurement(measurement),
                Err(problem) => self.tell_damage(format!("the row of {second} is damaged: {problem}")),
            }
        }
        Ok(())
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
        let mut length = 0;
        for piece in blocks.range(piece_key(number, week, 0)..=piece_key(number, week, u16::MAX))? {
            length += piece?.1.value().len();
        }
        let base = row_key(number, 0);
        let mut seconds = BTreeSet::new();
        for row in rows.range(base + week_start(week)..base + week_end(week))? {
            seconds.insert(second_of(row?.0.value()) as i64);
        }
        let ascends = measurements.is_sorted_by(|a, b| a.timestamp < b.timestamp);
        let is_of_week = measurements.iter().all(|measurement| week_of(measurement.timestamp as u64) == week);
        if length != header.length || measurements.len() != header.rows || !ascends || !is_of_week {
            self.tell(format!("the block of the week from {} contradicts its header", week_start(week)));
        }
        for measurement in measurements {
            if seconds.contains(&measurement.timestamp) {
                self.tell(format!("{} is in a row and in a block", measurement.timestamp));
            }
            self.measurement(measurement);
        }
        Ok(())
    }

    fn measurement(&mut self, measurement: Measurement) {
        self.found += 1;
        match measurement.validate() {
            Ok(()) => self.checked.measurements += 1,
            Err(fault) => self.tell(format!("the measurement of {} is not valid: {fault}", measurement.timestamp)),
        }
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
            self.tell(problem);
        }
        if self.oldest.is_some_and(|oldest| oldest != self.node.first_timestamp) {
            self.tell("its record has another oldest time than its measurements".into());
        }
        if self.newest.as_ref().is_some_and(|newest| *newest != self.node.latest) {
            self.tell("its record has another newest measurement than its measurements".into());
        }
    }
}
