//! Rejects: what arrived and was not stored, with the reason.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

/// Why something that arrived was not stored. The codes are stable.
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
    /// A text field is too long or has control characters.
    TextInvalid,
    /// A number with garbage in it.
    NumberInvalid,
    /// A number far outside what its field can hold.
    NumberOutOfRange,
    /// The status is not three hex digits.
    StatusInvalid,
    /// The payload is no JSON object.
    JsonInvalid,
    /// A JSON object without a single known value.
    Empty,
    /// The node and second are already stored with other values; the first ones stay.
    Conflict,
    /// The message is larger than the transport accepts.
    TooLarge,
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
    pub const ALL: [Self; 19] = [
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

/// Something that arrived and was not stored, as it is kept for people to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    /// When it arrived, Unix seconds, UTC.
    pub received_at: i64,
    /// Name of the transport that brought it.
    pub transport: String,
    /// Where it came from: a URL, a topic.
    pub source: String,
    /// The node that the transport or the line names, where either could be told.
    pub node: Option<String>,
    /// Why it was not stored.
    pub reason: RejectReason,
    /// The name of the field at fault, where it is one.
    pub field: Option<String>,
    /// The line in the payload, from 1 on.
    pub line: u32,
    /// The line's text, at most [`Reject::MAX_TEXT_BYTES`]; invalid UTF-8 is replaced by U+FFFD.
    pub text: String,
}

impl Reject {
    /// How much of a line is kept, in bytes of UTF-8.
    pub const MAX_TEXT_BYTES: usize = 512;

    /// A line's bytes as the text that is kept of it.
    pub fn text_of(line: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(&line[..line.len().min(Self::MAX_TEXT_BYTES)]).into_owned();
        text.truncate(text.floor_char_boundary(Self::MAX_TEXT_BYTES));
        text
    }
}

/// How many lines were rejected, by reason. Serialized as an object of the codes that occurred.
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

    /// How many of a reason.
    pub fn of(&self, reason: RejectReason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// How many in all.
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
