//! The rule of the battery.

use super::Verdict;
use crate::{Battery, Evidence};

/// Judges the battery.
pub(super) fn judge(_evidence: &Evidence<'_>) -> Verdict<Battery> {
    Verdict::default()
}
