//! Durations in settings that may be missing: `#[serde(with = "optional_duration")]`.

use std::time::Duration;

use serde::{Deserializer, Serializer};

/// Writes a duration as text with units.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => isems_core::duration::serialize(duration, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads a duration.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    isems_core::duration::deserialize(deserializer).map(Some)
}
