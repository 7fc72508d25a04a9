//! Rejects: lines that arrived and were not stored, and values that were dropped from lines that were.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

use crate::Field;

/// The reason why a line, or a value of one, was not stored. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// A csvlog line has neither 18 nor 19 fields.
    FieldCount,
    /// The bytes are no UTF-8.
    EncodingInvalid,
    /// The node id is empty, too long, or has characters that it cannot have.
    NodeIdInvalid,
    /// The line names another node than the topic or path that it came by.
    NodeMismatch,
    /// A node's placeholder before its first real measurement: time 0, everything 0.
    Placeholder,
    /// The time is missing or no number.
    TimestampInvalid,
    /// The node's clock was not set (before 2018), and newer lines came with it. Or what came has no time, and the collector's
    /// clock is not set either.
    ClockUnset,
    /// The time is more than ten minutes later than the arrival, or later than 2106.
    ClockAhead,
    /// A text field is too long or has control characters: the value is dropped.
    TextInvalid,
    /// A number with garbage in it: the value is dropped.
    NumberInvalid,
    /// A number far outside what its field can hold: the value is dropped.
    NumberOutOfRange,
    /// The status is not three hex digits: the value is dropped.
    StatusInvalid,
    /// The payload is no JSON object.
    JsonInvalid,
    /// A JSON object without a single usable value.
    Empty,
    /// The node and second are already stored with other values; the first ones stay.
    Conflict,
    /// The message is larger than the transport accepts.
    TooLarge,
    /// The answer of a polled node has no line of a log in it: a login page, an error page, something else.
    NotALog,
    /// The topic does not tell the format: its last level is none that is known.
    TopicUnknown,
    /// The node has brought more than the [limits](crate::Limits) allow. The line is taken when it comes again later.
    RateLimited,
    /// The node is new, and there are as many nodes as the [limits](crate::Limits) allow, or too many new ones came lately. The
    /// line is taken when it comes again later.
    TooManyNodes,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 20] = [
        Self::FieldCount,
        Self::EncodingInvalid,
        Self::NodeIdInvalid,
        Self::NodeMismatch,
        Self::Placeholder,
        Self::TimestampInvalid,
        Self::ClockUnset,
        Self::ClockAhead,
        Self::TextInvalid,
        Self::NumberInvalid,
        Self::NumberOutOfRange,
        Self::StatusInvalid,
        Self::JsonInvalid,
        Self::Empty,
        Self::Conflict,
        Self::TooLarge,
        Self::NotALog,
        Self::TopicUnknown,
        Self::RateLimited,
        Self::TooManyNodes,
    ];

    /// The stable code, as in logs, counters and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::FieldCount => "field_count",
            Self::EncodingInvalid => "encoding_invalid",
            Self::NodeIdInvalid => "node_id_invalid",
            Self::NodeMismatch => "node_mismatch",
            Self::Placeholder => "placeholder",
            Self::TimestampInvalid => "timestamp_invalid",
            Self::ClockUnset => "clock_unset",
            Self::ClockAhead => "clock_ahead",
            Self::TextInvalid => "text_invalid",
            Self::NumberInvalid => "number_invalid",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::StatusInvalid => "status_invalid",
            Self::JsonInvalid => "json_invalid",
            Self::Empty => "empty",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::NotALog => "not_a_log",
            Self::TopicUnknown => "topic_unknown",
            Self::RateLimited => "rate_limited",
            Self::TooManyNodes => "too_many_nodes",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// An entry of the reject log: a line that was not stored, or a value that was dropped from a line that was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    /// What was not stored. Entries of files that could not hold values yet are lines.
    #[serde(default, skip_serializing_if = "RejectKind::is_line")]
    pub kind: RejectKind,
    /// The time of arrival, Unix seconds, UTC.
    pub received_at: i64,
    /// Name of the transport that brought it.
    pub transport: String,
    /// Where it came from: a URL, a topic.
    pub source: String,
    /// The node that the transport or the line names, where either could be told.
    pub node: Option<String>,
    /// The reason why it was not stored.
    pub reason: RejectReason,
    /// The name of the field at fault, where it is one.
    pub field: Option<String>,
    /// The line in the payload, from 1 on.
    pub line: u32,
    /// The text of the line or the value, at most [`Reject::MAX_TEXT_BYTES`]; invalid UTF-8 is replaced by U+FFFD.
    pub text: String,
}

