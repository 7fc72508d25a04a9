//! Reading measurements, in pages and as text for spreadsheets and scripts.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use futures_util::TryStreamExt;
use isems_core::{Field, FieldSet, Measurement, Node, NodeId, Order, Repository, RepositoryError};
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{
    Body, Request, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    registry::{MetaMediaType, Registry},
    types::{Example, Type},
};
use serde::Serialize;
use tracing::error;

use super::{
    Tag,
    answer::{Answer, Described, content},
    format::FormatName,
    measurement::SelectedMeasurement,
    named::Named,
    problem::{FAILED, FORBIDDEN, INVALID, NODE_UNKNOWN, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    time::{TimeZoneName, seconds},
};
use crate::{
    csv::{Decimal, Dialect, Separator},
    line::{Layout, Object as Written},
    stream::{Selection, TextFormat},
    time::Moment,
};

/// The default number of measurements on a page.
const DEFAULT_LIMIT: usize = 1000;

/// The maximum number of measurements on a page.
const MAX_LIMIT: u32 = 10_000;

/// The approximate size of a measurement's field in JSON.
const FIELD_BYTES: usize = 30;

/// A page of measurements.
#[derive(Debug, Object)]
#[oai(rename = "MeasurementPage", example)]
struct MeasurementPage {
    /// The measurements, in the requested order.
    measurements: Vec<SelectedMeasurement>,
    /// Path and query of the next page; null on the last one.
    #[oai(nullable)]
    next: Option<String>,
}

impl Example for MeasurementPage {
    fn example() -> Self {
        let next = "/api/v1/nodes/Elektra-Dach/measurements?limit=1&cursor=1530364575";
        Self { measurements: vec![SelectedMeasurement::example()], next: Some(next.into()) }
    }
}

/// A [`MeasurementPage`] as it is written.
#[derive(Serialize)]
struct WrittenPage<'a> {
    measurements: Vec<Written<'a>>,
    next: Option<&'a str>,
}

/// The description of measurements in the document.
enum Measurements {}

impl Described for Measurements {
    const DESCRIPTION: &'static str = "The measurements: a page of JSON, or all of them as CSV or as JSON lines.";
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("Link", "The next page: `<PATH>; rel=\"next\"`. Only with JSON, and not on the last page."),
        ("Content-Disposition", "A suggested file name. Only with CSV and JSON lines."),
    ];

    fn content() -> Vec<MetaMediaType> {
        vec![
            content("application/json", MeasurementPage::schema_ref()),
            content("text/csv", String::schema_ref()),
            content(FormatName::NDJSON, String::schema_ref()),
            content(FormatName::CSVLOG, String::schema_ref()),
        ]
    }

    fn register(registry: &mut Registry) {
        MeasurementPage::register(registry);
    }
}

/// The problems of reading measurements.
enum OfHistory {}

impl Problems for OfHistory {
    const STATUSES: &'static [(u16, &'static str)] =
        &[INVALID, UNAUTHORIZED, FORBIDDEN, NODE_UNKNOWN, NOT_ACCEPTABLE, FAILED];
}

const NOT_ACCEPTABLE: (u16, &str) = (406, "`Accept` names no format that is available.");

/// The operations that read measurements.
pub(crate) struct HistoryApi {
    pub(crate) repository: Arc<dyn Repository>,
}

/// A request, but for its nodes.
struct HistoryRequest {
    seconds: Range<i64>,
    order: Order,
    limit: Option<usize>,
    format: FormatName,
    layout: Layout,
}

