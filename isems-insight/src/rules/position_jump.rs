//! The rule of a position that jumped.
//!
//! A jump is a change of the position by more than a kilometre within the last week that has stayed. A position that
//! jumps back and forth is that of two nodes, which the rule of the shared id finds.

use super::{Verdict, shared_id};
use crate::{Evidence, Finding, FindingCode, FindingSeverity::Info, Position};

const WEEK: i64 = 7 * 86_400;
/// The least distance of a jump, km.
const LEAST_DISTANCE: f64 = 1.0;

/// Judges whether the position jumped.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let positions = evidence.history.setups().iter().map(|(since, setup)| (since, setup.position()));
    let mut last: Option<Position> = None;
    let mut jump = None;
    for (since, position) in positions.filter(|(_, position)| position.is_set()) {
        let distance = last.replace(position).and_then(|last| last.distance_km(position));
        if let Some(distance) = distance.filter(|distance| *distance > LEAST_DISTANCE) {
            jump = Some((since, distance));
        }
    }
    if let Some((since, distance)) = jump
        && since > evidence.at - WEEK
        && shared_id::alternation(evidence).is_none()
    {
        let finding = Finding::new(FindingCode::PositionJumped, Info, since);
        verdict.findings.push(finding.with("distanceKm", distance));
    }
    verdict
}
