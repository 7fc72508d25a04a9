//! The histories and newest assessments of all nodes, kept up to date step by step.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use isems_core::{Measurement, MeasurementQuery, Node, NodeId, Repository, RepositoryError};

use crate::{
    Assessment, Event, Evidence, Finding, FindingChange, History, Mesh, NodeState, NodeStates, PastFinding, Silence,
    Slot, assess, attention::worse, past_finding::PastFindings, rules::past_silences, states::usual_interval,
};

/// The number of measurements that are read at a time: a week at one a minute, as repositories keep weeks together.
const PAGE: usize = 10_080;

/// The time that one step may spend on reading histories, and the time that it may spend on assessing.
const STEP: Duration = Duration::from_millis(500);

/// Keeps a [`History`] and the newest [`Assessment`] of each node. It does nothing by itself: its owner hands it what
/// was stored, and calls its steps in turn.
#[derive(Debug, Default)]
pub(crate) struct Assessor {
    nodes: BTreeMap<NodeId, Assessed>,
    mesh: Option<Mesh>,
}

/// A node and everything known about it.
#[derive(Debug)]
struct Assessed {
    history: History,
    /// Set if the history has everything that was stored, as far as it goes back.
    is_loaded: bool,
    /// Set if something has happened since the assessment.
    is_stale: bool,
    state: NodeState,
    usual_interval: Option<i64>,
    assessment: Option<Arc<Assessment>>,
    /// The findings that are over.
    past: PastFindings,
    is_past: Past,
}

/// The relation of the findings that are over to those that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// The stored ones have not been read, so nothing may be stored in their place.
    Unread,
    Stored,
    Changed,
}

impl Assessor {
    /// Takes in what was stored. A node whose history is not complete yet will find it in the repository.
    pub(crate) fn hear(&mut self, stored: &[Measurement]) {
        for measurement in stored {
            if let Some(node) = self.nodes.get_mut(&measurement.node_id).filter(|node| node.is_loaded) {
                node.history.extend(std::slice::from_ref(measurement));
                node.is_stale = true;
            }
        }
    }

    /// Has all histories read again, as something was stored that was not heard.
    pub(crate) fn read_all_again(&mut self) {
        for node in self.nodes.values_mut() {
            node.is_loaded = false;
        }
    }

    /// Takes note of the nodes that there are, and of their states. Others are forgotten.
    pub(crate) fn follow(&mut self, nodes: &[Arc<Node>], states: &NodeStates, now: i64) {
        self.nodes.retain(|id, _| nodes.binary_search_by(|node| node.id.cmp(id)).is_ok());
        for node in nodes {
            let state = states.state(node, now);
            let assessed = self.nodes.entry(node.id.clone()).or_insert_with(|| Assessed {
                history: History::new(node.id.clone()),
                is_loaded: false,
                is_stale: true,
                state,
                usual_interval: None,
                assessment: None,
                past: PastFindings::default(),
                is_past: Past::Unread,
            });
            assessed.is_stale |= assessed.state != state;
            assessed.state = state;
            assessed.usual_interval = states.usual_interval(&node.id);
        }
    }

    /// Returns the nodes whose history must be read, other than those that have been given up.
    pub(crate) fn unread(&self) -> Vec<NodeId> {
        let unread = self.nodes.iter().filter(|(_, node)| !node.is_loaded && node.state != NodeState::Inactive);
        unread.map(|(id, _)| id.clone()).collect()
    }

    /// Takes the history of a node as it was read, unless the node has gone.
    pub(crate) fn take_history(&mut self, history: History) {
        if let Some(node) = self.nodes.get_mut(history.node()) {
            node.history = history;
            node.is_loaded = true;
            // The mesh has one node more, which matters to all.
            self.mesh = None;
        }
    }

    /// Takes the findings of a node that were stored when they ended.
    pub(crate) fn take_past_findings(&mut self, node: &NodeId, stored: PastFindings, now: i64) {
        if let Some(node) = self.nodes.get_mut(node).filter(|node| node.is_past == Past::Unread) {
            let is_more = node.past.iter().next().is_some();
            node.past.prepend(stored, now);
            node.is_past = if is_more { Past::Changed } else { Past::Stored };
        }
    }

