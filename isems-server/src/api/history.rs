//! What nodes measured: in pages, and as text for spreadsheets and scripts.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use isems_core::{Measurement, Node, NodeId, Order, Repository};
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{
    Body, Request, Response,
    http::{HeaderMap, StatusCode, header},
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    registry::{MetaMediaType, Registry},
    types::{Example, Type},
};
use serde::{Serialize, Serializer};

use super::{
    Tag,
    answer::{Answer, Described, content},
    compression::Streamed,
    measurement::{MeasurementSchema, Written},
    problem::{FAILED, FORBIDDEN, INVALID, NODE_UNKNOWN, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    time::{TimeZoneName, seconds},
};
use crate::{
    stream::{Selection, TextFormat},
    time::Moment,
};

/// How many measurements a page has where the client does not say.
const DEFAULT_LIMIT: usize = 1000;

/// The most measurements of a page.
const MAX_LIMIT: u32 = 10_000;

/// About how long a measurement is in JSON.
const RECORD_BYTES: usize = 640;

/// Measurements, and where to go on.
#[derive(Debug, Object)]
#[oai(rename = "MeasurementPage", example)]
struct Page {
    /// The measurements, in the order that was asked for.
    measurements: Vec<MeasurementSchema>,
    /// Path and query of the next page; null where there is none.
    #[oai(nullable)]
    next: Option<String>,
}

impl Example for Page {
    fn example() -> Self {
        let next = "/api/v1/nodes/Elektra-Dach/measurements?limit=1&cursor=1530364575";
        Self { measurements: vec![MeasurementSchema::example()], next: Some(next.into()) }
    }
}

/// A [`Page`] as it is written.
#[derive(Serialize)]
struct WrittenPage<'a> {
    #[serde(serialize_with = "written")]
    measurements: &'a [Measurement],
    next: Option<&'a str>,
}

fn written<S: Serializer>(measurements: &&[Measurement], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(measurements.iter().map(Written))
}

/// In which order of measured time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "Order")]
enum OrderName {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// How measurements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "Format")]
enum FormatName {
    /// Pages of JSON.
    Json,
    /// All that is asked for, as CSV (RFC 4180) with a header.
    Csv,
    /// All that is asked for, a JSON object a line.
    Ndjson,
}

impl FormatName {
    const NDJSON: &'static str = "application/x-ndjson";

    /// What a client accepts, the first one of those that it likes best (RFC 9110, section 12.5.1). JSON where it does not say.
    fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let values = headers.get_all(header::ACCEPT);
        let ranges = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let mut best = None;
        let mut is_silent = true;
        for range in ranges.map(str::trim).filter(|range| !range.is_empty()) {
            is_silent = false;
            let mut parameters = range.split(';').map(str::trim);
            let format = match parameters.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "*/*" | "application/*" | "application/json" => Self::Json,
                "text/*" | "text/csv" => Self::Csv,
                Self::NDJSON | "application/ndjson" | "application/jsonl" => Self::Ndjson,
                _ => continue,
            };
            let weight = parameters.find_map(|parameter| parameter.strip_prefix("q="));
            let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, format));
            }
        }
        match best {
            Some((_, format)) => Ok(format),
            None if is_silent => Ok(Self::Json),
            None => Err(Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "this can be application/json, text/csv or application/x-ndjson: name one in Accept, or add format=csv",
            )),
        }
    }
}

/// What the document says of measurements.
enum Measurements {}

impl Described for Measurements {
    const DESCRIPTION: &'static str =
        "The measurements: a page of JSON, or all of them as CSV or as a JSON object a line.";
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("Link", "The next page: `<PATH>; rel=\"next\"`. Only with JSON, and where there is one."),
        ("Content-Disposition", "A name for the file. Only with CSV and JSON lines."),
    ];

    fn content() -> Vec<MetaMediaType> {
        vec![
            content("application/json", Page::schema_ref()),
            content("text/csv", String::schema_ref()),
            content(FormatName::NDJSON, String::schema_ref()),
        ]
    }

    fn register(registry: &mut Registry) {
        Page::register(registry);
    }
}

