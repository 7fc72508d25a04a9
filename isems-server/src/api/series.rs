//! Series of fields, aggregated in buckets for charts.

use std::sync::Arc;

use isems_core::{Bucket, Buckets, Node, NumberField, Repository, Series, SeriesQuery};
use jiff::tz::TimeZone;
use poem::Request;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use serde::Serialize;

use super::{
    Tag,
    named::Named,
    nullable::Nullable,
    problem::{OfReadingNode, Refusal, Refused},
    query,
    rendered::Rendered,
    time::{UtcTime, seconds},
};
use crate::time::Moment;

/// The maximum number of nodes in a request.
const MAX_NODES: usize = 100;

/// The maximum number of buckets of all nodes and fields of an answer together, some ten megabytes of JSON.
const MAX_BUCKETS: usize = 250_000;

/// The approximate size of a field's bucket in JSON.
const BUCKET_BYTES: usize = 32;

/// Fields of a node over time, in columns of the same length. Buckets follow one another without gaps.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Series", rename_all = "camelCase", example)]
struct NodeSeries {
    /// The node's name.
    node_id: String,
    /// The start of the first bucket.
    from: UtcTime,
    /// The end of the last bucket. Equals `from` if there are no buckets.
    to: UtcTime,
    /// The width of a bucket, in seconds.
    interval_seconds: i64,
    /// The start of each bucket.
    timestamps: Vec<UtcTime>,
    /// The fields, in the requested order.
    fields: Vec<Column>,
}

/// The buckets of a field. Where nothing was measured, `count` is 0 and the others are null.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "SeriesField")]
struct Column {
    /// The field.
    field: Named<NumberField>,
    /// The field's unit; empty for none.
    unit: String,
    /// The lowest value of each bucket.
    min: Vec<Nullable<f64>>,
    /// The average of the values of each bucket.
    average: Vec<Nullable<f64>>,
    /// The highest value of each bucket.
    max: Vec<Nullable<f64>>,
    /// The number of values in each bucket.
    count: Vec<u64>,
}

impl Example for NodeSeries {
    fn example() -> Self {
        Self {
            node_id: "Elektra-Dach".into(),
            from: UtcTime(1_530_360_000),
            to: UtcTime(1_530_367_200),
            interval_seconds: 3600,
            timestamps: vec![UtcTime(1_530_360_000), UtcTime(1_530_363_600)],
            fields: vec![Column {
                field: Named(NumberField::BatteryVoltage),
                unit: "V".into(),
                min: vec![Nullable(Some(14.02)), Nullable(None)],
                average: vec![Nullable(Some(14.051)), Nullable(None)],
                max: vec![Nullable(Some(14.073)), Nullable(None)],
                count: vec![60, 0],
            }],
        }
    }
}

/// Series of several nodes, all with the same buckets.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
struct SeriesOfNodes {
    /// A series for each node, in order of their names.
    series: Vec<NodeSeries>,
}

impl Example for SeriesOfNodes {
    fn example() -> Self {
        Self { series: vec![NodeSeries::example()] }
    }
}

impl NodeSeries {
    fn new(node: &Node, series: Series) -> Self {
        let count = series.fields.first().map_or(0, |(_, buckets)| buckets.len()) as i64;
        let timestamp = |place| UtcTime(series.start + place * series.interval);
        Self {
            node_id: node.id.to_string(),
            from: timestamp(0),
            to: timestamp(count),
            interval_seconds: series.interval,
            timestamps: (0..count).map(timestamp).collect(),
            fields: series.fields.into_iter().map(|(field, buckets)| Column::new(field, &buckets)).collect(),
        }
    }
}

impl Column {
    fn new(field: NumberField, buckets: &[Bucket]) -> Self {
        let known = |bucket: &Bucket, value: f64| Nullable((bucket.count > 0).then_some(value));
        // Removes the rounding errors of summation.
        let round = |value: f64| (value * 1e6).round() / 1e6;
        Self {
            field: Named(field),
            unit: field.unit().into(),
            min: buckets.iter().map(|bucket| known(bucket, bucket.min)).collect(),
            average: buckets.iter().map(|bucket| Nullable(bucket.average().map(round))).collect(),
            max: buckets.iter().map(|bucket| known(bucket, bucket.max)).collect(),
            count: buckets.iter().map(|bucket| bucket.count).collect(),
        }
    }
}

/// A node's series.
#[derive(ApiResponse)]
enum SeriesResponse {
    /// The series.
    #[oai(status = 200)]
    Found(Rendered<NodeSeries>),
}

/// The series of nodes.
#[derive(ApiResponse)]
enum SeriesOfNodesResponse {
    /// The series.
    #[oai(status = 200)]
    Found(Rendered<SeriesOfNodes>),
}

/// The operations that read series.
pub(crate) struct SeriesApi {
    pub(crate) repository: Arc<dyn Repository>,
}

