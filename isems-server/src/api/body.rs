//! Request bodies with measurements.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use isems_core::Format;
use poem::{
    Request, RequestBody, Result,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};
use serde_json::json;

use super::{answer::content, limits::MAX_BODY_BYTES, problem::Refusal, query};

/// The maximum size of a decompressed body, in bytes.
const MAX_UNPACKED_BYTES: u64 = 4 << 20;

/// A body with measurements.
pub(super) struct Body {
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

/// Returns the schema of the object that nodes send.
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
        description: Some("Such objects, one per line, as `GET` returns them with `format=ndjson`."),
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
                    "unknown content type {content_type:?}; send csvlog lines or CSV as text/plain or \
                     text/csv, objects as application/json or application/x-ndjson"
                ),
            )),
        }
    }
}

/// A body with an object as nodes send it, whatever its content type says.
pub(super) struct JsonBody(pub(super) Vec<u8>);

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
            format!("unknown content encoding {encoding:?}; send the body as it is, or compressed with gzip"),
        )
        .into()),
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut unpacked);
    if unpacked.len() as u64 > MAX_UNPACKED_BYTES {
        let detail = format!("the body has more than {MAX_UNPACKED_BYTES} bytes when decompressed; send it in parts");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    read.map_err(|error| query::invalid(format!("the body is declared as gzip, but is not: {error}")))?;
    Ok(unpacked)
}

impl<'a> ApiExtractor<'a> for Body {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let description = "Lines or objects, optionally compressed (`Content-Encoding: gzip`).";
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
            description: Some("The node's object. Without it nothing is stored."),
            content,
            required: false,
        })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(read(request, body).await?))
    }
}
