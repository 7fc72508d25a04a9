//! The trait of what keeps measurements.

use std::{any::Any, borrow::Cow, fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};

use crate::{
    BoxError, Field, FieldSet, InvalidField, Measurement, Node, NodeId, Reject, RejectReason, Series, SeriesQuery,
};

/// The number of measurements in a page where the caller does not say.
const PAGE: usize = 10_000;

/// The number of nodes in a page of [`node_pages`].
const NODE_PAGE: usize = 1_000;

/// A store of measurements that answers questions about them.
///
/// The key of a measurement is its node and its second. Order of arrival never matters. All methods may be called at
/// any time from many tasks. The feature `testing` has a conformance suite for implementations.
///
/// It is [`Any`], so that a program can find out that it works on one that has more to offer, such as a
/// [file](crate::RedbRepository).
#[async_trait]
pub trait Repository: Any + Send + Sync {
    /// Stores a batch, all of it or nothing, and returns when it is durable.
    ///
    /// A measurement whose key is new is stored. One whose key is stored with the [same
    /// values](Measurement::same_values) is a duplicate and changes nothing. One whose key is stored with other values
    /// is a conflict: the first one stays. The same holds within a batch, in its order. [Rejects](Batch::all_rejects)
    /// are appended to the reject log, of which at least the newest 10,000 are kept. Cost: one write to the disk,
    /// shared by all batches that are stored at the same time. Nothing is written for an empty batch.
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError>;

    /// Proves that the repository can store measurements now, and returns an error if it cannot. Cost: at most one
    /// small write to the disk, shared with the batches that are stored at the same time.
    async fn probe(&self) -> Result<(), RepositoryError>;

    /// Returns the nodes whose ids come after `after` (from the first one on for `None`), each with its newest
    /// measurement, ordered by the bytes of the id, at most `limit` of them. Cost: the number of nodes in the answer.
    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError>;

    /// Returns every node with its newest measurement, ordered by the bytes of its id. Cost: the number of nodes, all
    /// of them in memory; [`node_pages`] needs less.
    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.nodes_after(None, usize::MAX).await
    }

    /// Returns the number of nodes. Cost: one look-up.
    async fn node_count(&self) -> Result<u64, RepositoryError>;

    /// Returns a node with its newest measurement. Cost: one look-up.
    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError>;

    /// Returns measurements of a node. An unknown node has none.
    ///
    /// Node and measured time are always given. Any other field that the [query](MeasurementQuery::fields) does not
    /// select is either as it was stored or missing (`None`; [`TimeSource::Node`](crate::TimeSource::Node), and the
    /// measured time as the time of arrival), so that a caller reads what it selected and nothing else. Cost: the
    /// number of measurements in the answer; implementations that keep columns apart read only the selected ones.
    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError>;

    /// Returns fields of a node in buckets, over what the range and the time from the node's oldest to its newest
    /// measurement have in common. An unknown node has no buckets. Cost: the number of measurements in the range;
    /// implementations that keep columns apart read only those of the fields.
    async fn series(&self, query: &SeriesQuery) -> Result<Series, RepositoryError> {
        let Some(node) = self.node(&query.node).await? else { return Ok(Series::empty(query, 0, -1)) };
        let mut series = Series::empty(query, node.first_timestamp, node.latest.timestamp);
        let (from, to) = (query.from.max(node.first_timestamp), query.to.min(node.latest.timestamp + 1));
        let fields = query.fields.iter().map(|field| Field::Number(*field)).collect();
        let all = MeasurementQuery { from, to, fields, ..MeasurementQuery::oldest_first(query.node.clone()) };
        let mut next = Some(MeasurementQuery { limit: PAGE, ..all });
        while let Some(query) = next {
            let page = self.measurements(&query).await?;
            for measurement in &page {
                series.add(measurement);
            }
            next = query.after(&page);
        }
        Ok(series)
    }

    /// Removes the measurements of a node from one time on and before another, and returns how many measurements that
    /// were, when it is durable. A node of which nothing is left is forgotten. Cost: the number of measurements
    /// removed.
    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError>;

    /// Returns entries of the reject log, newest first. Cost: the number of rejects from the newest one (or the query's
    /// cursor) to the last one of the answer, of which the log has a bounded number.
    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError>;

    /// Returns the value that was stored under a key of [`Batch::metadata`]. Cost: one look-up.
    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError>;
}

/// Measurements and everything else that is stored together with them.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Measurements, of any nodes, in any order. They are [valid](Measurement::validate).
    pub measurements: Vec<Measurement>,
    /// Entries for the reject log.
    pub rejects: Vec<Reject>,
    /// Further entries for the reject log, which depend on what becomes of the measurements.
    pub late_rejects: Option<LateRejects>,
    /// Values to keep under a key; a value that was there is replaced.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl Batch {
    /// Returns all entries for the reject log, those that depend on the outcomes last. A repository calls this once,
    /// when it knows the outcomes, and appends the entries in the transaction that stores the measurements.
    pub fn all_rejects(&self, stored: &Stored) -> Cow<'_, [Reject]> {
        let late = self.late_rejects.as_ref().map(|late| (late.0)(&self.measurements, stored)).unwrap_or_default();
        if late.is_empty() {
            return Cow::Borrowed(&self.rejects);
        }
        self.rejects.iter().cloned().chain(late).collect()
    }

    /// Returns whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.measurements.is_empty() && self.rejects.is_empty() && self.metadata.is_empty()
    }
}

