//! Check: reading everything back.
//!
//! Within one snapshot it verifies that
//!
//! * every record, row and block can be read and has the right checksum, and every reject can be read;
//! * every measurement is valid, lies in the week of its block, and is stored once;
//! * times ascend within rows and blocks, and a block agrees with its header;
//! * every node's record agrees with what was found;
//! * no row or block has a number without a record.
//!
//! Damage becomes a [`Damage`] and ends nothing: what lies around it is read all the same, see
//! [`around`](super::around). A check writes nothing.

use std::{collections::BTreeSet, ops::Range};

use redb::{ReadTransaction, ReadableTable, StorageError};

use super::{
    around::Tier,
    asker::Patience,
    bytes::DamagedRecord,
    failure::{Failure, caught},
    report::{Checked, Damage},
    row,
    sealed::{self, BlockError},
    tables::{
        BLOCKS, NODES, NumberedNode, REJECTS, ROWS, number_of, out_of_order, piece_key, row_key, second_of, week_end,
        week_of, week_start,
    },
};
use crate::{Measurement, Reject};

/// Checks that every value can be read, that every measurement is valid, in the right place and there only once, that
/// times ascend, and that the nodes' records agree with all that. Unreadable parts are reported, and the rest is still
/// checked.
pub(super) fn check(transaction: &ReadTransaction, patience: &Patience) -> Result<Checked, Failure> {
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
                Err(DamagedRecord(problem)) => {
                    checked.tell(format!("node number {number}"), None, format!("its record: {problem}"));
                }
            }
        }
        Ok(())
    });
    checked.tell_failure("the records of nodes", read);
    let mut is_lost = false;
    for node in &nodes {
        patience.check()?;
        checked.nodes += 1;
        let mut check = NodeCheck { node, found: 0, is_whole: true, oldest: None, newest: None, checked: &mut checked };
        is_lost |= check.run(&rows, &blocks);
    }
    let of_rows = strangers(&rows, &known, "a row", &mut checked);
    let of_blocks = strangers(&blocks, &known, "a block", &mut checked);
    // Lost parts of nodes are in the way here, too.
    if !is_lost {
        checked.tell_failure("the table of rows", of_rows);
        checked.tell_failure("the table of blocks", of_blocks);
    }
    let read = caught(|| {
        for entry in rejects.iter()? {
            let (number, reject) = entry?;
            if serde_json::from_slice::<Reject>(reject.value()).is_err() {
                checked.tell(format!("reject {}", number.value()), None, "it cannot be read".into());
            }
        }
        Ok(())
    });
    checked.tell_failure("the table of rejects", read);
    Ok(checked)
}

impl Checked {
    fn tell(&mut self, place: String, seconds: Option<Range<i64>>, problem: String) {
        self.damages.push(Damage { place, seconds, problem });
    }

    fn tell_failure(&mut self, place: &str, read: Result<(), Failure>) {
        if let Err(failure) = read {
            self.tell(place.into(), None, failure.to_string());
        }
    }
}

/// Reports keys with numbers that no node has. Fails with the first failure between two nodes, after looking between
/// all the others.
fn strangers(
    table: &impl ReadableTable<u64, &'static [u8]>,
    known: &BTreeSet<u32>,
    what: &str,
    checked: &mut Checked,
) -> Result<(), Failure> {
    let mut result = Ok(());
    let mut start = 0;
    for end in known.iter().map(|number| row_key(*number, 0)).chain([u64::MAX]) {
        let mut keys = start..end;
        let read = caught(|| {
            while keys.start < keys.end {
                let Some(entry) = table.range(keys.clone())?.next() else { break };
                let key = entry?.0.value();
                if !keys.contains(&key) {
                    return Err(out_of_order().into());
                }
                let problem = format!("there is {what} of it, but no record of the node");
                checked.tell(format!("node number {}", number_of(key)), None, problem);
                keys.start = after(key);
            }
            Ok(())
        });
        result = result.and(read);
        start = after(end);
    }
    result
}

/// Returns the first key of the next node number.
fn after(key: u64) -> u64 {
    (key | u64::from(u32::MAX)).saturating_add(1)
}

/// One node under check.
struct NodeCheck<'a> {
    node: &'a NumberedNode,
    found: u64,
    is_whole: bool,
    oldest: Option<i64>,
    newest: Option<Measurement>,
    checked: &'a mut Checked,
}

