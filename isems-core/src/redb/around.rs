//! Reading around what is damaged.
//!
//! Where a page of a table is lost, redb fails or panics over every range of keys that touches it. A range that fails
//! is therefore halved, breadth first, until the parts that fail are small: an hour of rows, or one week of blocks.
//! What lies before and after the page is read all the same. Parts that adjoin are told as one damage.
//!
//! Only what the node's record says can be there is tried again, because the pages at both ends of a node's keys also
//! hold its neighbours'. After [`MOST_ATTEMPTS`] attempts the parts that are left are told, and left out, as they are.
//!
//! A reader must move the start of its range past what it has read, so that nothing is read twice. Nothing is written
//! while a range is read: a panic of redb would leave a transaction half done.

use std::{collections::VecDeque, ops::Range};

use redb::TableDefinition;

use super::{
    failure::{Failure, caught},
    report::Damage,
    tables::{BLOCKS, ROWS, row_key, week_end, week_of, week_start},
};
use crate::Node;

/// The number of seconds to which unreadable rows are narrowed down. Blocks are narrowed down to single weeks.
const SMALLEST_SECONDS: u64 = 3_600;

/// The maximum number of attempts to read one tier of a node. If that much is damaged, larger parts are reported and
/// left out.
const MOST_ATTEMPTS: usize = 4_096;

/// A tier of a node's measurements. Its parts are seconds of rows, and weeks of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Rows,
    Blocks,
}

impl Tier {
    pub(super) fn table(self) -> TableDefinition<'static, u64, &'static [u8]> {
        match self {
            Self::Rows => ROWS,
            Self::Blocks => BLOCKS,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Blocks => "blocks",
        }
    }

    /// Returns all parts that keys can have.
    pub(super) fn all(self) -> Range<u64> {
        match self {
            Self::Rows => 0..1 << 32,
            Self::Blocks => 0..1 << 16,
        }
    }

    /// Returns the parts from a node's oldest measurement to its newest.
    fn of(self, node: &Node) -> Range<u64> {
        let (first, last) = (node.first_timestamp as u64, node.latest.timestamp as u64);
        match self {
            Self::Rows => first..last + 1,
            Self::Blocks => week_of(first).into()..u64::from(week_of(last)) + 1,
        }
    }

    /// Returns the keys of some parts of a node.
    pub(super) fn keys(self, number: u32, parts: &Range<u64>) -> Range<u64> {
        let key = |part| {
            row_key(number, 0)
                + match self {
                    Self::Rows => part,
                    Self::Blocks => part << 16,
                }
        };
        key(parts.start)..key(parts.end)
    }

    /// Returns the part that a key of a node belongs to, or starts.
    pub(super) fn part_of(self, number: u32, key: u64) -> u64 {
        match self {
            Self::Rows => key - row_key(number, 0),
            Self::Blocks => (key - row_key(number, 0)) >> 16,
        }
    }

    /// Returns the measured times of some parts.
    fn seconds(self, parts: &Range<u64>) -> Range<i64> {
        match self {
            Self::Rows => parts.start as i64..parts.end as i64,
            Self::Blocks => week_start(parts.start as u16) as i64..week_end((parts.end - 1) as u16) as i64,
        }
    }

    /// Reads some parts of a node, and returns those that cannot be read. `read` must move the start of its range past
    /// what it has read, and never go back. A range that fails is retried only as far as the node's record says there
    /// is something, because the page before or after may belong to another node.
    pub(super) fn read_around(
        self,
        node: &Node,
        mut parts: Range<u64>,
        mut read: impl FnMut(&mut Range<u64>) -> Result<(), Failure>,
    ) -> Result<Vec<Damage>, Failure> {
        match caught(|| read(&mut parts)) {
            Err(failure) if failure.is_damage() => {}
            done => return done.map(|()| Vec::new()),
        }
        let expected = self.of(node);
        let smallest = if self == Self::Rows { SMALLEST_SECONDS } else { 1 };
        let mut left = VecDeque::new();
        left.push_back(parts.start.max(expected.start)..parts.end.min(expected.end));
        let mut lost: Vec<(Range<u64>, Failure)> = Vec::new();
        let mut attempts = 0;
        while let Some(mut parts) = left.pop_front() {
            if parts.is_empty() {
                continue;
            }
            attempts += 1;
            let Err(failure) = caught(|| read(&mut parts)) else { continue };
            if !failure.is_damage() {
                return Err(failure);
            }
            if parts.end - parts.start > smallest && attempts + left.len() < MOST_ATTEMPTS {
                let middle = parts.start.midpoint(parts.end);
                left.extend([parts.start..middle, middle..parts.end]);
            } else {
                lost.push((parts, failure));
            }
        }
        lost.sort_by_key(|(parts, _)| parts.start);
        lost.dedup_by(|(after, _), (before, _)| {
            let adjoins = before.end == after.start;
            if adjoins {
                before.end = after.end;
            }
            adjoins
        });
        Ok(lost.iter().map(|(parts, failure)| self.lost(node, parts, failure)).collect())
    }

    /// Returns the damage for parts of a node that cannot be read.
    fn lost(self, node: &Node, parts: &Range<u64>, failure: &Failure) -> Damage {
        let problem = format!("its {} cannot be read: {failure}", self.name());
        Damage { place: format!("node {}", node.id), seconds: Some(self.seconds(parts)), problem }
    }

    /// Returns the damage for a node that cannot be read any further because the disk fails.
    pub(super) fn given_up(self, node: &Node, failure: &Failure) -> Damage {
        self.lost(node, &self.of(node), failure)
    }
}
