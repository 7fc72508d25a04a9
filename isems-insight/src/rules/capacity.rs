//! The rule of the capacity.
//!
//! **Formula.** No current is measured, so two things are put together:
//!
//! * how long a full battery carries the load, from the fall of the resting voltage at night. A table of open-circuit
//!   voltages gives the share of the charge that went; capacity over temperature, 0.7 % for each degree below 25, is
//!   taken out;
//! * the load in A, from the node's own health estimates that were measured, else the typical load of the mesh.
//!
//! Their product is the capacity. What is known of batteries before anything is measured counts as one more witness:
//! they have 85 % of the rated capacity, within a factor of 1.25. Logarithms of witnesses are averaged with the
//! inverse squares of their deviations as weights. The interval is 1.28 standard deviations wide to either side,
//! which holds 80 %.
//!
//! **Source.** Health estimate, load and temperature: observed behaviour of the firmwares. Open-circuit voltage:
//! Trojan Battery, user's guide.
//!
//! **Thresholds.** Three nights are needed in which the battery rested for two hours, four hours or more after the
//! sun, and only those count since the rated capacity was last changed.

use super::Verdict;
use crate::{Battery, Estimate, Evidence, Unknown, UnknownReason, endurance::Endurance, health, setup::rated_capacity};

/// The share of the rated capacity that batteries have, and the standard deviation of its logarithm.
const USUAL: (f64, f64) = (0.85, 0.22);

/// The deviation of a load that an owner typed in, and of the table of voltages.
const TYPED_LOAD: f64 = 0.08;
const TABLE: f64 = 0.08;

/// The number of standard deviations on either side that hold 80 %.
const EIGHTY_PERCENT: f64 = 1.2816;

/// Judges the capacity, and returns with it what the nights say of the endurance.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<(Battery, Option<Endurance>)> {
    let mut verdict: Verdict<(Battery, Option<Endurance>)> = Verdict::default();
    match estimate(evidence) {
        Ok((rated, share, endurance)) => {
            let (battery, learned) = &mut verdict.part;
            battery.capacity_percent_of_rated = Some(scaled(share, 100.0));
            battery.estimated_capacity_ah = Some(scaled(share, rated));
            *learned = Some(endurance);
        }
        Err(reason) => verdict.unknown.push(Unknown { what: "battery.estimatedCapacityAh", reason }),
    }
    verdict
}

/// Returns the rated capacity in Ah, the capacity as a share of it, and the endurance.
fn estimate(evidence: &Evidence<'_>) -> Result<(f64, Estimate, Endurance), UnknownReason> {
    let (rated, since) = rated_capacity(evidence.history).ok_or(UnknownReason::NoRatedCapacity)?;
    let endurance = Endurance::learn(evidence.history, since, evidence.at)?;
    let own = health::load(evidence.history, since, rated).map(|load| (load, TYPED_LOAD));
    let typical = || evidence.mesh.typical_load().map(|typical| (typical.amperes, typical.scatter));
    let (load, load_deviation) = own.or_else(typical).ok_or(UnknownReason::NoLoad)?;
    let measured = (load * endurance.hours / rated).ln();
    let weight = 1.0 / (load_deviation.powi(2) + TABLE.powi(2) + endurance.deviation.powi(2));
    let (usual, usual_weight) = (USUAL.0.ln(), 1.0 / USUAL.1.powi(2));
    let share = ((measured * weight + usual * usual_weight) / (weight + usual_weight)).exp();
    let deviation = (weight + usual_weight).sqrt().recip();
    if !share.is_finite() {
        return Err(UnknownReason::LoadDoesNotFit { load, rated });
    }
    Ok((rated, Estimate { value: share, uncertainty: EIGHTY_PERCENT * deviation * share }, endurance))
}

fn scaled(estimate: Estimate, factor: f64) -> Estimate {
    Estimate { value: factor * estimate.value, uncertainty: factor * estimate.uncertainty }
}
