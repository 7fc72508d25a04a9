//! The rule of the configuration.

use super::Verdict;
use crate::Evidence;

/// Judges the configuration.
pub(super) fn judge(_evidence: &Evidence<'_>) -> Verdict<()> {
    Verdict::default()
}
