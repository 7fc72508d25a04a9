//! What nodes measured: in pages, and as text for spreadsheets and scripts.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use isems_core::{Measurement, Node, NodeId, Order, Repository};
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{
    Body, Request, Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
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
    access::{Authorized, PushCredentials},
    answer::{Answer, Described, content},
    compression::Streamed,
    deleting::{DeletedResponse, delete},
    measurement::{MeasurementSchema, Written},
    problem::{FAILED, FORBIDDEN, INVALID, NODE_UNKNOWN, OfReadingNode, Problems, Refusal, Refused, UNAUTHORIZED},
    push::{Body as PushBody, OfPushing, PushResponse, Pushing},
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

    /// In the order in which they are preferred where a client has no preference.
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    /// Its type of content, and others by which clients know it.
    fn content_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::Csv => &["text/csv"],
            Self::Ndjson => &[Self::NDJSON, "application/ndjson", "application/jsonl"],
        }
    }

    /// How exactly a range of `Accept` names this; `None` if it does not.
    fn precision(self, range: &str) -> Option<u8> {
        let is_type = |content_type: &str| {
            range.split_once("/*").is_some_and(|(kind, rest)| rest.is_empty() && content_type.starts_with(kind))
        };
        let names = self.content_types();
        match range {
            "*/*" => Some(0),
            _ if is_type(names[0]) => Some(1),
            _ => names.contains(&range).then_some(2),
        }
    }

    /// What a client likes best, and names first (RFC 9110, section 12.5.1). JSON where it does not say.
    fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(',')).filter(|range| !range.trim().is_empty());
        let ranges: Vec<(String, f32)> = ranges.map(range_and_weight).collect();
        if ranges.is_empty() {
            return Ok(Self::Json);
        }
        // The most precise range that names a format says how much it is liked.
        let liking = |format: Self| {
            let naming = ranges.iter().enumerate().rev();
            let naming = naming.filter_map(|(place, (range, weight))| Some((format.precision(range)?, place, *weight)));
            let (_, place, weight) = naming.max_by_key(|(precision, ..)| *precision)?;
            (weight > 0.0).then_some((format, place, weight))
        };
        let better = |best: (Self, usize, f32), other: (Self, usize, f32)| {
            let is_better = other.2 > best.2 || (other.2 >= best.2 && other.1 < best.1);
            if is_better { other } else { best }
        };
        let best = Self::ALL.into_iter().filter_map(liking).reduce(better);
        best.map(|(format, ..)| format).ok_or_else(|| {
            Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "this can be application/json, text/csv or application/x-ndjson: name one in Accept, or add format=csv",
            )
        })
    }
}

/// A range of `Accept` in lower case, and its weight.
fn range_and_weight(range: &str) -> (String, f32) {
    let mut parameters = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let range = parameters.next().unwrap_or_default();
    let weight =
        parameters.find_map(|parameter| parameter.strip_prefix("q=").map(|weight| weight.parse().unwrap_or(0.0)));
    (range, weight.unwrap_or(1.0))
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
    pub(super) pushing: Pushing,
}

/// What a request asks for beside the nodes.
struct Wanted {
    seconds: Range<i64>,
    order: Order,
    limit: Option<usize>,
    format: FormatName,
    zone: TimeZone,
}