/// A function that makes entries of the reject log from the measurements of a batch and their outcomes.
#[derive(Clone)]
pub struct LateRejects(Arc<MakeRejects>);

type MakeRejects = dyn Fn(&[Measurement], &Stored) -> Vec<Reject> + Send + Sync;

impl LateRejects {
    /// Makes entries with `make`. It may be called on any thread, and more than once, and must
    /// not block.
    pub fn new(make: impl Fn(&[Measurement], &Stored) -> Vec<Reject> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for LateRejects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LateRejects")
    }
}

/// The outcomes of a batch's measurements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The outcome of each, in the order of the batch.
    pub outcomes: Vec<Outcome>,
}

/// The outcome of storing a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new, and stored.
    Stored,
    /// It was already stored with the same values.
    Duplicate,
    /// Its key was already stored with other values, which stay.
    Conflict,
}

impl Stored {
    /// Returns the number of new measurements.
    pub fn stored(&self) -> u64 {
        self.count(Outcome::Stored)
    }

    /// Returns the number of measurements that were already stored with the same values.
    pub fn duplicates(&self) -> u64 {
        self.count(Outcome::Duplicate)
    }

    /// Returns the number of measurements that were already stored with other values.
    pub fn conflicts(&self) -> u64 {
        self.count(Outcome::Conflict)
    }

    fn count(&self, wanted: Outcome) -> u64 {
        self.outcomes.iter().filter(|outcome| **outcome == wanted).count() as u64
    }
}

impl FromIterator<Outcome> for Stored {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        Self { outcomes: outcomes.into_iter().collect() }
    }
}

/// A query for measurements of a node.
///
/// ```
/// use isems_core::{MeasurementQuery, NodeId};
/// let node: NodeId = "Elektra-Dach".parse()?;
/// let newest_day = MeasurementQuery { limit: 1440, ..MeasurementQuery::newest_first(node) };
/// # Ok::<(), isems_core::InvalidNodeId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurementQuery {
    /// The node.
    pub node: NodeId,
    /// Not before this measured time, Unix seconds, UTC.
    pub from: i64,
    /// Before this measured time, Unix seconds, UTC.
    pub to: i64,
    /// In which order of measured time.
    pub order: Order,
    /// At most this many.
    pub limit: usize,
    /// The fields that are read. Node and measured time are read in any case.
    pub fields: FieldSet,
}

impl MeasurementQuery {
    /// Everything of a node, oldest first.
    pub fn oldest_first(node: NodeId) -> Self {
        let (from, to, limit) = (i64::MIN, i64::MAX, usize::MAX);
        Self { node, from, to, order: Order::OldestFirst, limit, fields: FieldSet::ALL }
    }

    /// Everything of a node, newest first.
    pub fn newest_first(node: NodeId) -> Self {
        Self { order: Order::NewestFirst, ..Self::oldest_first(node) }
    }

    /// The newest measurement of a node before an instant, Unix seconds, UTC.
    pub fn newest_before(node: NodeId, instant: i64) -> Self {
        Self { to: instant, limit: 1, ..Self::newest_first(node) }
    }

    /// The query that goes on where a page, the answer to this one, ended. `None` when there is nothing more.
    ///
    /// What is stored meanwhile is met if it lies after the last measurement of the page, and nothing is met twice.
    pub fn after(&self, page: &[Measurement]) -> Option<Self> {
        let last = page.last().filter(|_| page.len() >= self.limit)?.timestamp;
        Some(match self.order {
            Order::OldestFirst => Self { from: last + 1, ..self.clone() },
            Order::NewestFirst => Self { to: last, ..self.clone() },
        })
    }
}

/// A query for rejects. A field that is `None` selects all of them.
///
/// ```
/// use isems_core::{RejectQuery, RejectReason};
/// let bad_numbers = RejectQuery { reason: Some(RejectReason::NumberInvalid), ..RejectQuery::newest(100) };
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectQuery {
    /// The node that the reject names; whether it can be a [`NodeId`] does not matter.
    pub node: Option<String>,
    /// The transport that brought it.
    pub transport: Option<String>,
    /// Why it was rejected.
    pub reason: Option<RejectReason>,
    /// Only what is older than a page, which has this as its [`next`](RejectPage::next).
    pub before: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

impl RejectQuery {
    /// The newest ones.
    pub fn newest(limit: usize) -> Self {
        Self { node: None, transport: None, reason: None, before: None, limit }
    }

    /// Returns whether a reject is of the node, the transport and for the reason that are asked for.
    pub fn matches(&self, reject: &Reject) -> bool {
        self.node.as_ref().is_none_or(|node| reject.node.as_ref() == Some(node))
            && self.transport.as_ref().is_none_or(|transport| reject.transport == *transport)
            && self.reason.is_none_or(|reason| reject.reason == reason)
    }
}

/// Rejects, newest first, and where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectPage {
    /// The rejects.
    pub rejects: Vec<Reject>,
    /// The [`before`](RejectQuery::before) of the query for what is older. `None` when there is nothing older.
    pub next: Option<u64>,
}

