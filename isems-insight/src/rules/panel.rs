//! The rule of the panel.

use super::Verdict;
use crate::{Evidence, Panel};

/// Judges the panel.
pub(super) fn judge(_evidence: &Evidence<'_>) -> Verdict<Panel> {
    Verdict::default()
}