#[OpenApi]
impl HistoryApi {
    /// Measurements of a node
    ///
    /// JSON comes in pages: `next` leads from one to the next. CSV and JSON lines (`Accept`, or `format`) come whole,
    /// however much it is, unless a `limit` is named; should they break off, the connection does, too.
    #[oai(
        path = "/api/v1/nodes/:nodeId/measurements",
        method = "get",
        operation_id = "measurementsOfNode",
        tag = "Tag::Measurements"
    )]
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
        /// Newest or oldest first.
        #[oai(default = "newest_first")]
        Query(order): Query<OrderName>,
        /// At most this many, up to 10,000. A page of JSON has 1,000 if it is not said.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Goes on where a page ended: what its `next` says.
        #[oai(validator(pattern = "^[0-9]{1,10}$"))]
        Query(cursor): Query<Option<String>>,
        /// How it is written. If it is not said, `Accept` decides.
        Query(format): Query<Option<FormatName>>,
        /// Time zone of days and of times without an offset, and of the times in CSV and JSON lines. UTC by default.
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
    #[oai(path = "/api/v1/measurements", method = "get", operation_id = "measurements", tag = "Tag::Measurements")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn of_nodes(
        &self,
        request: &Request,
        /// The nodes' names. It can be given several times; all nodes if it is not.
        #[oai(default)]
        Query(nodes): Query<Vec<String>>,
        /// Not before this measured time; from the beginning if it is not said.
        Query(from): Query<Option<Moment>>,
        /// Before this measured time; to the end if it is not said.
        Query(to): Query<Option<Moment>>,
        /// Newest or oldest first.
        #[oai(default = "newest_first")]
        Query(order): Query<OrderName>,
        /// At most this many, up to 10,000. A page of JSON has 1,000 if it is not said.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Goes on where a page ended: what its `next` says.
        #[oai(validator(pattern = "^[0-9]{1,10},.+$"))]
        Query(cursor): Query<Option<String>>,
        /// How it is written. If it is not said, `Accept` decides.
        Query(format): Query<Option<FormatName>>,
        /// Time zone of days and of times without an offset, and of the times in CSV and JSON lines. UTC by default.
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
            let has_some = seconds.start <= node.latest.timestamp && node.first_timestamp < seconds.end;
            has_some.then(|| (node.id.clone(), seconds))
        };
        let nodes = nodes.iter().filter_map(selected).collect();
        let cursor = |last: &Measurement| format!("{},{}", last.timestamp, last.node_id);
        self.answer(request, wanted, nodes, "measurements", cursor).await
    }

    /// Send measurements of a node
    ///
    /// Nodes and scripts can send csvlog lines, a node's JSON object, and whatever `GET` answers: CSV, JSON lines, pages. Lines
    /// that are stored already are duplicates, which do no harm; a line that is bad costs itself only. Readings without a time
    /// are dated by their arrival, a second each; the same body again within a minute is taken for a repeat. Needs a token, of `ISEMS_PUSH_TOKENS` or `ISEMS_API_TOKENS`.
    #[oai(
        path = "/api/v1/nodes/:nodeId/measurements",
        method = "post",
        operation_id = "pushMeasurements",
        tag = "Tag::Push"
    )]
    async fn push(
        &self,
        credentials: PushCredentials,
        request: &Request,
        /// The node's name, percent-encoded. Case matters. Every line has to name this node.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        body: PushBody,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        query::only(request, &[])?;
        let PushBody { format, bytes } = body;
        self.pushing.take(&credentials, request, &node, format, bytes).await
    }

    /// Delete measurements of a node
    ///
    /// Those that were measured from one time on and before another one; at least one of them has to be named. Needs a token.
    #[oai(
        path = "/api/v1/nodes/:nodeId/measurements",
        method = "delete",
        operation_id = "deleteMeasurements",
        tag = "Tag::Operation"
    )]
    async fn delete(
        &self,
        _authorized: Authorized,
        request: &Request,
        /// The node's name, percent-encoded. Case matters.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        /// Not before this measured time; from the beginning if it is not said.
        Query(from): Query<Option<Moment>>,
        /// Before this measured time; to the end if it is not said.
        Query(to): Query<Option<Moment>>,
    ) -> Result<DeletedResponse, Refused<OfReadingNode>> {
        query::only(request, &["from", "to"])?;
        if from.is_none() && to.is_none() {
            let detail = "name from or to, or both; DELETE /api/v1/nodes/NODE deletes all of a node";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, detail).into());
        }
        let seconds = seconds(from, to, &TimeZone::UTC).map_err(query::invalid)?;
        delete(&*self.repository, &node, seconds).await
    }
}

/// What the parameters say.
fn wanted(
    request: &Request,
    Range { start: from, end: to }: Range<Option<Moment>>,
    order: OrderName,
    limit: Option<u32>,
    format: Option<FormatName>,
    tz: Option<TimeZoneName>,
) -> Result<Wanted, Refusal> {
    let zone = tz.map_or(TimeZone::UTC, |TimeZoneName(zone)| zone);
    let seconds = seconds(from, to, &zone).map_err(query::invalid)?;
    let order = if order == OrderName::Asc { Order::OldestFirst } else { Order::NewestFirst };
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
        let text = selection.text(self.repository.clone(), format, zone).await?;
        let response = Response::builder()
            .content_type(content_type)
            .header(header::CONTENT_DISPOSITION, attachment(file, ending))
            .header(header::VARY, VARY)
            .extension(Streamed::File);
        Ok(Answer::new(response.body(Body::from_bytes_stream(text))))
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
        let mut response = Response::builder().content_type("application/json").header(header::VARY, VARY);
        if let Some(next) = &next {
            response = response.header(header::LINK, query::link_to(next));
        }
        let mut body = Vec::with_capacity(64 + measurements.len() * RECORD_BYTES);
        let page = WrittenPage { measurements: &measurements, next: next.as_deref() };
        serde_json::to_writer(&mut body, &page)
            .expect("writing to memory fails only for maps with keys that are no text");
        Ok(Answer::new(response.body(body)))
    }
}

fn newest_first() -> OrderName {
    OrderName::Desc
}

/// The answer is another one for another `Accept`.
const VARY: HeaderValue = HeaderValue::from_static("Accept");

/// What stands in an extended parameter of a header as it is (RFC 8187, section 3.2.1), as far as names need it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Says under which name an answer is to be kept (RFC 6266): for clients that know ASCII only, and for all others. No name
/// leads into another folder.
fn attachment(name: &str, ending: &str) -> String {
    let name = name.replace(['/', '\\'], "_");
    let is_plain = |letter: &char| (letter.is_ascii_graphic() || *letter == ' ') && !['"', '%'].contains(letter);
    let ascii: String = name.chars().map(|letter| if is_plain(&letter) { letter } else { '_' }).collect();
    format!(
        "attachment; filename=\"{ascii}.{ending}\"; filename*=UTF-8''{}.{ending}",
        utf8_percent_encode(&name, ENCODED)
    )
}
