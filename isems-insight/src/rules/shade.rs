//! The rule of a panel that is shaded while the sun stands at certain azimuths.
//!
//! **Formula.** For each step of 15 degrees of the sun's azimuth, the open-circuit voltage of the panel in direct sun
//! is compared with that of the other panels at the same time, and with how the panel compares with them under clouds,
//! when no obstacle matters. Without the direct sun, only the light of the sky is left, and the voltage is lower; as
//! the shaded cells stay cooler, only by some per cent.
//!
//! **Source.** Open-circuit voltages of silicon cells, as in the rule of the yield. All panels of a mesh see the same
//! sun, so a panel that lacks it at some azimuths and has it at others stands behind something.
//!
//! **Thresholds.** Two neighbouring steps of azimuth with a median of 2 % less voltage (1.2 % while it is already
//! said), each from six slots or more in the last 21 days, within 60 degrees of where the sun stands at noon: further
//! away, it depends on where a panel faces. Nothing is said while the panel is covered or disconnected.

use super::Verdict;
use crate::{
    Azimuths, Evidence, Finding, FindingCode, FindingSeverity, Panel, Unknown, UnknownReason, mesh::AZIMUTH_STEP,
    sun::hour_angle,
};

/// The logarithm of the voltage below which the direct sun is lacking, raised and cleared.
const LACKS: (f64, f64) = (-0.02, -0.012);

/// The least number of slots of a step.
const LEAST_SLOTS: usize = 6;

/// The distance from the sun's azimuth at noon, degrees.
const AROUND_NOON: f64 = 60.0;

/// Judges at which azimuths the panel is shaded.
pub(super) fn judge(evidence: &Evidence<'_>, panel: &mut Panel) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let light = evidence.mesh.light().of_node(evidence.history.node());
    let (Some(light), Some(sun)) = (light, evidence.sun()) else { return verdict };
    let limit = evidence.threshold(FindingCode::PanelShaded, LACKS.0, LACKS.1);
    let known = |step: usize| {
        let middle = (step as f64 + 0.5) * AZIMUTH_STEP;
        let is_around_noon = hour_angle(middle, sun.latitude()).abs() < AROUND_NOON;
        let (volts, count) = light.in_sun[step].filter(|_| is_around_noon)?;
        (count >= LEAST_SLOTS).then_some(volts)
    };
    let steps = light.in_sun.len();
    if (0..steps).all(|step| known(step).is_none()) {
        verdict.unknown.push(Unknown { what: "panel.suspectedShade", reason: UnknownReason::LittleSun });
        return verdict;
    }
    let lacks = |step: usize| known(step % steps).is_some_and(|volts| volts < limit);
    let is_shaded = |step: usize| lacks(step) && (lacks(step + 1) || lacks(step + steps - 1));
    // Each range begins with a step after one that is not shaded, and may reach across north.
    let begins = (0..steps).filter(|step| is_shaded(*step) && !is_shaded(step + steps - 1));
    let shades: Vec<Azimuths> = begins
        .map(|begin| {
            let end = (begin..begin + steps).find(|step| !is_shaded(*step)).unwrap_or(begin + steps);
            Azimuths { from: begin as f64 * AZIMUTH_STEP, to: (end % steps) as f64 * AZIMUTH_STEP }
        })
        .collect();
    if let Some(first) = shades.first() {
        let since = evidence.since(FindingCode::PanelShaded, evidence.at);
        let finding = Finding::new(FindingCode::PanelShaded, FindingSeverity::Info, since);
        verdict.findings.push(finding.with("azimuthFrom", first.from).with("azimuthTo", first.to));
    }
    panel.suspected_shade = shades;
    verdict
}
