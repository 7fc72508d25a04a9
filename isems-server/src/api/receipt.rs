//! Receipts for measurements that were sent.

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

/// A receipt for measurements that were sent: stored + duplicates + rejected = received. What is stored is durable.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Receipt", rename_all = "camelCase", example)]
pub(super) struct ReceiptSchema {
    /// The number of lines or objects received, without blank lines.
    received: u64,
    /// The number of new measurements stored.
    stored: u64,
    /// The number of measurements that were already stored with the same values.
    duplicates: u64,
    /// The number of rejected lines, by reason.
    rejected: Vec<RejectedCount>,
    /// The first 100 rejected lines, in their order.
    rejects: Vec<RejectedLineSchema>,
    /// The number of values dropped from new lines, by field and reason. The lines are stored without them.
    dropped: Vec<DroppedCount>,
    /// The first 100 dropped values, in order of their lines.
    dropped_values: Vec<DroppedValueSchema>,
}

/// A rejected line.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RejectedLine")]
struct RejectedLineSchema {
    /// The line number, from 1.
    line: u32,
    /// The reason for the rejection.
    reason: Named<RejectReason>,
    /// The field at fault, if there is one.
    #[oai(nullable)]
    field: Option<String>,
    /// The line, truncated to 512 bytes.
    text: String,
}

/// A value that could not be used.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DroppedValue")]
struct DroppedValueSchema {
    /// The line number, from 1.
    line: u32,
    /// The field that is missing now.
    field: Named<Field>,
    /// The reason why it was dropped.
    reason: Named<RejectReason>,
    /// The value as received, truncated to 512 bytes.
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

/// The reason why nothing was stored, with the receipt.
#[derive(Debug, Object, Serialize)]
#[oai(example)]
pub(super) struct ReceiptProblem {
    /// The kind of problem; `about:blank` means that the status says it all.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// An explanation of this occurrence, and what to do about it.
    detail: String,
    /// The receipt, with the result for each line.
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

pub(super) const ALL_REJECTED: &str = "nothing was stored; `receipt.rejects` says why for each line";
pub(super) const REFUSED_FOR_NOW: &str = "this exceeds the limits for now; send it again later";

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