/// The problems of reading measurements.
enum OfHistory {}

impl Problems for OfHistory {
    const STATUSES: &'static [(u16, &'static str)] =
        &[INVALID, UNAUTHORIZED, FORBIDDEN, NODE_UNKNOWN, NOT_ACCEPTABLE, FAILED];
}

const NOT_ACCEPTABLE: (u16, &str) = (406, "`Accept` names nothing that this can be.");

/// Measurements of v1.
pub(crate) struct HistoryApi {
    pub(crate) repository: Arc<dyn Repository>,
}

/// What a request asks for beside the nodes.
struct Wanted {
    seconds: Range<i64>,
    order: Order,
    limit: Option<usize>,
    format: FormatName,
    zone: TimeZone,
}

#[OpenApi(tag = "Tag::Measurements")]
impl HistoryApi {
    /// Measurements of a node
    ///
    /// JSON comes in pages: `next` leads from one to the next. CSV and JSON lines (`Accept`, or `format`) come whole,
    /// however much it is, unless a `limit` is named; should they break off, the connection does, too.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "get", operation_id = "measurementsOfNode")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn of_node(
        &self,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// Not before this measured time; from the beginning if it is not said.
        Query(from): Query<Option<Moment>>,
        /// Before this measured time; to the end if it is not said.
        Query(to): Query<Option<Moment>>,
        /// Newest first (`desc`) if it is not said.
        Query(order): Query<Option<OrderName>>,
        /// At most this many, up to 10,000. A page of JSON has 1,000 if it is not said.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Goes on where a page ended: what its `next` says.
        #[oai(validator(pattern = "^[0-9]{1,10}$"))]
        Query(cursor): Query<Option<String>>,
        /// Goes before `Accept`.
        Query(format): Query<Option<FormatName>>,
        /// Time zone of days in `from` and `to`, and of the times in CSV and JSON lines; UTC if it is not said.
        Query(tz): Query<Option<TimeZoneName>>,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        query::only(request, &["from", "to", "order", "limit", "cursor", "format", "tz"])?;
        let node = query::node(&*self.repository, &node).await?;
        let wanted = wanted(request, from..to, order, limit, format, tz)?;
        let cursor = cursor.and_then(|cursor| cursor.parse().ok());
        let file = node.id.to_string();
        let nodes = [(node.id.clone(), wanted.after(cursor))].into();
        self.answer(request, wanted, nodes, &file, |last| last.timestamp.to_string()).await
    }

    /// Measurements of several nodes
    ///
    /// Of those that are named (`nodes=A&nodes=B`), or of all: node after node in order of their names, each in the order of
    /// time that is asked for. Pages, CSV and JSON lines as for one node.
    #[oai(path = "/api/v1/measurements", method = "get", operation_id = "measurements")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn of_nodes(
        &self,
        request: &Request,
        /// The nodes' names. It can be given several times; all nodes if it is not.
        Query(nodes): Query<Vec<String>>,
        /// Not before this measured time; from the beginning if it is not said.
        Query(from): Query<Option<Moment>>,
        /// Before this measured time; to the end if it is not said.
        Query(to): Query<Option<Moment>>,
        /// Newest first (`desc`) if it is not said.
        Query(order): Query<Option<OrderName>>,
        /// At most this many, up to 10,000. A page of JSON has 1,000 if it is not said.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Goes on where a page ended: what its `next` says.
        #[oai(validator(pattern = "^[0-9]{1,10},.+$"))]
        Query(cursor): Query<Option<String>>,
        /// Goes before `Accept`.
        Query(format): Query<Option<FormatName>>,
        /// Time zone of days in `from` and `to`, and of the times in CSV and JSON lines; UTC if it is not said.
        Query(tz): Query<Option<TimeZoneName>>,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        query::only_or_repeated(request, &["from", "to", "order", "limit", "cursor", "format", "tz"], &["nodes"])?;
        let nodes = query::nodes(&*self.repository, &nodes).await?;
        let wanted = wanted(request, from..to, order, limit, format, tz)?;
        let cursor = cursor.as_deref().and_then(|cursor| cursor.split_once(','));
        let selected = |node: &Arc<Node>| {
            let seconds = match cursor {
                Some((_, last)) if node.id.as_str() < last => return None,
                Some((second, last)) if node.id.as_str() == last => wanted.after(second.parse().ok()),
                _ => wanted.seconds.clone(),
            };
            Some((node.id.clone(), seconds))
        };
        let nodes = nodes.iter().filter_map(selected).collect();
        let cursor = |last: &Measurement| format!("{},{}", last.timestamp, last.node_id);
        self.answer(request, wanted, nodes, "measurements", cursor).await
    }
}

