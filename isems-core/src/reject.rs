//! Rejects: lines that arrived but were not stored, and values that were dropped from lines that were.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

use crate::Field;

/// The reason why a line, or a value of one, was not stored. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// A csvlog line has neither 18 nor 19 fields.
    FieldCount,
    /// The bytes are not valid UTF-8.
    EncodingInvalid,
    /// The node id is empty, too long, or contains characters that are not allowed.
    NodeIdInvalid,
    /// The line names a different node than the topic or path through which it arrived.
    NodeMismatch,
    /// A node's placeholder before its first real measurement: the time and all values are 0.
    Placeholder,
    /// The time is missing or not a number.
    TimestampInvalid,
    /// The node's clock was not set (before 2018) and newer lines came with the line, or the line has no time and the
    /// collector's clock is not set either.
    ClockUnset,
    /// The time is more than ten minutes after the arrival, or after 2106.
    ClockAhead,
    /// A text field is too long or contains control characters; the value is dropped.
    TextInvalid,
    /// A numeric field contains something that is not a number; the value is dropped.
    NumberInvalid,
    /// A number is far outside the range of its field; the value is dropped.
    NumberOutOfRange,
    /// The status is not three hex digits; the value is dropped.
    StatusInvalid,
    /// The payload is not a JSON object.
    JsonInvalid,
    /// A JSON object without any usable value.
    Empty,
    /// The node and second are already stored with other values, which stay.
    Conflict,
    /// The message is larger than the transport accepts.
    TooLarge,
    /// A polled node's answer does not contain a single log line: it is a login page, an error page or something else.
    NotALog,
    /// The topic does not tell the format: its last level is not a known one.
    TopicUnknown,
    /// The node has sent more than the [limits](crate::Limits) allow. The line is accepted if it comes again later.
    RateLimited,
    /// The node is new, and there are as many nodes as the [limits](crate::Limits) allow, or too many new ones have
    /// come lately. The line is accepted if it comes again later.
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

    /// The stable code used in logs, counters and answers.
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
    /// The kind of entry. Entries in files from before values could be dropped are lines.
    #[serde(default, skip_serializing_if = "RejectKind::is_line")]
    pub kind: RejectKind,
    /// The time of arrival, Unix seconds, UTC.
    pub received_at: i64,
    /// The name of the transport that delivered it.
    pub transport: String,
    /// The origin: a URL or a topic.
    pub source: String,
    /// The node that the transport or the line names, if either does.
    pub node: Option<String>,
    /// The reason why it was not stored.
    pub reason: RejectReason,
    /// The name of the field at fault, if there is one.
    pub field: Option<String>,
    /// The line number in the payload, counted from 1.
    pub line: u32,
    /// The text of the line or value, cut to [`Reject::MAX_TEXT_BYTES`]. Invalid UTF-8 is replaced by U+FFFD.
    pub text: String,
}

impl Reject {
    /// The maximum length of a kept line or value, in bytes of UTF-8.
    pub const MAX_TEXT_BYTES: usize = 512;

    /// Returns the text of a line or value as it is kept.
    pub fn text_of(line: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(&line[..line.len().min(Self::MAX_TEXT_BYTES)]).into_owned();
        text.truncate(text.floor_char_boundary(Self::MAX_TEXT_BYTES));
        text
    }
}

/// The kind of an entry in the reject log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RejectKind {
    /// A line or an object that was not stored.
    #[default]
    Line,
    /// A value that was dropped from a line that was stored without it.
    Value,
}

impl RejectKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Line, Self::Value];

    /// The stable name used in answers.
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

/// A line that is not a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedLine {
    /// The reason.
    pub reason: RejectReason,
    /// The field at fault, if there is one.
    pub field: Option<Field>,
    /// The line number in the payload, counted from 1.
    pub line: u32,
    /// The line, at most [`Reject::MAX_TEXT_BYTES`] of it.
    pub text: String,
}

/// A value that cannot be used. Its line is stored without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedValue {
    /// The reason.
    pub reason: RejectReason,
    /// The field whose value was dropped.
    pub field: Field,
    /// The line number in the payload, counted from 1.
    pub line: u32,
    /// The value as it arrived, at most [`Reject::MAX_TEXT_BYTES`] of it.
    pub text: String,
}

/// Counts of dropped values by field and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DroppedCounts(BTreeMap<(Field, RejectReason), u64>);

impl DroppedCounts {
    /// Counts values of a field dropped for a reason.
    pub fn add(&mut self, field: Field, reason: RejectReason, count: u64) {
        if count > 0 {
            *self.0.entry((field, reason)).or_default() += count;
        }
    }

    /// Adds the counts of another one.
    pub fn merge(&mut self, other: &Self) {
        for (field, reason, count) in other.iter() {
            self.add(field, reason, count);
        }
    }

    /// Returns the number of values of a field dropped for a reason.
    pub fn of(&self, field: Field, reason: RejectReason) -> u64 {
        self.0.get(&(field, reason)).copied().unwrap_or(0)
    }

    /// Returns the number of all dropped values.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the fields and reasons that occurred, with their counts.
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

/// Serializes as an array of objects with `field`, `reason` and `count`.
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

/// Counts of rejected lines by reason. Serialized as an object keyed by the codes that occurred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectCounts(BTreeMap<RejectReason, u64>);

impl RejectCounts {
    /// Counts lines rejected for a reason.
    pub fn add(&mut self, reason: RejectReason, count: u64) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    /// Adds the counts of another one.
    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in &other.0 {
            self.add(*reason, *count);
        }
    }

    /// Returns the number of lines rejected for a reason.
    pub fn of(&self, reason: RejectReason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// Returns the number of all rejected lines.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }
}

impl Serialize for RejectCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, count)| (reason.code(), count)))
    }
}
