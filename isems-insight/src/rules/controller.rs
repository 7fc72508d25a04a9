//! The rule of the solar controller.

use super::Verdict;
use crate::Evidence;

/// Judges the solar controller.
pub(super) fn judge(_evidence: &Evidence<'_>) -> Verdict<()> {
    Verdict::default()
}
