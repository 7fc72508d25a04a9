//! Languages in settings, by tag: `#[serde(with = "language")]`.

use isems_dashboard::Language;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes the tag.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
pub(crate) fn serialize<S: Serializer>(language: &Language, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(language.tag())
}

/// Reads a tag.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    let tag = String::deserialize(deserializer)?;
    let named = Language::ALL.into_iter().find(|language| language.tag() == tag);
    named.ok_or_else(|| de::Error::custom(format_args!("unknown language {tag:?}: expected en or de")))
}
