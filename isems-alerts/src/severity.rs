//! Severities in settings and in the database, by name: `#[serde(with = "severity")]`.

use isems_insight::FindingSeverity;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes the stable name.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
pub(crate) fn serialize<S: Serializer>(severity: &FindingSeverity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.name())
}

/// Reads a stable name.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FindingSeverity, D::Error> {
    let name = String::deserialize(deserializer)?;
    let named = FindingSeverity::ALL.into_iter().find(|severity| severity.name() == name);
    named
        .ok_or_else(|| de::Error::custom(format_args!("unknown severity {name:?}: expected info, attention or urgent")))
}
