//! The trait of everything that keeps measurements.

use std::{any::Any, borrow::Cow, fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};

use crate::{
    BoxError, Field, FieldSet, InvalidField, Measurement, Node, NodeId, Reject, RejectReason, Series, SeriesQuery,
};

/// The number of measurements in a page unless the caller says otherwise.
const PAGE: usize = 10_000;

/// The number of nodes in a page of [`node_pages`].
const NODE_PAGE: usize = 1_000;

/// A store of measurements that answers questions about them.
///
/// A measurement's key is its node and second. The order of arrival never matters. All methods may be called at any
/// time from many tasks. The feature `testing` has a conformance suite for implementations.
///
/// It is [`Any`], so that a program can find out whether it has an implementation with more to offer, such as a
/// [file](crate::RedbRepository).
#[async_trait]
pub trait Repository: Any + Send + Sync {
    /// Stores a batch, all or nothing, and returns when it is durable.
    ///
    /// A measurement with a new key is stored. One whose key is already stored with the [same
    /// values](Measurement::same_values) is a duplicate and changes nothing. One whose key is already stored with other
    /// values is a conflict: the first one stays. The same holds within a batch, in its order.
    /// [Rejects](Batch::all_rejects) are appended to the reject log, which keeps at least the newest 10,000. Cost: one
    /// write to the disk, shared by all batches that are stored at the same time. Nothing is written for an empty
    /// batch.
    async fn store(&self, batch: Batch) -> Result<Stored, RepositoryError>;

    /// Proves that the repository can store measurements now, or returns an error. Cost: at most one small write to the
    /// disk, shared with the batches that are stored at the same time.
    async fn probe(&self) -> Result<(), RepositoryError>;

    /// Returns at most `limit` nodes whose ids come after `after` (from the first node on if that is `None`), each with
    /// its newest measurement, ordered by the bytes of the id. Cost: the number of nodes returned.
    async fn nodes_after(&self, after: Option<&NodeId>, limit: usize) -> Result<Vec<Arc<Node>>, RepositoryError>;

    /// Returns all nodes with their newest measurements, ordered by the bytes of their ids. Cost: the number of nodes,
    /// all of them in memory; [`node_pages`] needs less.
    async fn nodes(&self) -> Result<Vec<Arc<Node>>, RepositoryError> {
        self.nodes_after(None, usize::MAX).await
    }

    /// Returns the number of nodes. Cost: one lookup.
    async fn node_count(&self) -> Result<u64, RepositoryError>;

    /// Returns a node with its newest measurement. Cost: one lookup.
    async fn node(&self, id: &NodeId) -> Result<Option<Arc<Node>>, RepositoryError>;

    /// Returns measurements of a node. An unknown node has none.
    ///
    /// Node and measured time are always filled in. Any other field that the [query](MeasurementQuery::fields) does not
    /// select is either as it was stored or missing (`None`; [`TimeSource::Node`](crate::TimeSource::Node), and the
    /// measured time as the time of arrival), so only read the fields that you selected. Cost: the number of
    /// measurements returned; implementations that store columns separately read only the selected ones.
    async fn measurements(&self, query: &MeasurementQuery) -> Result<Vec<Measurement>, RepositoryError>;

    /// Returns a node's fields in buckets, over the intersection of the range and the time from the node's oldest to
    /// its newest measurement. An unknown node has no buckets. Cost: the number of measurements in the range;
    /// implementations that store columns separately read only those of the fields.
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

    /// Deletes a node's measurements from one time until before another, and returns their number once that is durable.
    /// A node that has none left is forgotten. Cost: the number of measurements deleted.
    async fn delete(&self, node: &NodeId, from: i64, to: i64) -> Result<u64, RepositoryError>;

    /// Returns entries of the reject log, newest first. Cost: the number of entries from the newest one (or the query's
    /// cursor) to the last one returned; the length of the log is bounded.
    async fn rejects(&self, query: &RejectQuery) -> Result<RejectPage, RepositoryError>;

    /// Returns the value stored under a key of [`Batch::metadata`]. Cost: one lookup.
    async fn metadata(&self, key: &str) -> Result<Option<Vec<u8>>, RepositoryError>;
}

/// Measurements and everything that is stored along with them.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Measurements, of any nodes, in any order. They are [valid](Measurement::validate).
    pub measurements: Vec<Measurement>,
    /// Entries for the reject log.
    pub rejects: Vec<Reject>,
    /// Further entries for the reject log, which depend on the outcomes of the measurements.
    pub late_rejects: Option<LateRejects>,
    /// Values to keep, by key. They replace earlier ones.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl Batch {
    /// Returns all entries for the reject log; those that depend on the outcomes come last. A repository calls this
    /// once, when it knows the outcomes, and appends the entries in the transaction that stores the measurements.
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

