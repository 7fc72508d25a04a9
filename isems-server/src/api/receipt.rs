//! The account of what was sent.

use isems_core::{DroppedValue, Field, NumberField, Receipt, RejectReason, RejectedLine};
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    Object,
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::{Example, Type},
};
use serde::Serialize;

use super::{
    named::Named,
    problem::{Problem, ProblemJson},
    transports::{DroppedCount, RejectedCount},
};

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
struct RejectedLineSchema {
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
struct DroppedValueSchema {
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
    pub(super) fn new(status: StatusCode, detail: &str, receipt: ReceiptSchema) -> Self {
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

pub(super) const ALL_REJECTED: &str = "nothing of this is stored; `receipt.rejects` says of each line why";
pub(super) const REFUSED_FOR_NOW: &str = "this is more than the limits allow for now; send it again later";

/// A [`ReceiptProblem`] with its content type.
pub(super) struct ReceiptProblemJson(pub(super) ReceiptProblem);

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
