//! The rule of silence.

use super::Verdict;
use crate::{Evidence, Silence};

/// Judges whether the node is silent, and why.
pub(super) fn judge(_evidence: &Evidence<'_>) -> Verdict<Option<Silence>> {
    Verdict::default()
}
