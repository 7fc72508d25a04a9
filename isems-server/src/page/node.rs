//! The page of a node, and its charts as files.

use std::ops::Range;

use isems_core::{Bucket, Buckets, NodeId, NumberField, RepositoryError, Series, SeriesQuery};
use isems_dashboard::{CHART_FIELDS, Comparison, MEDIAN, NODE_PREFIX, NodeCharts, NodePage, Span, UnknownNode, Viewer};
use isems_insight::{NodeState, Silence, Snapshot, WatchedNode, remove_void};
use poem::{Request, Response, Result, http::StatusCode};

use super::{Pages, answer, parameters, viewer};
use crate::{api::Refusal, time::Moment};

/// The maximum number of buckets of a chart.
const POINTS: usize = 360;

/// The maximum number of nodes that a median is made of; of more, some are picked evenly.
const MEDIAN_NODES: usize = 50;

/// The longest range for which somebody is looking for, seconds: a century.
const LONGEST: i64 = 100 * 366 * 86_400;

/// The view that a request asks for.
struct Wanted {
    span: Span,
    range: Range<i64>,
    compare: Option<String>,
}

impl Wanted {
    fn of(request: &Request, viewer: &Viewer, node: &WatchedNode) -> Self {
        let parameters = parameters(request);
        let value = |name| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
        let moment = |name| value(name)?.parse::<Moment>().ok()?.second(&viewer.time_zone).ok();
        let span = value("span").and_then(|name| Span::NAMED.into_iter().find(|span| span.name() == name));
        let span = span.unwrap_or_default();
        let compare = value("compare").filter(|value| !value.is_empty()).map(Into::into);
        let end = moment("to").unwrap_or(viewer.now + 1);
        let start = match (moment("from"), span.seconds()) {
            (Some(from), _) => Some(from),
            (None, Some(seconds)) => Some(end - seconds),
            (None, None) => None,
        };
        let range = start.unwrap_or(node.node.first_timestamp).max(end - LONGEST)..end;
        let span = if moment("from").is_some() || moment("to").is_some() { Span::Custom } else { span };
        Self { span, range, compare }
    }
}

/// Everything that the charts of a node are made of.
struct Found {
    viewer: Viewer,
    node: WatchedNode,
    snapshot: Snapshot,
    wanted: Wanted,
    series: Series,
    comparison: Option<Comparison>,
    silences: Vec<Silence>,
}

impl Found {
    fn charts(&self) -> NodeCharts<'_> {
        NodeCharts {
            viewer: &self.viewer,
            node: &self.node,
            range: self.wanted.range.clone(),
            series: &self.series,
            comparison: self.comparison.as_ref(),
            silences: &self.silences,
        }
    }
}

impl Pages {
    /// Answers with the page of a node.
    pub(super) async fn node(&self, request: &Request, name: &str) -> Result<Response> {
        let found = match self.find(request, name).await? {
            Ok(found) => found,
            Err(viewer) => return Ok(unknown(request, &viewer, name)),
        };
        let others = found.snapshot.nodes.iter().filter(|other| other.node.id != found.node.node.id);
        let others: Vec<&str> = others.map(|other| other.node.id.as_str()).collect();
        let past_findings = self.watcher.past_findings(&found.node.node.id).await;
        let (charts, span) = (found.charts(), found.wanted.span);
        let page = NodePage { charts, span, others: &others, past_findings: &past_findings };
        Ok(answer::page(request, page.page()))
    }

    /// Answers with the chart of a field as an SVG file.
    pub(super) async fn chart(&self, request: &Request, name: &str, file: &str) -> Result<Response> {
        let missing = || Refusal::new(StatusCode::NOT_FOUND, "there is no such chart");
        let field = file.strip_suffix(".svg");
        let field = field.and_then(|name| NumberField::ALL.into_iter().find(|field| field.name() == name));
        let field = field.ok_or_else(missing)?;
        let found = self.find(request, name).await?.map_err(|_| missing())?;
        let svg = found.charts().file(field).ok_or_else(missing)?;
        Ok(answer::svg(svg))
    }

