//! JSON: objects with the field names, as nodes send them and as a collector writes them.
//!
//! A payload is one object, an array of objects, a page as the HTTP service returns it (an object with such an array in
//! `measurements`), or one object per line.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Decoded, LineError,
    record::{Record, Records},
    undated::UnsetClocks,
    value::{self, Values},
    without_byte_order_mark,
};
use crate::{ClockState, DroppedValue, Field, Measurement, Payload, RejectReason, RejectedLine};

pub(super) fn decode(payload: &Payload<'_>, clock: ClockState) -> Decoded {
    let bytes = without_byte_order_mark(payload.bytes).trim_ascii();
    let mut decoded = Decoded::default();
    if bytes.is_empty() {
        return decoded;
    }
    let mut json = JsonDecoder { records: Records::new(payload.node.clone(), payload.received_at, clock) };
    let Ok(text) = str::from_utf8(bytes) else {
        decoded.rejects.push(LineError::whole(RejectReason::EncodingInvalid).rejected(1, bytes));
        return decoded;
    };
    let mut unset = UnsetClocks::default();
    let mut take = |number: u32, text: &str| {
        let before = decoded.dropped.len();
        match json.record(number, text, &mut decoded.dropped).and_then(|record| record.dated(clock)) {
            Ok(record) => {
                unset.note(&decoded, &record.measurement, number, text.as_bytes());
                decoded.add(record, number);
            }
            Err(error) => {
                decoded.dropped.truncate(before);
                decoded.rejects.push(error.rejected(number, text.as_bytes()));
            }
        }
    };
    let repaired;
    let list = match objects(text) {
        None if is_list(text) => {
            repaired = with_null_for_bare_words(text);
            objects(&repaired)
        }
        list => list,
    };
    match list {
        Some(objects) => (1..).zip(objects).for_each(|(number, object)| take(number, object.get())),
        None if is_lines(text) => {
            let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
            lines.filter(|(_, line)| !line.is_empty()).for_each(|(number, line)| take(number, line));
        }
        None => take(1, text),
    }
    unset.settle(&mut decoded, payload.received_at, clock);
    decoded
}

/// Returns whether the text looks like an array or a collector's page, which a bare word inside makes unreadable.
fn is_list(text: &str) -> bool {
    text.starts_with('[') || text.contains("\"measurements\"")
}

/// Returns the objects of an array or of a collector's page, or `None` if the text is neither.
fn objects(text: &str) -> Option<Vec<&RawValue>> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        measurements: Vec<&'a RawValue>,
    }
    if text.starts_with('[') {
        serde_json::from_str(text).ok()
    } else {
        serde_json::from_str(text).ok().map(|page: Page<'_>| page.measurements)
    }
}

/// Returns whether the text has one object per line: it has several lines, at least one of them is an object on its
/// own, and the whole is not an object.
fn is_lines(text: &str) -> bool {
    let is_object = |text: &str| {
        text.starts_with('{') && (Object::parse(text).is_ok() || Object::parse(&with_null_for_bare_words(text)).is_ok())
    };
    text.contains('\n') && !is_object(text) && text.lines().any(|line| is_object(line.trim()))
}

/// Decodes JSON objects one by one, for files too large for a [`Payload`].
///
/// Unlike [`decode`](crate::decode()), it does not see the payload as a whole: an object without a time, or whose clock
/// was not set, is always rejected, because nothing tells when it was measured.
#[derive(Debug, Clone)]
pub struct JsonDecoder {
    records: Records,
}

impl JsonDecoder {
    /// Makes a decoder for objects that a collector has written: they name their nodes, and may say when they arrived
    /// and whose clock dated them. `now` is the time of reading, Unix seconds, UTC, by a clock in this state.
    pub fn of_collector(now: i64, clock: ClockState) -> Self {
        Self { records: Records::of_collector(now, clock) }
    }

    /// Decodes an object. `number` is its position among the objects, counted from 1. Values that cannot be used are
    /// added to `dropped`.
    pub fn decode(
        &mut self,
        number: u32,
        object: &str,
        dropped: &mut Vec<DroppedValue>,
    ) -> Result<Measurement, RejectedLine> {
        let before = dropped.len();
        let decoded = self.record(number, object, dropped).and_then(|record| {
            let measurement = record.measurement;
            measurement.validate_time()?;
            Ok(measurement)
        });
        decoded.map_err(|error| {
            dropped.truncate(before);
            error.rejected(number, object.as_bytes())
        })
    }

    fn record(&mut self, line: u32, text: &str, dropped: &mut Vec<DroppedValue>) -> Result<Record, LineError> {
        let repaired;
        let object = if let Ok(object) = Object::parse(text) {
            object
        } else {
            repaired = with_null_for_bare_words(text);
            Object::parse(&repaired).map_err(|_| LineError::whole(RejectReason::JsonInvalid))?
        };
        let texts = object.0.each_ref().map(|value| value.as_deref().unwrap_or_default());
        self.records.record(&texts, &mut Values { line, dropped })
    }
}

/// The values of an object as csvlog texts, in the order of [`Field::ALL`]. Numbers may arrive as strings.
struct Object<'a>([Option<Cow<'a, str>>; Field::ALL.len()]);

impl<'a> Object<'a> {
    fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = Object([const { None }; Field::ALL.len()]);
                // The names usually come in the order of the table.
                let mut next = 0;
                while let Some(Name(name)) = map.next_key()? {
                    let known = (next..Field::ALL.len()).chain(0..next).find(|place| Field::ALL[*place].name() == name);
                    let Some(place) = known else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    next = (place + 1) % Field::ALL.len();
                    let value: &RawValue = map.next_value()?;
                    object.0[place] = Some(text_of(Field::ALL[place], value.get()));
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Converts a value to the text of a csvlog field; null becomes an empty text.
fn text_of(field: Field, value: &str) -> Cow<'_, str> {
    match value.as_bytes() {
        b"null" => Cow::Borrowed(""),
        [b'"', .., b'"'] if !value.contains('\\') => value[1..value.len() - 1].into(),
        [b'"', ..] => serde_json::from_str::<String>(value).unwrap_or_default().into(),
        // The status is hexadecimal even if a node prints it without quotes, and then its leading zeros are missing.
        [b'0'..=b'9', ..] if field == Field::Status => format!("{value:0>3}").into(),
        _ => value.into(),
    }
}

/// Nodes build their JSON by joining text, so a division by zero appears as a bare `nan` or `-inf`.
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
