//! The nodes' JSON: one object with the names of the csvlog fields; the node is the transport's, the time the arrival.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Decoded, LineError,
    value::{self, Values},
    without_byte_order_mark,
};
use crate::{ClockState, Field, Measurement, NodeId, NumberField, Payload, RejectReason, TimeSource};

pub(super) fn decode(payload: &Payload<'_>, clock: ClockState) -> Decoded {
    let bytes = without_byte_order_mark(payload.bytes).trim_ascii();
    let mut decoded = Decoded::default();
    if bytes.is_empty() {
        return decoded;
    }
    let result = match &payload.node {
        Some(_) if clock == ClockState::Unset => Err(LineError::of(Field::Timestamp, RejectReason::ClockUnset)),
        Some(node) => {
            let mut values = Values { line: 1, dropped: &mut decoded.dropped };
            object(bytes).and_then(|object| measurement(node, payload.received_at, &object, &mut values))
        }
        None => Err(LineError::of(Field::NodeId, RejectReason::NodeIdInvalid)),
    };
    match result {
        Ok(measurement) => {
            decoded.measurements.push(measurement);
            decoded.lines.push(1);
        }
        Err(fault) => {
            decoded.dropped.clear();
            decoded.rejects.push(fault.rejected(1, bytes));
        }
    }
    decoded
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, LineError> {
    let text = str::from_utf8(bytes).map_err(|_| LineError::whole(RejectReason::EncodingInvalid))?;
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&with_null_for_bare_words(text)))
        .map_err(|_| LineError::whole(RejectReason::JsonInvalid))
}

/// The nodes put their JSON together as text, so that a division by zero appears as a bare `nan` or `-inf`.
fn with_null_for_bare_words(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len() + 16);
    let mut in_string = false;
    let mut escaped = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if !in_string && (character == '-' || character.is_ascii_alphabetic()) {
            let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |end| end + 1);
            let word = &rest[..end];
            let is_missing = word.trim_start_matches('-').starts_with(['n', 'i', 'N', 'I']);
            repaired.push_str(if is_missing && matches!(value::number(word), Ok(None)) { "null" } else { word });
            rest = &rest[end..];
            continue;
        }
        in_string ^= character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
        repaired.push(character);
        rest = &rest[character.len_utf8()..];
    }
    repaired
}

fn measurement(
    node: &NodeId,
    received_at: i64,
    object: &Map<String, Value>,
    values: &mut Values<'_>,
) -> Result<Measurement, LineError> {
    let mut measurement = Measurement::new(node.clone(), received_at, received_at);
    measurement.time_source = TimeSource::Arrival;
    for field in NumberField::ALL {
        *measurement.number_mut(field) = values.number(field, &text(object, field.name()));
    }
    measurement.power_save_level = values.power_save_level(&text(object, Field::PowerSaveLevel.name()));
    measurement.status = values.status(&status(object));
    let has_value = measurement.power_save_level.is_some()
        || measurement.status.is_some()
        || NumberField::ALL.into_iter().any(|field| measurement.number(field).is_some());
    if !has_value {
        return Err(LineError::whole(RejectReason::Empty));
    }
    // The arrival is the collector's clock, which can be wrong, too.
    measurement.validate_time()?;
    Ok(measurement)
}

/// A value as the text of a csvlog field, empty when it is missing. Numbers may come as text.
fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Cow<'a, str> {
    match object.get(name) {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => text.into(),
        Some(other) => other.to_string().into(),
    }
}

/// The status is hex, also where a node prints it without quotes: then leading zeros are missing.
fn status(object: &Map<String, Value>) -> Cow<'_, str> {
    match object.get(Field::Status.name()) {
        Some(Value::Number(number)) => format!("{:0>3}", number.to_string()).into(),
        _ => text(object, Field::Status.name()),
    }
}