#[OpenApi]
impl HistoryApi {
    /// Get measurements of a node
    ///
    /// JSON comes in pages: `next` leads to the next one. CSV and JSON lines (chosen by `Accept` or `format`) come
    /// whole, however long they are, unless there is a `limit`; if reading fails midway, the connection is cut.
    /// `fields` selects columns, which makes answers much smaller. `separator=;` and `decimal=,` produce CSV for German
    /// spreadsheets.
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
        /// The earliest measured time, inclusive. Unlimited by default.
        Query(from): Query<Option<Moment>>,
        /// The end of the measured times, exclusive. Unlimited by default.
        Query(to): Query<Option<Moment>>,
        /// The order of measured time.
        #[oai(default = "newest_first")]
        Query(order): Query<Named<Order>>,
        /// The maximum number of measurements, up to 10,000. Pages of JSON have 1,000 by default.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Continues where a page ended: the value in its `next`.
        #[oai(validator(pattern = "^[0-9]{1,10}$"))]
        Query(cursor): Query<Option<String>>,
        /// The format. By default `Accept` decides.
        Query(format): Query<Option<Named<FormatName>>>,
        /// The time zone of days and times without an offset, and of the times in CSV and JSON lines. UTC by default.
        Query(tz): Query<Option<TimeZoneName>>,
        /// The fields of the answer, separated by commas, in the order in which they are written. All by default.
        #[oai(explode = false, default = "all_fields", validator(min_items = "1", max_items = "21"))]
        Query(fields): Query<Vec<Named<Field>>>,
        /// The character between two values of CSV. A comma by default.
        Query(separator): Query<Option<Named<Separator>>>,
        /// The decimal mark of numbers in CSV. A point by default; a comma requires another separator.
        Query(decimal): Query<Option<Named<Decimal>>>,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        query::only(request, KNOWN)?;
        let node = query::node(&*self.repository, &node).await?;
        let wanted =
            HistoryRequest::new(request, from..to, order, limit, Form { format, tz, fields, separator, decimal })?;
        let cursor = cursor.and_then(|cursor| cursor.parse().ok());
        let file = node.id.to_string();
        let nodes = [(node.id.clone(), wanted.after(cursor))].into();
        self.answer(request, wanted, nodes, &file, |last| last.timestamp.to_string()).await
    }

    /// Get measurements of several nodes
    ///
    /// Answers with the named nodes (`nodes=A&nodes=B`), or all, one after the other in order of their names, each in
    /// the requested order of time. Formats and fields are those of a single node.
    #[oai(path = "/api/v1/measurements", method = "get", operation_id = "measurements", tag = "Tag::Measurements")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn of_nodes(
        &self,
        request: &Request,
        /// A node's name; may be repeated. All nodes by default.
        #[oai(default)]
        Query(nodes): Query<Vec<String>>,
        /// The earliest measured time, inclusive. Unlimited by default.
        Query(from): Query<Option<Moment>>,
        /// The end of the measured times, exclusive. Unlimited by default.
        Query(to): Query<Option<Moment>>,
        /// The order of measured time.
        #[oai(default = "newest_first")]
        Query(order): Query<Named<Order>>,
        /// The maximum number of measurements, up to 10,000. Pages of JSON have 1,000 by default.
        #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
        Query(limit): Query<Option<u32>>,
        /// Continues where a page ended: the value in its `next`.
        #[oai(validator(pattern = "^[0-9]{1,10},.+$"))]
        Query(cursor): Query<Option<String>>,
        /// The format. By default `Accept` decides.
        Query(format): Query<Option<Named<FormatName>>>,
        /// The time zone of days and times without an offset, and of the times in CSV and JSON lines. UTC by default.
        Query(tz): Query<Option<TimeZoneName>>,
        /// The fields of the answer, separated by commas, in the order in which they are written. All by default.
        #[oai(explode = false, default = "all_fields", validator(min_items = "1", max_items = "21"))]
        Query(fields): Query<Vec<Named<Field>>>,
        /// The character between two values of CSV. A comma by default.
        Query(separator): Query<Option<Named<Separator>>>,
        /// The decimal mark of numbers in CSV. A point by default; a comma requires another separator.
        Query(decimal): Query<Option<Named<Decimal>>>,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        query::only_or_repeated(request, KNOWN, &["nodes"])?;
        let nodes = query::nodes(&*self.repository, &nodes).await?;
        let wanted =
            HistoryRequest::new(request, from..to, order, limit, Form { format, tz, fields, separator, decimal })?;
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
}

/// The parameters that can be given once.
const KNOWN: &[&str] = &["from", "to", "order", "limit", "cursor", "format", "tz", "fields", "separator", "decimal"];

/// The parameters for the form of the answer.
struct Form {
    format: Option<Named<FormatName>>,
    tz: Option<TimeZoneName>,
    fields: Vec<Named<Field>>,
    separator: Option<Named<Separator>>,
    decimal: Option<Named<Decimal>>,
}

impl HistoryRequest {
    /// Checks the parameters.
    fn new(
        request: &Request,
        Range { start: from, end: to }: Range<Option<Moment>>,
        Named(order): Named<Order>,
        limit: Option<u32>,
        Form { format, tz, fields, separator, decimal }: Form,
    ) -> Result<Self, Refusal> {
        let zone = tz.map_or(TimeZone::UTC, |TimeZoneName(zone)| zone);
        let seconds = seconds(from, to, &zone).map_err(query::invalid)?;
        let limit = limit.map(|limit| limit.min(MAX_LIMIT) as usize);
        let format = format.map_or_else(|| FormatName::accepted(request.headers()), |Named(format)| Ok(format))?;
        if format != FormatName::Csv && (separator.is_some() || decimal.is_some()) {
            let detail = "separator and decimal are for CSV only; add format=csv";
            return Err(query::invalid(detail.into()));
        }
        let dialect = Dialect::new(separator.map(|Named(separator)| separator), decimal.map(|Named(decimal)| decimal));
        let dialect = dialect.map_err(|detail| query::invalid(detail.into()))?;
        let mut selected: Vec<Field> = Vec::new();
        for Named(field) in fields {
            if !selected.contains(&field) {
                selected.push(field);
            }
        }
        Ok(Self { seconds, order, limit, format, layout: Layout { fields: selected, zone, dialect } })
    }