#[OpenApi(tag = "Tag::Measurements")]
impl SeriesApi {
    /// Get a series of a node
    ///
    /// Divides the range into at most `points` buckets of a round width, from one second to days, for a chart. Buckets
    /// cover the part of the range in which the node has measurements; a gap in the history is a gap here.
    #[oai(path = "/api/v1/nodes/:nodeId/series", method = "get", operation_id = "seriesOfNode")]
    async fn of_node(
        &self,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// The fields, separated by commas. Repeated fields count once.
        #[oai(explode = false, default = "default_fields", validator(min_items = "1", max_items = "13"))]
        Query(fields): Query<Vec<Named<NumberField>>>,
        /// The earliest measured time, inclusive. Unlimited by default.
        Query(from): Query<Option<Moment>>,
        /// The end of the measured times, exclusive. Unlimited by default.
        Query(to): Query<Option<Moment>>,
        /// The maximum number of buckets.
        #[oai(default = "default_points", validator(minimum(value = "1"), maximum(value = "5000")))]
        Query(points): Query<u32>,
    ) -> Result<SeriesResponse, Refused<OfReadingNode>> {
        query::only(request, &["fields", "from", "to", "points"])?;
        let node = query::node(&*self.repository, &node).await?;
        let mut series = self.series(&[node], &fields, from, to, points).await?;
        let series = series.remove(0);
        let capacity = 256 + series.timestamps.len() * (24 + series.fields.len() * BUCKET_BYTES);
        Ok(SeriesResponse::Found(Rendered::new(&series, capacity)))
    }

    /// Get series of several nodes
    ///
    /// Answers with the named nodes (`nodes=A&nodes=B`), or all, at most 100. They share the same buckets, ready for
    /// one chart, which cover the part of the range in which any of them has measurements.
    #[oai(path = "/api/v1/series", method = "get", operation_id = "series")]
    async fn of_nodes(
        &self,
        request: &Request,
        /// A node's name; may be repeated. All nodes by default.
        #[oai(default)]
        Query(nodes): Query<Vec<String>>,
        /// The fields, separated by commas. Repeated fields count once.
        #[oai(explode = false, default = "default_fields", validator(min_items = "1", max_items = "13"))]
        Query(fields): Query<Vec<Named<NumberField>>>,
        /// The earliest measured time, inclusive. Unlimited by default.
        Query(from): Query<Option<Moment>>,
        /// The end of the measured times, exclusive. Unlimited by default.
        Query(to): Query<Option<Moment>>,
        /// The maximum number of buckets of each node. All nodes and fields together have at most 250,000.
        #[oai(default = "default_points", validator(minimum(value = "1"), maximum(value = "5000")))]
        Query(points): Query<u32>,
    ) -> Result<SeriesOfNodesResponse, Refused<OfReadingNode>> {
        query::only_or_repeated(request, &["fields", "from", "to", "points"], &["nodes"])?;
        let nodes = query::nodes(&*self.repository, &nodes).await?;
        if nodes.len() > MAX_NODES {
            let detail = format!(
                "these are {} nodes, but at most {MAX_NODES} are returned at once; select some with nodes=",
                nodes.len()
            );
            return Err(query::invalid(detail).into());
        }
        let series = SeriesOfNodes { series: self.series(&nodes, &fields, from, to, points).await? };
        let buckets = series.series.iter().map(|series| series.timestamps.len()).sum::<usize>();
        let capacity = 256 + buckets * (24 + fields.len() * BUCKET_BYTES);
        Ok(SeriesOfNodesResponse::Found(Rendered::new(&series, capacity)))
    }
}

impl SeriesApi {
    async fn series(
        &self,
        nodes: &[Arc<Node>],
        fields: &[Named<NumberField>],
        from: Option<Moment>,
        to: Option<Moment>,
        points: u32,
    ) -> Result<Vec<NodeSeries>, Refusal> {
        let mut wanted: Vec<NumberField> = Vec::new();
        for Named(field) in fields {
            if !wanted.contains(field) {
                wanted.push(*field);
            }
        }
        let seconds = seconds(from, to, &TimeZone::UTC).map_err(query::invalid)?;
        let columns = (wanted.len() * nodes.len()).max(1);
        let points = (points as usize).min(MAX_BUCKETS / columns);
        let first = nodes.iter().map(|node| node.first_timestamp).min().unwrap_or(0);
        let last = nodes.iter().map(|node| node.latest.timestamp).max().unwrap_or(-1);
        let (from, to) = (seconds.start.max(first), seconds.end.min(last + 1));
        let mut all = Vec::with_capacity(nodes.len());
        for node in nodes {
            let buckets = Buckets::AtMost(points);
            let query = SeriesQuery { node: node.id.clone(), fields: wanted.clone(), from, to, buckets };
            let interval = query.interval(from, to);
            let common = Series::empty(&query, first, last);
            let found = self.repository.series(&SeriesQuery { buckets: Buckets::Wide(interval), ..query }).await?;
            all.push(NodeSeries::new(node, within(common, found)));
        }
        Ok(all)
    }
}

/// Copies a series into a longer one with buckets of the same width.
fn within(mut common: Series, found: Series) -> Series {
    let place = ((found.start - common.start) / common.interval).max(0) as usize;
    for ((_, common), (_, found)) in common.fields.iter_mut().zip(found.fields) {
        for (common, found) in common.iter_mut().skip(place).zip(found) {
            *common = found;
        }
    }
    common
}

fn default_fields() -> Vec<Named<NumberField>> {
    [NumberField::BatteryVoltage, NumberField::BatteryChargeEstimate, NumberField::BatteryTemperature].map(Named).into()
}

fn default_points() -> u32 {
    500
}
