//! Patterns for names.

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// Patterns for names, with `*` for any characters and `?` for one. Without any, every name matches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// Creates patterns from their texts.
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(patterns.into_iter().map(Into::into).collect())
    }

    /// Returns whether a name matches one of them.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| WildMatch::new(pattern).matches(name))
    }
}