/// What the parameters say.
fn wanted(
    request: &Request,
    Range { start: from, end: to }: Range<Option<Moment>>,
    order: Option<OrderName>,
    limit: Option<u32>,
    format: Option<FormatName>,
    tz: Option<TimeZoneName>,
) -> Result<Wanted, Refusal> {
    let zone = tz.map_or(TimeZone::UTC, |TimeZoneName(zone)| zone);
    let seconds = seconds(from, to, &zone).map_err(query::invalid)?;
    let order = if order == Some(OrderName::Asc) { Order::OldestFirst } else { Order::NewestFirst };
    let limit = limit.map(|limit| limit.min(MAX_LIMIT) as usize);
    let format = format.map_or_else(|| FormatName::accepted(request.headers()), Ok)?;
    Ok(Wanted { seconds, order, limit, format, zone })
}

impl Wanted {
    /// The seconds that come after one of them.
    fn after(&self, second: Option<i64>) -> Range<i64> {
        let Range { start, end } = self.seconds;
        match (second, self.order) {
            (None, _) => start..end,
            (Some(second), Order::OldestFirst) => start.max(second + 1)..end,
            (Some(second), Order::NewestFirst) => start..end.min(second),
        }
    }
}

impl HistoryApi {
    async fn answer(
        &self,
        request: &Request,
        wanted: Wanted,
        nodes: VecDeque<(NodeId, Range<i64>)>,
        file: &str,
        cursor: impl Fn(&Measurement) -> String,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        let Wanted { order, limit, format, zone, .. } = wanted;
        let (format, content_type, ending) = match format {
            FormatName::Json => return self.page(request, nodes, order, limit.unwrap_or(DEFAULT_LIMIT), cursor).await,
            FormatName::Csv => (TextFormat::Csv, "text/csv; charset=utf-8", "csv"),
            FormatName::Ndjson => (TextFormat::Ndjson, FormatName::NDJSON, "ndjson"),
        };
        let selection = Selection { nodes, order, limit: limit.unwrap_or(usize::MAX) };
        let body = Body::from_bytes_stream(selection.text(self.repository.clone(), format, zone));
        let name = utf8_percent_encode(file, NON_ALPHANUMERIC);
        let disposition = format!("attachment; filename*=UTF-8''{name}.{ending}");
        let response = Response::builder().content_type(content_type).header(header::CONTENT_DISPOSITION, disposition);
        Ok(Answer::new(response.extension(Streamed::File).body(body)))
    }

    async fn page(
        &self,
        request: &Request,
        nodes: VecDeque<(NodeId, Range<i64>)>,
        order: Order,
        limit: usize,
        cursor: impl Fn(&Measurement) -> String,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        // One more than the page has tells whether there is a next one.
        let selection = Selection { nodes, order, limit: limit + 1 };
        let mut measurements = selection.read(&*self.repository).await?;
        let has_more = measurements.len() > limit;
        measurements.truncate(limit);
        let last = measurements.last().filter(|_| has_more);
        let next = last.map(|last| query::next_page(request, &cursor(last)));
        let mut response = Response::builder().content_type("application/json");
        if let Some(next) = &next {
            response = response.header(header::LINK, format!("<{next}>; rel=\"next\""));
        }
        let mut body = Vec::with_capacity(64 + measurements.len() * RECORD_BYTES);
        let page = WrittenPage { measurements: &measurements, next: next.as_deref() };
        serde_json::to_writer(&mut body, &page)
            .expect("writing to memory fails only for maps with keys that are no text");
        Ok(Answer::new(response.body(body)))
    }
}
