//! Measurements that are sent here, by nodes or by scripts.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use isems_core::{DroppedValue, Field, Format, NodeId, NumberField, Receipt, RejectReason, RejectedLine};
use poem::{
    IntoResponse, Request, RequestBody, Response, Result,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, Object, OpenApi,
    param::Path,
    payload::Payload,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::{Example, Type},
};
use serde::Serialize;
use serde_json::json;

use super::{
    Tag,
    access::{Access, PushCredentials},
    answer::content,
    limits::MAX_BODY_BYTES,
    named::Named,
    problem::{FAILED, INVALID, Problem, ProblemJson, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    rendered::Rendered,
    transports::{DroppedCount, RejectedCount},
};
use crate::push::{Push, PushError};

/// The most bytes that a body may have once it is unpacked.
const MAX_UNPACKED_BYTES: u64 = 4 << 20;

/// How long a client is to wait that has sent too much, seconds.
const RETRY_AFTER: &str = "60";

/// The account of what was sent: stored + duplicates + rejected = received. When it is answered, it is on the disk.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Receipt", rename_all = "camelCase", example)]
pub(super) struct ReceiptSchema {
    /// The number of lines, or objects, that arrived. Blank lines are none.
    received: u64,
    /// The number of those that are new.
    stored: u64,
    /// The number of those that were already stored with the same values.
    duplicates: u64,
    /// The number of those that were rejected, by reason.
    rejected: Vec<RejectedCount>,
    /// The first 100 of those that were rejected, in order of their lines.
    rejects: Vec<RejectedLineSchema>,
    /// The number of values that were dropped from lines that are new, by field and reason. The lines are stored without them.
    dropped: Vec<DroppedCount>,
    /// The first 100 of the dropped values, in order of their lines.
    dropped_values: Vec<DroppedValueSchema>,
}

/// A line that was rejected.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RejectedLine")]
pub(super) struct RejectedLineSchema {
    /// Its number, from 1 on.
    line: u32,
    /// The reason why it was rejected.
    reason: Named<RejectReason>,
    /// The field at fault, where it is one.
    #[oai(nullable)]
    field: Option<String>,
    /// The line, at most 512 bytes of it.
    text: String,
}

/// A value that could not be used.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DroppedValue")]
pub(super) struct DroppedValueSchema {
    /// The number of its line, from 1 on.
    line: u32,
    /// The field that is missing now.
    field: Named<Field>,
    /// The reason why it was dropped.
    reason: Named<RejectReason>,
    /// The value as it arrived, at most 512 bytes of it.
    text: String,
}

impl From<Receipt> for ReceiptSchema {
    fn from(receipt: Receipt) -> Self {
        let reject = |RejectedLine { reason, field, line, text }| RejectedLineSchema {
            line,
            reason: Named(reason),
            field: field.map(|field| field.name().into()),
            text,
        };
        let dropped_value = |DroppedValue { reason, field, line, text }| DroppedValueSchema {
            line,
            field: Named(field),
            reason: Named(reason),
            text,
        };
        Self {
            received: receipt.received,
            stored: receipt.stored,
            duplicates: receipt.duplicates,
            rejected: RejectedCount::of(&receipt.rejected),
            rejects: receipt.rejects.into_iter().map(reject).collect(),
            dropped: DroppedCount::of(&receipt.dropped),
            dropped_values: receipt.dropped_values.into_iter().map(dropped_value).collect(),
        }
    }
}

impl Example for ReceiptSchema {
    fn example() -> Self {
        Self {
            received: 3,
            stored: 1,
            duplicates: 1,
            rejected: vec![RejectedCount { reason: Named(RejectReason::FieldCount), count: 1 }],
            rejects: vec![RejectedLineSchema {
                line: 2,
                reason: Named(RejectReason::FieldCount),
                field: None,
                text: "Elektra-Dach;1;1530364575;ATmega8_A_1;711;0;18.614;18.614;14.07".into(),
            }],
            dropped: vec![DroppedCount {
                field: Named(NumberField::BatteryTemperature.into()),
                reason: Named(RejectReason::NumberInvalid),
                count: 1,
            }],
            dropped_values: vec![DroppedValueSchema {
                line: 1,
                field: Named(NumberField::BatteryTemperature.into()),
                reason: Named(RejectReason::NumberInvalid),
                text: "N/A".into(),
            }],
        }
    }
}

/// Why nothing of what was sent is stored, with its receipt.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
pub(super) struct ReceiptProblem {
    /// The kind of problem; `about:blank` says that the status tells it.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong here, and what to do about it.
    detail: String,
    /// What became of each line.
    receipt: ReceiptSchema,
}

impl ReceiptProblem {
    fn new(status: StatusCode, detail: &str, receipt: ReceiptSchema) -> Self {
        let Problem { kind, title, status, detail } = Problem::new(status, detail);
        Self { kind, title, status, detail, receipt }
    }
}

impl Example for ReceiptProblem {
    fn example() -> Self {
        let receipt = ReceiptSchema { received: 1, stored: 0, duplicates: 0, ..ReceiptSchema::example() };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ALL_REJECTED, receipt)
    }
}

