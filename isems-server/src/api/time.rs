//! Times in requests and answers.

use std::{borrow::Cow, iter};

use jiff::{
    Timestamp,
    tz::{self, TimeZone},
};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Value, json};

use crate::time::{EVER, Moment, Time, time_zone};

/// A time in Unix seconds, UTC. In answers it is RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UtcTime(pub(crate) i64);

impl UtcTime {
    pub(crate) fn text(self) -> String {
        Time { second: self.0, zone: &TimeZone::UTC }.to_string()
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Time { second: self.0, zone: &TimeZone::UTC }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let time: Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(time.as_second()))
    }
}

impl Type for UtcTime {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_date-time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}

impl ParseFromJSON for UtcTime {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        time.map(|time| Self(time.as_second())).ok_or_else(|| ParseError::expected_type(value))
    }
}

impl ToJSON for UtcTime {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.text()))
    }
}

/// A time in a request, in one of the forms of the schema.
impl Type for Moment {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let form = |schema| MetaSchemaRef::Inline(Box::new(schema));
            let pattern = |pattern: &str| {
                form(MetaSchema { pattern: Some(pattern.to_owned()), ..MetaSchema::new("string") })
            };
            MetaSchema {
                description: Some(
                    "A time: RFC 3339 with any offset (`2018-06-30T15:16:15+02:00`, whose `+` need not be escaped in a URL), \
                     a time without an offset (`2018-06-30T15:16`) or a day (`2018-06-30`, which begins at midnight) in UTC \
                     or the time zone that the request names, Unix seconds (`1530364575`), `now`, or how long ago (`-90m`, \
                     `-24h`, `-7d`, `-52w`).",
                ),
                any_of: vec![
                    form(MetaSchema::new_with_format("string", "date-time")),
                    form(MetaSchema::new_with_format("string", "date")),
                    pattern("^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]([01][0-9]|2[0-3]):[0-5][0-9]$"),
                    pattern("^[0-9]{10}$"),
                    pattern("^-[0-9]{1,6}[smhdw]$"),
                    form(MetaSchema { enum_items: vec![json!("now")], ..MetaSchema::new("string") }),
                ],
                ..MetaSchema::ANY
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}

impl ParseFromParameter for Moment {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(|error| ParseError::custom(format!("{text:?} is not a time; {error}")))
    }
}

/// A time zone in a request, from the built-in data.
#[derive(Debug, Clone)]
pub(crate) struct TimeZoneName(pub(crate) TimeZone);

impl Type for TimeZoneName {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "TimeZone".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let mut names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
            names.sort_unstable();
            MetaSchema {
                description: Some("A time zone of the IANA database."),
                enum_items: names.into_iter().map(Value::String).collect(),
                example: Some(json!("Europe/Berlin")),
                ..MetaSchema::new("string")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}

impl ParseFromParameter for TimeZoneName {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        time_zone(text).map(Self).map_err(ParseError::custom)
    }
}

/// Returns the measured times, in Unix seconds, between two moments; a missing end is open. The range is empty unless
/// the first moment is the earlier one.
pub(crate) fn seconds(
    from: Option<Moment>,
    to: Option<Moment>,
    zone: &TimeZone,
) -> Result<std::ops::Range<i64>, String> {
    let second = |moment: Option<Moment>, open| moment.map_or(Ok(open), |moment| moment.second(zone));
    Ok(second(from, EVER.start)?..second(to, EVER.end)?)
}