impl Reject {
    /// The most that is kept of a line or a value, in bytes of UTF-8.
    pub const MAX_TEXT_BYTES: usize = 512;

    /// Returns the text that is kept of the bytes of a line or a value.
    pub fn text_of(line: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(&line[..line.len().min(Self::MAX_TEXT_BYTES)]).into_owned();
        text.truncate(text.floor_char_boundary(Self::MAX_TEXT_BYTES));
        text
    }
}

/// What an entry of the reject log is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RejectKind {
    /// A line, or an object, that was not stored.
    #[default]
    Line,
    /// A value that was dropped from a line that was stored without it.
    Value,
}

impl RejectKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Line, Self::Value];

    /// The stable name, as in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Value => "value",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_line(&self) -> bool {
        *self == Self::Line
    }
}

/// A line that is no measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedLine {
    /// The reason.
    pub reason: RejectReason,
    /// The field at fault, where it is one.
    pub field: Option<Field>,
    /// The line's number in the payload, from 1 on.
    pub line: u32,
    /// The line, at most [`Reject::MAX_TEXT_BYTES`] of it.
    pub text: String,
}

/// A value that could not be used. Its line is stored without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedValue {
    /// The reason.
    pub reason: RejectReason,
    /// The field that is missing now.
    pub field: Field,
    /// The line's number in the payload, from 1 on.
    pub line: u32,
    /// The value as it arrived, at most [`Reject::MAX_TEXT_BYTES`] of it.
    pub text: String,
}

/// Counts dropped values by field and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DroppedCounts(BTreeMap<(Field, RejectReason), u64>);

impl DroppedCounts {
    /// Counts values of a field that were dropped for a reason.
    pub fn add(&mut self, field: Field, reason: RejectReason, count: u64) {
        if count > 0 {
            *self.0.entry((field, reason)).or_default() += count;
        }
    }

    /// Adds all of another count.
    pub fn merge(&mut self, other: &Self) {
        for (field, reason, count) in other.iter() {
            self.add(field, reason, count);
        }
    }

    /// The number of values of a field that were dropped for a reason.
    pub fn of(&self, field: Field, reason: RejectReason) -> u64 {
        self.0.get(&(field, reason)).copied().unwrap_or(0)
    }

    /// The number of all dropped values.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The fields and reasons that occurred, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Field, RejectReason, u64)> {
        self.0.iter().map(|((field, reason), count)| (*field, *reason, *count))
    }
}

impl FromIterator<(Field, RejectReason)> for DroppedCounts {
    fn from_iter<I: IntoIterator<Item = (Field, RejectReason)>>(values: I) -> Self {
        let mut counts = Self::default();
        values.into_iter().for_each(|(field, reason)| counts.add(field, reason, 1));
        counts
    }
}

/// As an array of objects with `field`, `reason` and `count`.
impl Serialize for DroppedCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry {
            field: Field,
            reason: RejectReason,
            count: u64,
        }
        serializer.collect_seq(self.iter().map(|(field, reason, count)| Entry { field, reason, count }))
    }
}

/// Counts rejected lines by reason. Serialized as an object of the codes that occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectCounts(BTreeMap<RejectReason, u64>);

impl RejectCounts {
    /// Counts rejects of a reason.
    pub fn add(&mut self, reason: RejectReason, count: u64) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    /// Adds all of another count.
    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in &other.0 {
            self.add(*reason, *count);
        }
    }

    /// The number of lines rejected for a reason.
    pub fn of(&self, reason: RejectReason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// The number of all rejected lines.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The reasons that occurred, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }
}

impl Serialize for RejectCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, count)| (reason.code(), count)))
    }
}