impl NodeCheck<'_> {
    /// Reads both tiers, and returns whether any part of them cannot be read.
    fn run(
        &mut self,
        rows: &impl ReadableTable<u64, &'static [u8]>,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
    ) -> bool {
        let mut lost = self.tier(Tier::Blocks, |node, weeks| node.blocks(rows, blocks, weeks));
        lost.extend(self.tier(Tier::Rows, |node, seconds| node.rows(rows, seconds)));
        if self.found == self.node.measurements {
            // The unreadable parts cannot have held anything.
            lost.clear();
        }
        let is_lost = !lost.is_empty();
        self.is_whole &= !is_lost;
        self.checked.damages.extend(lost);
        self.record();
        is_lost
    }

    /// Reads a tier, and returns the parts that cannot be read.
    fn tier(
        &mut self,
        tier: Tier,
        mut read: impl FnMut(&mut Self, &mut Range<u64>) -> Result<(), StorageError>,
    ) -> Vec<Damage> {
        let lost = tier.read_around(self.node, tier.all(), |parts| Ok(read(self, parts)?));
        lost.unwrap_or_else(|failure| vec![tier.given_up(self.node, &failure)])
    }

    fn tell(&mut self, seconds: Option<Range<i64>>, problem: String) {
        self.checked.tell(format!("node {}", self.node.id), seconds, problem);
    }

    /// Reports what keeps something from being counted.
    fn tell_damage(&mut self, seconds: Range<i64>, problem: String) {
        self.is_whole = false;
        self.tell(Some(seconds), problem);
    }

    /// Reads the rows of some seconds.
    fn rows(
        &mut self,
        rows: &impl ReadableTable<u64, &'static [u8]>,
        seconds: &mut Range<u64>,
    ) -> Result<(), StorageError> {
        let mut texts = row::Texts::default();
        for entry in rows.range(Tier::Rows.keys(self.node.number, seconds))? {
            let (key, row) = entry?;
            let (key, row) = (key.value(), row.value());
            let second = second_of(key);
            if number_of(key) != self.node.number || !seconds.contains(&second) {
                return Err(out_of_order());
            }
            seconds.start = second + 1;
            match row::decode(&self.node.id, self.node.number, key, row, &mut texts) {
                Ok(measurement) => self.measurement(measurement),
                Err(DamagedRecord(problem)) => {
                    self.tell_damage(at(second as i64), format!("the row is damaged: {problem}"));
                }
            }
        }
        Ok(())
    }

    /// Reads the blocks of some weeks.
    fn blocks(
        &mut self,
        rows: &impl ReadableTable<u64, &'static [u8]>,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
        weeks: &mut Range<u64>,
    ) -> Result<(), StorageError> {
        while weeks.start < weeks.end {
            let (first, last) = (weeks.start as u16, (weeks.end - 1) as u16);
            // Finding a block takes the pages around it, too.
            let week =
                if first == last { Some(first) } else { sealed::first_week(blocks, self.node.number, first, last)? };
            let Some(week) = week else { break };
            weeks.start = week.into();
            match self.block(rows, blocks, week) {
                Ok(is_there) => self.checked.blocks += u64::from(is_there),
                Err(BlockError::Damaged(DamagedRecord(problem))) => {
                    self.tell_damage(seconds_of(week), format!("the block is damaged: {problem}"));
                }
                Err(BlockError::Storage(error)) => return Err(error),
            }
            weeks.start += 1;
        }
        Ok(())
    }

    /// Reads a block, and returns whether there is one.
    fn block(
        &mut self,
        rows: &impl ReadableTable<u64, &'static [u8]>,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
        week: u16,
    ) -> Result<bool, BlockError> {
        let number = self.node.number;
        let Some(header) = sealed::header(blocks, number, week)? else { return Ok(false) };
        let measurements = sealed::whole(blocks, &self.node.id, number, week, &header)?;
        // The pages after the block, or its rows, may be lost. That is not damage to the block, and is reported
        // separately.
        let length = caught(|| {
            let pieces = blocks.range(piece_key(number, week, 0)..=piece_key(number, week, u16::MAX))?;
            Ok(pieces.map(|piece| Ok(piece?.1.value().len())).sum::<Result<usize, StorageError>>()?)
        });
        let length = length.unwrap_or(header.length);
        let seconds = caught(|| {
            let rows = rows.range(Tier::Rows.keys(number, &(week_start(week)..week_end(week))))?;
            Ok(rows.map(|row| Ok(second_of(row?.0.value()) as i64)).collect::<Result<BTreeSet<_>, StorageError>>()?)
        });
        let seconds = seconds.unwrap_or_default();
        let ascends = measurements.is_sorted_by(|a, b| a.timestamp < b.timestamp);
        let is_of_week = measurements.iter().all(|measurement| week_of(measurement.timestamp as u64) == week);
        if length != header.length || measurements.len() != header.rows || !ascends || !is_of_week {
            self.tell(Some(seconds_of(week)), "the block contradicts its header".into());
        }
        for measurement in measurements {
            if seconds.contains(&measurement.timestamp) {
                self.tell(Some(at(measurement.timestamp)), "the measurement is in a row and in a block".into());
            }
            self.measurement(measurement);
        }
        Ok(true)
    }

    fn measurement(&mut self, measurement: Measurement) {
        self.found += 1;
        match measurement.validate() {
            Ok(()) => self.checked.measurements += 1,
            Err(fault) => self.tell(Some(at(measurement.timestamp)), format!("the measurement is not valid: {fault}")),
        }
        self.oldest = Some(self.oldest.map_or(measurement.timestamp, |oldest| oldest.min(measurement.timestamp)));
        if self.newest.as_ref().is_none_or(|newest| newest.timestamp < measurement.timestamp) {
            self.newest = Some(measurement);
        }
    }

    /// Compares the node's record with what was found, unless damage has been reported already.
    fn record(&mut self) {
        if !self.is_whole {
            return;
        }
        if self.found != self.node.measurements {
            let problem =
                format!("its record counts {} measurements, but there are {}", self.node.measurements, self.found);
            self.tell(None, problem);
        }
        if self.oldest.is_some_and(|oldest| oldest != self.node.first_timestamp) {
            self.tell(None, "its record has a different oldest time than its measurements".into());
        }
        if self.newest.as_ref().is_some_and(|newest| *newest != self.node.latest) {
            self.tell(None, "its record has a different newest measurement than the stored ones".into());
        }
    }
}

fn at(second: i64) -> Range<i64> {
    second..second + 1
}

fn seconds_of(week: u16) -> Range<i64> {
    week_start(week) as i64..week_end(week) as i64
}