    /// Returns the nodes whose stored findings have not been read.
    pub(crate) fn without_past_findings(&self, nodes: &[Arc<Node>]) -> Vec<Arc<Node>> {
        let is_unread = |id| self.nodes.get(id).is_some_and(|node| node.is_past == Past::Unread);
        nodes.iter().filter(|node| is_unread(&node.id)).cloned().collect()
    }

    /// Returns the findings that are over of all nodes for which they have changed since they were stored. They count
    /// as stored from now on.
    pub(crate) fn take_unstored(&mut self) -> Vec<(NodeId, PastFindings)> {
        let changed = self.nodes.iter_mut().filter(|(_, node)| node.is_past == Past::Changed);
        let take = |(id, node): (&NodeId, &mut Assessed)| {
            node.is_past = Past::Stored;
            (id.clone(), node.past.clone())
        };
        changed.map(take).collect()
    }

    /// Takes note that the findings of a node could not be stored after all.
    pub(crate) fn not_stored(&mut self, node: &NodeId) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.is_past = Past::Changed;
        }
    }

    /// Returns the findings of a node that are over, in the order in which they ended.
    pub(crate) fn past_findings(&self, node: &NodeId) -> Vec<PastFinding> {
        self.nodes.get(node).into_iter().flat_map(|node| node.past.iter()).copied().collect()
    }

    /// Assesses the nodes for which something has happened, for half a second at most, and returns what changed. All of
    /// them are due when a slot is over, and with it the mesh is looked at anew.
    pub(crate) fn assess(&mut self, now: i64) -> Vec<Event> {
        let is_over = |mesh: &Mesh| mesh.at().div_euclid(Slot::SECONDS) != now.div_euclid(Slot::SECONDS);
        if self.mesh.as_ref().is_none_or(is_over) {
            let known = self.nodes.values().filter(|node| node.is_loaded).map(|node| &node.history);
            self.mesh = Some(Mesh::of(known, now));
            for node in self.nodes.values_mut() {
                node.is_stale = true;
            }
        }
        let Some(mesh) = &self.mesh else { return Vec::new() };
        let began = Instant::now();
        let mut changes = Vec::new();
        let is_due = |node: &&mut Assessed| node.is_stale && (node.is_loaded || node.state == NodeState::Inactive);
        let mut due: Vec<&mut Assessed> = self.nodes.values_mut().filter(is_due).collect();
        // Those that have waited longest come first, so that all have their turn.
        due.sort_by_key(|node| node.assessment.as_ref().map(|assessment| assessment.at));
        for node in due {
            if began.elapsed() > STEP {
                break;
            }
            if node.state == NodeState::Inactive && node.is_loaded {
                // A node that has been given up says nothing any more, and needs no memory.
                node.history = History::new(node.history.node().clone());
                node.is_loaded = false;
            }
            let previous = node.assessment.as_ref().map_or(&[][..], |assessment| &assessment.findings);
            let (history, usual_interval) = (&node.history, node.usual_interval);
            let assessment = assess(&Evidence { history, mesh, at: now, usual_interval, previous });
            let differences = differences(history.node(), previous, &assessment.findings, now);
            for event in &differences {
                if let Event::FindingCleared(FindingChange { finding, at, .. }) = event {
                    node.past.end(finding, *at);
                    node.is_past = if node.is_past == Past::Unread { Past::Unread } else { Past::Changed };
                }
            }
            changes.extend(differences);
            node.assessment = Some(Arc::new(assessment));
            node.is_stale = false;
        }
        changes
    }

    /// Returns the newest assessments, by node.
    pub(crate) fn assessments(&self) -> HashMap<NodeId, Arc<Assessment>> {
        let assessed = self.nodes.iter().filter_map(|(id, node)| Some((id.clone(), node.assessment.clone()?)));
        assessed.collect()
    }

    /// Returns the past silences of a node, oldest first, as far as its history goes back.
    pub(crate) fn past_silences(&self, node: &NodeId, at: i64) -> Vec<Silence> {
        let (Some(mesh), Some(Assessed { history, usual_interval, .. })) = (&self.mesh, self.nodes.get(node)) else {
            return Vec::new();
        };
        past_silences(&Evidence { history, mesh, at, usual_interval: *usual_interval, previous: &[] })
    }
}

