//! The rule of charge.

use super::Verdict;
use crate::{Energy, Evidence, Silence};

/// Judges what the battery holds.
pub(super) fn judge(_evidence: &Evidence<'_>, _silence: Option<&Silence>) -> Verdict<Energy> {
    Verdict::default()
}