const ALL_REJECTED: &str = "nothing of this is stored; `receipt.rejects` says of each line why";
const REFUSED_FOR_NOW: &str = "this is more than the limits allow for now; send it again later";

/// A [`ReceiptProblem`] with its content type.
pub(super) struct ReceiptProblemJson(ReceiptProblem);

impl Payload for ReceiptProblemJson {
    const CONTENT_TYPE: &'static str = ProblemJson::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        ReceiptProblem::schema_ref()
    }

    fn register(registry: &mut Registry) {
        ReceiptProblem::register(registry);
    }
}

impl IntoResponse for ReceiptProblemJson {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        Response::builder().content_type(Self::CONTENT_TYPE).body(body)
    }
}

/// What becomes of what was sent.
#[derive(ApiResponse)]
pub(super) enum PushResponse {
    /// It is on the disk, as far as the receipt says.
    #[oai(status = 200)]
    Taken(Rendered<ReceiptSchema>),
    /// Nothing of it can be stored; the receipt says of each line why.
    #[oai(status = 422)]
    Rejected(ReceiptProblemJson),
    /// The node has sent more than the limits allow. Nothing of it is stored; it can be sent again later.
    #[oai(status = 429)]
    Refused(ReceiptProblemJson, #[oai(header = "Retry-After")] String),
}

impl PushResponse {
    fn new(receipt: Receipt) -> Self {
        let is_nothing_taken = receipt.received > 0 && receipt.rejected.total() == receipt.received;
        let is_refused_for_now = receipt.refused_for_now() > 0;
        let receipt = receipt.into();
        if is_nothing_taken && is_refused_for_now {
            let problem = ReceiptProblem::new(StatusCode::TOO_MANY_REQUESTS, REFUSED_FOR_NOW, receipt);
            Self::Refused(ReceiptProblemJson(problem), RETRY_AFTER.into())
        } else if is_nothing_taken {
            let problem = ReceiptProblem::new(StatusCode::UNPROCESSABLE_ENTITY, ALL_REJECTED, receipt);
            Self::Rejected(ReceiptProblemJson(problem))
        } else {
            Self::Taken(Rendered::new(&receipt, 512))
        }
    }
}

/// The problems of pushing.
pub(super) enum OfPushing {}

impl Problems for OfPushing {
    const STATUSES: &'static [(u16, &'static str)] = &[
        INVALID,
        UNAUTHORIZED,
        (403, "The token may not send measurements of this node, or the server knows no token at all."),
        (404, "The node's name in the path cannot be one."),
        (411, "The length of the body is not said."),
        (413, "The body is too large: 1 MiB as it is sent, 4 MiB unpacked."),
        (415, "The type or the encoding of the body is not known."),
        FAILED,
        (503, "The server is about to stop."),
    ];
}