/// Returns the events that lead from the findings of one assessment to those of the next.
fn differences(node: &NodeId, before: &[Finding], after: &[Finding], at: i64) -> Vec<Event> {
    let change = |finding: &Finding| FindingChange { node: node.clone(), finding: finding.clone(), at };
    let find = |findings: &'_ [Finding], finding: &Finding| {
        findings.iter().find(|other| other.code == finding.code).map(|other| other.severity)
    };
    let cleared = before.iter().filter(|finding| find(after, finding).is_none());
    let cleared = cleared.map(|finding| Event::FindingCleared(change(finding)));
    let others = after.iter().filter_map(|finding| match find(before, finding) {
        None => Some(Event::FindingRaised(change(finding))),
        Some(severity) => (severity != finding.severity).then(|| Event::FindingChanged(change(finding))),
    });
    cleared.chain(others).collect()
}

/// Reads the history of a node before a time, Unix seconds, UTC.
async fn read_history(repository: &dyn Repository, node: NodeId, before: i64) -> Result<History, RepositoryError> {
    let mut history = History::new(node);
    read_more(repository, &mut history, before - History::DAYS * 86_400, before).await?;
    Ok(history)
}

/// Adds to a history what was measured from one time on and before another.
pub(crate) async fn read_more(
    repository: &dyn Repository,
    history: &mut History,
    from: i64,
    to: i64,
) -> Result<(), RepositoryError> {
    let query = MeasurementQuery {
        from,
        to,
        limit: PAGE,
        fields: History::fields(),
        ..MeasurementQuery::oldest_first(history.node().clone())
    };
    let mut next = Some(query);
    while let Some(query) = next {
        let page = repository.measurements(&query).await?;
        history.extend(&page);
        next = query.after(&page);
    }
    Ok(())
}

/// Assesses all nodes at an instant (Unix seconds, UTC), from nothing but what is stored with a measured time before
/// it, and returns the worst first. Cost: the measurements of all nodes in the [days](History::DAYS) before the
/// instant.
pub async fn assess_all(repository: &dyn Repository, at: i64) -> Result<Vec<Assessment>, RepositoryError> {
    let histories = read_histories(repository, at).await?;
    let assessed = on_a_thread(move || {
        let mesh = Mesh::of(&histories, at);
        let mut assessments: Vec<Assessment> =
            histories.iter().map(|history| assess_by_history(history, &mesh, at)).collect();
        assessments.sort_by(worse);
        assessments
    });
    Ok(assessed.await)
}

/// Assesses one node as [`assess_all`] does, at the same cost, since the mesh has a say in it. `None` if the node has
/// no measurement before the instant.
pub async fn assess_node(
    repository: &dyn Repository,
    node: &NodeId,
    at: i64,
) -> Result<Option<Assessment>, RepositoryError> {
    let histories = read_histories(repository, at).await?;
    let node = node.clone();
    let assessed = on_a_thread(move || {
        let history = histories.iter().find(|history| *history.node() == node)?;
        Some(assess_by_history(history, &Mesh::of(&histories, at), at))
    });
    Ok(assessed.await)
}

async fn read_histories(repository: &dyn Repository, before: i64) -> Result<Vec<History>, RepositoryError> {
    let nodes = repository.nodes().await?;
    let nodes = nodes.iter().filter(|node| node.first_timestamp < before).map(|node| node.id.clone());
    // Those who await this need a future without the closures above.
    let nodes: Vec<NodeId> = nodes.collect();
    histories_of(repository, nodes, before).try_collect().await
}

/// Reads the histories of nodes before a time, Unix seconds, UTC, in their order. One is read while another is reduced
/// to slots.
pub(crate) fn histories_of(
    repository: &dyn Repository,
    nodes: impl IntoIterator<Item = NodeId>,
    before: i64,
) -> impl Stream<Item = Result<History, RepositoryError>> {
    stream::iter(nodes).map(move |node| read_history(repository, node, before)).buffered(2)
}

/// Assesses a node that is known by its history only.
fn assess_by_history(history: &History, mesh: &Mesh, at: i64) -> Assessment {
    let usual_interval = usual_interval(history.arrivals());
    assess(&Evidence { history, mesh, at, usual_interval, previous: &[] })
}

/// Does on a thread of its own what would hold up the tasks of an asynchronous one.
pub(crate) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