/// A function that makes reject-log entries from the measurements of a batch and their outcomes.
#[derive(Clone)]
pub struct LateRejects(Arc<MakeRejects>);

type MakeRejects = dyn Fn(&[Measurement], &Stored) -> Vec<Reject> + Send + Sync;

impl LateRejects {
    /// Wraps `make`. It may be called on any thread, and more than once, and must not block.
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
    /// The outcome of each measurement, in the order of the batch.
    pub outcomes: Vec<Outcome>,
}

/// The outcome of storing a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new and was stored.
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
    /// The earliest measured time, Unix seconds, UTC.
    pub from: i64,
    /// The measured time before which the range ends, Unix seconds, UTC.
    pub to: i64,
    /// The order, by measured time.
    pub order: Order,
    /// The maximum number of measurements.
    pub limit: usize,
    /// The fields to read. Node and measured time are always read.
    pub fields: FieldSet,
}

impl MeasurementQuery {
    /// Selects everything of a node, oldest first.
    pub fn oldest_first(node: NodeId) -> Self {
        let (from, to, limit) = (i64::MIN, i64::MAX, usize::MAX);
        Self { node, from, to, order: Order::OldestFirst, limit, fields: FieldSet::ALL }
    }

    /// Selects everything of a node, newest first.
    pub fn newest_first(node: NodeId) -> Self {
        Self { order: Order::NewestFirst, ..Self::oldest_first(node) }
    }

    /// Selects the newest measurement of a node before an instant, Unix seconds, UTC.
    pub fn newest_before(node: NodeId, instant: i64) -> Self {
        Self { to: instant, limit: 1, ..Self::newest_first(node) }
    }

    /// Returns the query that continues after a page, the answer to this query, or `None` if there is nothing more.
    ///
    /// Measurements stored meanwhile are included if they lie after the last one of the page, and none is returned
    /// twice.
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
    /// The node that the reject names; it does not have to be a valid [`NodeId`].
    pub node: Option<String>,
    /// The transport that delivered it.
    pub transport: Option<String>,
    /// The reason for the rejection.
    pub reason: Option<RejectReason>,
    /// Selects only entries older than the page that has this as its [`next`](RejectPage::next).
    pub before: Option<u64>,
    /// The maximum number of rejects.
    pub limit: usize,
}

impl RejectQuery {
    /// Selects the newest rejects.
    pub fn newest(limit: usize) -> Self {
        Self { node: None, transport: None, reason: None, before: None, limit }
    }

    /// Returns whether a reject has the node, transport and reason that the query selects.
    pub fn matches(&self, reject: &Reject) -> bool {
        self.node.as_ref().is_none_or(|node| reject.node.as_ref() == Some(node))
            && self.transport.as_ref().is_none_or(|transport| reject.transport == *transport)
            && self.reason.is_none_or(|reason| reject.reason == reason)
    }
}

/// A page of rejects, newest first, with the cursor for the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectPage {
    /// The rejects.
    pub rejects: Vec<Reject>,
    /// The [`before`](RejectQuery::before) of the query for older rejects, or `None` if there are none.
    pub next: Option<u64>,
}

impl RejectPage {
    /// Answers a query from a log: rejects with their numbers, which rise with time, newest first, starting at the
    /// query's cursor (numbers below [`RejectQuery::before`]). For implementations of [`Repository::rejects`].
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

/// Returns everything that a query selects, page by page, so that memory use stays flat. The query's limit applies to
/// the whole.
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

/// Returns all nodes, ordered by the bytes of their ids, page by page, so that memory use stays flat.
///
/// A node that is first stored meanwhile is included if its id comes after the last one of the previous page.
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

/// An error of a repository, in terms that hold for any store. Further details are in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The store cannot be reached, read or written at the moment.
    #[error("cannot {action} the database")]
    Unavailable {
        /// The operation that failed: `open`, `read`, `write` or `copy`.
        action: &'static str,
        /// Set if the same call can succeed later without anyone intervening.
        retry: bool,
        /// The cause.
        source: BoxError,
    },
    /// There is no space left. Stored data can still be read.
    #[error("cannot write the database: it is full")]
    Full {
        /// The cause.
        source: BoxError,
    },
    /// The stored data is damaged, at least the part that was needed.
    #[error("the database is damaged")]
    Damaged {
        /// The problem and its location.
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
    /// The store cannot hold any more nodes.
    #[error("cannot store node {node:?}: there are already {limit} nodes")]
    TooManyNodes {
        /// The node that is one too many.
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
    /// Returns whether the same call can succeed later without anyone changing the request or the stored data.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { retry: true, .. } | Self::Full { .. })
    }
}

#[cfg(test)]
#[expect(dead_code, reason = "it keeps the trait object-safe by compiling")]
fn is_object_safe(_: &dyn Repository) {}