    /// Returns the seconds that follow one of them in the requested order.
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
        wanted: HistoryRequest,
        nodes: VecDeque<(NodeId, Range<i64>)>,
        file: &str,
        cursor: impl Fn(&Measurement) -> String,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        let HistoryRequest { order, limit, format, layout, .. } = wanted;
        let fields = match format {
            FormatName::Csvlog => FieldSet::ALL,
            _ => layout.fields.iter().copied().collect(),
        };
        let (format, content_type, ending) = match format {
            FormatName::Json => {
                let limit = limit.unwrap_or(DEFAULT_LIMIT);
                return self.page(request, Selection { nodes, order, limit, fields }, &layout.fields, cursor).await;
            }
            FormatName::Csv => (TextFormat::Csv, "text/csv; charset=utf-8", "csv"),
            FormatName::Ndjson => (TextFormat::Ndjson, FormatName::NDJSON, "ndjson"),
            FormatName::Csvlog => (TextFormat::Csvlog, "text/plain; charset=utf-8", "log"),
        };
        let selection = Selection { nodes, order, limit: limit.unwrap_or(usize::MAX), fields };
        let text = selection.text(self.repository.clone(), format, layout).await?;
        let text = text.inspect_err(|error| {
            // A panic is in the log already.
            if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<RepositoryError>()) {
                error!(error = error as &dyn std::error::Error, "cut off an answer");
            }
        });
        let response = Response::builder()
            .content_type(content_type)
            .header(header::CONTENT_DISPOSITION, attachment(file, ending))
            .header(header::VARY, VARY);
        Ok(Answer::new(response.body(Body::from_bytes_stream(text))))
    }

    async fn page(
        &self,
        request: &Request,
        selection: Selection,
        fields: &[Field],
        cursor: impl Fn(&Measurement) -> String,
    ) -> Result<Answer<Measurements>, Refused<OfHistory>> {
        let limit = selection.limit;
        // Reading one more than fits on the page shows whether there is a next one.
        let mut measurements = Selection { limit: limit + 1, ..selection }.read(&*self.repository).await?;
        let has_more = measurements.len() > limit;
        measurements.truncate(limit);
        let last = measurements.last().filter(|_| has_more);
        let next = last.map(|last| query::next_page(request, &cursor(last)));
        let mut response = Response::builder().content_type("application/json").header(header::VARY, VARY);
        if let Some(next) = &next {
            response = response.header(header::LINK, query::link_to(next));
        }
        let zone = &TimeZone::UTC;
        let written = |measurement| Written { measurement, fields, zone };
        let mut body = Vec::with_capacity(64 + measurements.len() * (2 + fields.len() * FIELD_BYTES));
        let page = WrittenPage { measurements: measurements.iter().map(written).collect(), next: next.as_deref() };
        serde_json::to_writer(&mut body, &page)
            .expect("writing to memory fails only for maps with keys that are no text");
        Ok(Answer::new(response.body(body)))
    }
}

fn all_fields() -> Vec<Named<Field>> {
    Field::ALL.map(Named).into()
}

fn newest_first() -> Named<Order> {
    Named(Order::NewestFirst)
}

/// The answer depends on `Accept`.
const VARY: HeaderValue = HeaderValue::from_static("Accept");

/// The characters that an extended parameter of a header need not escape (RFC 8187, section 3.2.1), as far as names
/// have them.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Suggests a file name for an answer (RFC 6266), both to clients that know only ASCII and to all others. No name leads
/// into another folder. Written by hand because the crate `headers` cannot put a file name into this header.
fn attachment(name: &str, ending: &str) -> String {
    let name = name.replace(['/', '\\'], "_");
    let is_plain = |letter: &char| (letter.is_ascii_graphic() || *letter == ' ') && !['"', '%'].contains(letter);
    let ascii: String = name.chars().map(|letter| if is_plain(&letter) { letter } else { '_' }).collect();
    format!(
        "attachment; filename=\"{ascii}.{ending}\"; filename*=UTF-8''{}.{ending}",
        utf8_percent_encode(&name, ENCODED)
    )
}
