//! The rule of the reboots.

use super::Verdict;
use crate::Evidence;

/// Judges the reboots.
pub(super) fn judge(_evidence: &Evidence<'_>) -> Verdict<()> {
    Verdict::default()
}