    /// Reads what the charts of a node are made of. Without such a node, there is only the viewer.
    async fn find(&self, request: &Request, name: &str) -> Result<std::result::Result<Found, Viewer>, Refusal> {
        let snapshot = self.watcher.snapshot().await?;
        let viewer = viewer::of(request, &self.time_zone, snapshot.at);
        let Some(node) = snapshot.nodes.iter().find(|node| node.node.id.as_str() == name).cloned() else {
            return Ok(Err(viewer));
        };
        let wanted = Wanted::of(request, &viewer, &node);
        let repository = &**self.watcher.repository();
        let query = query(&node.node.id, &wanted.range, Buckets::AtMost(POINTS));
        let interval = query.interval(wanted.range.start, wanted.range.end);
        let mut series = repository.series(&SeriesQuery { buckets: Buckets::Wide(interval), ..query }).await?;
        remove_void(&mut series, node.assessment.as_deref());
        let comparison = self.comparison(&snapshot, &wanted, interval).await?;
        let silences = self.watcher.past_silences(&node.node.id).await;
        Ok(Ok(Found { viewer, node, snapshot, wanted, series, comparison, silences }))
    }

    /// Reads what a node is compared with. A node that is not there any more is none.
    async fn comparison(
        &self,
        snapshot: &Snapshot,
        wanted: &Wanted,
        interval: i64,
    ) -> Result<Option<Comparison>, RepositoryError> {
        let repository = &**self.watcher.repository();
        let buckets = Buckets::Wide(interval);
        match wanted.compare.as_deref() {
            None => Ok(None),
            Some(MEDIAN) => {
                let in_use: Vec<&WatchedNode> =
                    snapshot.nodes.iter().filter(|node| node.state != NodeState::Inactive).collect();
                let mut all = Vec::new();
                for node in in_use.iter().step_by(in_use.len().div_ceil(MEDIAN_NODES).max(1)) {
                    let mut series = repository.series(&query(&node.node.id, &wanted.range, buckets)).await?;
                    remove_void(&mut series, node.assessment.as_deref());
                    all.push(series);
                }
                Ok(Some(Comparison::Median(median(&all, interval))))
            }
            Some(other) => {
                let other = other.strip_prefix(NODE_PREFIX).and_then(|name| NodeId::new(name).ok());
                let Some(other) = other else { return Ok(None) };
                if repository.node(&other).await?.is_none() {
                    return Ok(None);
                }
                let mut series = repository.series(&query(&other, &wanted.range, buckets)).await?;
                let watched = snapshot.nodes.iter().find(|node| node.node.id == other);
                remove_void(&mut series, watched.and_then(|node| node.assessment.as_deref()));
                Ok(Some(Comparison::Node(other, series)))
            }
        }
    }
}

/// Returns the answer that there is no such node.
pub(super) fn unknown(request: &Request, viewer: &Viewer, name: &str) -> Response {
    let mut response = answer::page(request, UnknownNode { viewer, name }.page());
    response.set_status(StatusCode::NOT_FOUND);
    response
}

fn query(node: &NodeId, range: &Range<i64>, buckets: Buckets) -> SeriesQuery {
    SeriesQuery { node: node.clone(), fields: CHART_FIELDS.into(), from: range.start, to: range.end, buckets }
}

/// Returns the medians of the averages of series with the same interval and fields.
fn median(all: &[Series], interval: i64) -> Series {
    let known = || all.iter().filter(|series| series.fields.iter().any(|(_, buckets)| !buckets.is_empty()));
    let start = known().map(|series| series.start).min().unwrap_or(0);
    let place = |series: &Series| ((series.start - start) / interval) as usize;
    let length = |series: &Series| place(series) + series.fields.first().map_or(0, |(_, buckets)| buckets.len());
    let count = known().map(length).max().unwrap_or(0);
    let of_field = |number: usize| {
        let mut values = vec![Vec::new(); count];
        for series in known() {
            for (values, bucket) in values[place(series)..].iter_mut().zip(&series.fields[number].1) {
                values.extend(bucket.average());
            }
        }
        values.into_iter().map(middle).collect()
    };
    let fields = CHART_FIELDS.into_iter().enumerate().map(|(number, field)| (field, of_field(number)));
    Series { start, interval, fields: fields.collect() }
}

/// Returns the middle of some values as a bucket with one value.
fn middle(mut values: Vec<f64>) -> Bucket {
    values.sort_by(f64::total_cmp);
    let mut bucket = Bucket::EMPTY;
    if let (Some(low), Some(high)) = (values.get(values.len().saturating_sub(1) / 2), values.get(values.len() / 2)) {
        bucket.add(low.midpoint(*high));
    }
    bucket
}