/// A body of measurements.
struct Body {
    format: Format,
    bytes: Vec<u8>,
}

/// The object that nodes send.
fn node_json() -> MetaSchema {
    MetaSchema {
        description: Some(
            "The object that nodes send: fields of a Measurement by their names. Without a `timestamp` (RFC 3339, or Unix \
             seconds) it is dated by its arrival; a `nodeId` has to be that of the path. `receivedAt` and names that are not \
             known are ignored. An array of such objects is taken, too, and a page as `GET` answers it.",
        ),
        example: Some(json!({
            "timeToShutdown": 3592, "isPowerSaveMode": 0, "openCircuitVoltage": 13.513, "mppVoltage": 13.588,
            "batteryVoltage": 12.999, "batteryChargeEstimate": 95, "batteryHealthEstimate": 100,
            "batteryTemperature": 27.84, "lowVoltageDisconnectVoltage": 11.9, "temperatureCorrectedVoltage": 14.014,
            "rateBatteryCapacity": 50, "ratedSolarModuleCapacity": 50, "latitude": 52.47388, "longitude": 13.39051,
            "status": "100"
        })),
        ..MetaSchema::new("object")
    }
}

fn json_lines() -> MetaSchema {
    let line = "{\"timestamp\":\"2018-06-30T13:16:15Z\",\"batteryVoltage\":14.073}\n";
    MetaSchema {
        description: Some("Such objects, one a line, as `GET` answers them with `format=ndjson`."),
        example: Some(json!(line)),
        ..MetaSchema::new("string")
    }
}

fn csvlog_lines() -> MetaSchema {
    let line = "Elektra-Dach;1;1530364575;ATmega8_A_1;711;0;18.614;18.614;14.073;100;100;28;11.67;14.086;7;20;52.507309;\
                13.458635;300\n";
    MetaSchema {
        description: Some(
            "csvlog: a measurement a line, 18 or 19 fields separated by semicolons, as nodes write them. Or CSV with a header, as \
             `GET` answers it with `format=csv`.",
        ),
        example: Some(json!(line)),
        ..MetaSchema::new("string")
    }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

impl Body {
    fn content() -> Vec<MetaMediaType> {
        vec![
            content("text/plain", inline(csvlog_lines())),
            content("text/csv", inline(csvlog_lines())),
            content("application/json", inline(node_json())),
            content("application/x-ndjson", inline(json_lines())),
        ]
    }

    fn format(request: &Request, bytes: &[u8]) -> Result<Format, Refusal> {
        let content_type = request.content_type().unwrap_or_default();
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "text/plain" | "text/csv" => Ok(Format::of_lines(bytes)),
            "application/json" | "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Ok(Format::Json)
            }
            _ => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "{content_type:?} is no type that is known here; send csvlog lines or CSV as text/plain or text/csv, objects as application/json or application/x-ndjson"
                ),
            )),
        }
    }
}

/// A body that is one of the nodes' objects, whatever its type says.
struct JsonBody(Vec<u8>);

async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let bytes = match body.take() {
        Ok(body) => body.into_bytes_limit(MAX_BODY_BYTES as usize).await?.to_vec(),
        Err(_) => Vec::new(),
    };
    let encoding = request.header(header::CONTENT_ENCODING).unwrap_or("identity").trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" => Ok(bytes),
        "gzip" | "x-gzip" => Ok(unpack(&bytes)?),
        _ => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the encoding {encoding:?} is not known here; send the body as it is, or with gzip"),
        )
        .into()),
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut unpacked);
    if unpacked.len() as u64 > MAX_UNPACKED_BYTES {
        let detail = format!("the body has more than {MAX_UNPACKED_BYTES} bytes once it is unpacked; send it in parts");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    read.map_err(|error| query::invalid(format!("the body is said to be gzip, and is not: {error}")))?;
    Ok(unpacked)
}

