//! Everything that alerts are decided by, at one moment.

use std::collections::HashSet;

use isems_core::NodeId;

use crate::{Problem, Subject};

/// Everything that alerts are decided by, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The moment, Unix seconds, UTC.
    pub at: i64,
    /// All problems, of nodes and of the collector.
    pub problems: Vec<Problem>,
    /// The nodes that have been judged. Of others it is not known whether their problems last.
    pub judged: HashSet<NodeId>,
    /// The nodes that there are, other than those that were given up. `None` if that is not known at the moment.
    pub nodes: Option<HashSet<NodeId>>,
}

impl View {
    /// Returns whether it is known if a subject has problems.
    pub(crate) fn knows(&self, subject: &Subject) -> bool {
        subject.node().is_none_or(|node| self.judged.contains(node))
    }

    /// Returns whether a subject is a node that was deleted or given up.
    pub(crate) fn has_lost(&self, subject: &Subject) -> bool {
        let node = subject.node().zip(self.nodes.as_ref());
        node.is_some_and(|(node, nodes)| !nodes.contains(node))
    }
}