impl RejectPage {
    /// The answer to a query over a log: its rejects with numbers that rise with time, newest first, from the query's
    /// cursor on (numbers below [`RejectQuery::before`]). For implementations of [`Repository::rejects`].
    pub fn of<E>(query: &RejectQuery, log: impl IntoIterator<Item = Result<(u64, Reject), E>>) -> Result<Self, E> {
        let mut page = Self::default();
        let mut last = None;
        for entry in log {
            let (number, reject) = entry?;
            if !query.matches(&reject) {
                continue;
            }
            if page.rejects.len() >= query.limit {
                page.next = last;
                break;
            }
            page.rejects.push(reject);
            last = Some(number);
        }
        Ok(page)
    }
}

/// All that a query asks for, page by page, so that memory stays flat. The query's limit is that of the whole.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::TryStreamExt;
/// use isems_core::{MeasurementQuery, RedbRepository, pages};
///
/// let repository = RedbRepository::in_memory()?;
/// let everything = MeasurementQuery::oldest_first("Elektra-Dach".parse()?);
/// let mut count = 0;
/// let mut pages = pages(&repository, everything);
/// while let Some(page) = pages.try_next().await? {
///     count += page.len();
/// }
/// assert_eq!(count, 0);
/// # Ok(())
/// # }
/// ```
pub fn pages(
    repository: &dyn Repository,
    query: MeasurementQuery,
) -> impl Stream<Item = Result<Vec<Measurement>, RepositoryError>> + Send + Unpin + '_ {
    let left = query.limit;
    Box::pin(stream::try_unfold((Some(query), left), async move |(query, left)| {
        let Some(query) = query.filter(|_| left > 0) else { return Ok(None) };
        let query = MeasurementQuery { limit: left.min(PAGE), ..query };
        let page = repository.measurements(&query).await?;
        let state = (query.after(&page), left - page.len());
        Ok((!page.is_empty()).then_some((page, state)))
    }))
}

/// Every node, ordered by the bytes of its id, page by page, so that memory stays flat.
///
/// A node that is first stored meanwhile is met if its id comes after the last one of the page before.
pub fn node_pages(
    repository: &dyn Repository,
) -> impl Stream<Item = Result<Vec<Arc<Node>>, RepositoryError>> + Send + Unpin + '_ {
    Box::pin(stream::try_unfold(Some(None), async move |after: Option<Option<NodeId>>| {
        let Some(after) = after else { return Ok(None) };
        let page = repository.nodes_after(after.as_ref(), NODE_PAGE).await?;
        let next = page.last().filter(|_| page.len() >= NODE_PAGE).map(|last| Some(last.id.clone()));
        Ok((!page.is_empty()).then_some((page, next)))
    }))
}

/// An order of measured time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Ascending.
    OldestFirst,
    /// Descending.
    NewestFirst,
}

/// An error of a repository, in terms that hold for any store. What a store can say beyond that is in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The store cannot be reached, read or written at the moment.
    #[error("cannot {action} the database")]
    Unavailable {
        /// The operation that failed: `open`, `read`, `write` or `copy`.
        action: &'static str,
        /// Set if the same call can succeed later without anybody intervening.
        retry: bool,
        /// The cause.
        source: BoxError,
    },
    /// There is no room left. What is stored can be read all the same.
    #[error("cannot write the database: it is full")]
    Full {
        /// The cause.
        source: BoxError,
    },
    /// The stored data is damaged, or a part of it that was needed is.
    #[error("the database is damaged")]
    Damaged {
        /// The problem, and where it is.
        source: BoxError,
    },
    /// The stored data has a format that this version does not know.
    #[error("the database has format {found}, which is newer than {supported}; use a newer version of this program")]
    Newer {
        /// The format that was found.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// The store takes no further node.
    #[error("cannot store node {node:?}: there are already {limit} nodes")]
    TooManyNodes {
        /// The node that is too many.
        node: NodeId,
        /// The number of nodes that the store can hold.
        limit: u64,
    },
    /// A measurement is not valid.
    #[error("cannot store the measurement of node {node:?} at {timestamp}: {fault}")]
    Invalid {
        /// The node.
        node: NodeId,
        /// The measured time.
        timestamp: i64,
        /// The problem.
        fault: InvalidField,
    },
    /// Another failure.
    #[error("cannot {action} the database")]
    Other {
        /// The operation that failed: `open`, `read`, `write` or `copy`.
        action: &'static str,
        /// The cause.
        source: BoxError,
    },
}

impl RepositoryError {
    /// Returns whether the same call can succeed later, without anybody changing what is asked for or what is stored.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { retry: true, .. } | Self::Full { .. })
    }
}

#[cfg(test)]
#[expect(dead_code, reason = "it keeps the trait object-safe by compiling")]
fn is_object_safe(_: &dyn Repository) {}