impl<'a> ApiExtractor<'a> for Body {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let description = "Lines, or an object. It can be packed with gzip (`Content-Encoding: gzip`).";
        Some(MetaRequest { description: Some(description), content: Self::content(), required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let bytes = read(request, body).await?;
        Ok(Self { format: Self::format(request, &bytes)?, bytes })
    }
}

impl<'a> ApiExtractor<'a> for JsonBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![content("application/json", inline(node_json()))];
        Some(MetaRequest {
            description: Some("The node's object. Without one nothing is stored."),
            content,
            required: false,
        })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(read(request, body).await?))
    }
}

/// Pushing.
pub(crate) struct PushApi {
    pub(crate) push: Option<Push>,
}

impl PushApi {
    /// Takes what is pushed from those who may.
    async fn take(
        &self,
        credentials: &PushCredentials,
        request: &Request,
        node: &str,
        format: Format,
        bytes: Vec<u8>,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        let node = NodeId::new(node).map_err(|error| Refusal::new(StatusCode::NOT_FOUND, error.to_string()))?;
        let who = Access::of(request).authorize_push(credentials, &node)?;
        let stopped = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "nothing is collected here, or not any more");
        let push = self.push.as_ref().ok_or_else(stopped)?;
        let address = request.remote_addr().as_socket_addr().map(|address| address.ip().to_string());
        let source = format!("{} ({who})", address.unwrap_or_default());
        match push.deliver(node, format, bytes, source).await {
            Ok(receipt) => Ok(PushResponse::new(receipt)),
            Err(PushError::Stopped) => Err(stopped().into()),
            Err(PushError::Repository(error)) => Err(error.into()),
        }
    }
}

#[OpenApi(tag = "Tag::Push")]
impl PushApi {
    /// Send measurements of a node
    ///
    /// Nodes and scripts can send csvlog lines, a node's JSON object, and whatever `GET` answers: CSV, JSON lines, pages.
    /// Lines that are already stored are duplicates and do no harm; a bad line costs only itself. Readings without a time
    /// are dated by their arrival, a second each; the same body again within a minute is taken for a repeat. Needs a
    /// token, of `ISEMS_PUSH_TOKENS` or `ISEMS_API_TOKENS`.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "post", operation_id = "pushMeasurements")]
    async fn measurements(
        &self,
        credentials: PushCredentials,
        request: &Request,
        /// The node's name, percent-encoded. Case matters. Every line has to name this node.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        body: Body,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        query::only(request, &[])?;
        let Body { format, bytes } = body;
        self.take(&credentials, request, &node, format, bytes).await
    }

    /// Send measurements, as the firmware does
    ///
    /// The path under which the firmware of ESP32 nodes sends its JSON object, so that a node needs nothing but another host
    /// name: `http://NODE:TOKEN@this-server`. Realm, network and gateway are the three parts of its channel, and are not looked at.
    #[oai(path = "/api/:realm/:network/:gateway/:nodeId/data", method = "post", operation_id = "pushFromFirmware")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn firmware(
        &self,
        credentials: PushCredentials,
        request: &Request,
        /// The first part of the node's channel.
        #[oai(example = "example_realm")]
        Path(realm): Path<String>,
        /// The second part of the node's channel.
        #[oai(example = "example_network")]
        Path(network): Path<String>,
        /// The third part of the node's channel.
        #[oai(example = "example_gateway")]
        Path(gateway): Path<String>,
        /// The node's name, percent-encoded.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        body: JsonBody,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        let _ = (realm, network, gateway);
        self.take(&credentials, request, &node, Format::Json, body.0).await
    }
}

fn example_realm() -> String {
    "isems".into()
}

fn example_network() -> String {
    "testdrive".into()
}

fn example_gateway() -> String {
    "foobar".into()
}
