//! Limits on the measurements from one node, and on the number of nodes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::NodeId;

/// Limits on what one transport accepts from each node, and on the number of nodes. 0 means no limit.
///
/// Only new measurements count. Duplicates are free: reading a log again, or messages with overlapping lines, cost
/// nothing. A limit is an allowance that refills over time: a node that has used it up is refused until it has
/// refilled, and all others go on as before. The defaults keep a program gone wild, or a stranger on an open broker,
/// from filling the disk; no real network reaches them:
///
/// * The fastest nodes measure every 15 s, which is 4 lines a minute. The limit is five times that.
/// * Lines that piled up while the collector was away arrive at once: 40,320 lines from the fastest node after a week,
///   or the two logs of 3,660 lines each that a router keeps. A known node can send 50,000 at once, a new one 8,000.
/// * A network of a thousand nodes can be there at the first start. After that, one new node an hour would be a lot.
///
/// A payload is accepted or refused as a whole, so a node can exceed its allowance by one payload, after which it waits
/// that much longer. The allowances start afresh when the program starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The sustained number of new measurements per minute from one node. 0: no limit.
    pub lines_per_minute_and_node: u32,
    /// The number of new measurements that a known node can send at once after a silence.
    pub lines_at_once: u32,
    /// The number of new measurements that an unknown node can send at once.
    pub lines_at_once_of_new_node: u32,
    /// The number of nodes in the repository at which no new ones are accepted. Known nodes go on. 0: no limit.
    pub nodes: u32,
    /// The sustained number of new nodes per hour. 0: no limit.
    pub new_nodes_per_hour: u32,
    /// The number of new nodes that can appear at once.
    pub new_nodes_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lines_per_minute_and_node: 20,
            lines_at_once: 50_000,
            lines_at_once_of_new_node: 8_000,
            nodes: 10_000,
            new_nodes_per_hour: 60,
            new_nodes_at_once: 1_000,
        }
    }
}

impl Limits {
    /// Sets no limits, for trusted sources such as an import.
    pub fn none() -> Self {
        Self { lines_per_minute_and_node: 0, nodes: 0, new_nodes_per_hour: 0, ..Self::default() }
    }
}

/// The maximum number of allowances in memory. One that has refilled is not kept.
const NODES_HELD: usize = 100_000;

/// Enforces the limits for one transport.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    allowances: Mutex<Allowances>,
}

#[derive(Debug)]
struct Allowances {
    nodes: HashMap<NodeId, Allowance>,
    new_nodes: Allowance,
}

/// The lines that are left at a time; negative if overdrawn.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    fn fill(&mut self, now: Instant, per_second: f64, most: u32) {
        let filled = self.left + per_second * now.duration_since(self.at).as_secs_f64();
        *self = Self { left: filled.min(most.into()), at: now };
    }
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let new_nodes = Allowance { left: limits.new_nodes_at_once.into(), at: Instant::now() };
        Self { allowances: Mutex::new(Allowances { nodes: HashMap::new(), new_nodes }), limits }
    }

    /// The maximum number of nodes.
    pub(crate) fn nodes(&self) -> Option<usize> {
        (self.limits.nodes > 0).then_some(self.limits.nodes as usize)
    }

    /// Returns whether there is an allowance for a node, which means that the node is known or was accepted already.
    pub(crate) fn holds(&self, node: &NodeId) -> bool {
        self.lock().nodes.contains_key(node)
    }

    /// Returns whether one more node can be accepted now, and counts it if so.
    pub(crate) fn take_new_node(&self) -> bool {
        let limits = &self.limits;
        if limits.new_nodes_per_hour == 0 {
            return true;
        }
        let new_nodes = &mut self.lock().new_nodes;
        new_nodes.fill(Instant::now(), f64::from(limits.new_nodes_per_hour) / 3600.0, limits.new_nodes_at_once);
        let has_room = new_nodes.left >= 1.0;
        new_nodes.left -= f64::from(u8::from(has_room));
        has_room
    }

    /// Takes lines from a node's allowance if at least one is left.
    pub(crate) fn take_lines(&self, node: &NodeId, lines: u64, is_new: bool) -> bool {
        let limits = &self.limits;
        if limits.lines_per_minute_and_node == 0 {
            return true;
        }
        let now = Instant::now();
        let (per_second, most) = (f64::from(limits.lines_per_minute_and_node) / 60.0, limits.lines_at_once);
        let mut allowances = self.lock();
        let nodes = &mut allowances.nodes;
        if nodes.len() >= NODES_HELD && !nodes.contains_key(node) {
            nodes.retain(|_, allowance| {
                allowance.fill(now, per_second, most);
                allowance.left < f64::from(most)
            });
            if nodes.len() >= NODES_HELD {
                nodes.clear();
            }
        }
        let first = if is_new { most.min(limits.lines_at_once_of_new_node) } else { most };
        let allowance = nodes.entry(node.clone()).or_insert(Allowance { left: first.into(), at: now });
        allowance.fill(now, per_second, most);
        let has_room = allowance.left >= 1.0;
        if has_room {
            allowance.left -= lines as f64;
        }
        has_room
    }

    fn give_back(&self, node: &NodeId, lines: f64) {
        if let Some(allowance) = self.lock().nodes.get_mut(node) {
            allowance.left += lines;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Allowances> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines that were taken from allowances and are on their way to the repository. Those that are not
/// [spent](Self::spend) when it is dropped are given back.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    pub(crate) limiter: &'a Limiter,
    pub(crate) lines: Vec<(NodeId, u64)>,
}

impl Reservation<'_> {
    /// Gives back lines that turned out not to be new, to several nodes in proportion.
    pub(crate) fn spend(mut self, new: u64) {
        let all: u64 = self.lines.iter().map(|(_, lines)| lines).sum();
        for (node, lines) in self.lines.drain(..) {
            self.limiter.give_back(&node, lines as f64 * all.saturating_sub(new) as f64 / all as f64);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        for (node, lines) in &self.lines {
            self.limiter.give_back(node, *lines as f64);
        }
    }
}
