//! The rules of the battery, put together: its capacity and ageing, its full charges, its deep nights, and its size.

use super::{Verdict, ageing, capacity, capacity_too_small, deep_nights, full_charge};
use crate::{Battery, Evidence};

/// Judges the battery.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<Battery> {
    let Verdict { part: (mut battery, endurance), mut findings, mut unknown } = capacity::judge(evidence);
    if let Some(endurance) = endurance {
        ageing::judge(evidence, &mut battery, &endurance).into_part(&mut findings, &mut unknown);
    }
    battery.last_full_charge_at = full_charge::judge(evidence).into_part(&mut findings, &mut unknown);
    battery.deep_nights_in_30_days = deep_nights::judge(evidence).into_part(&mut findings, &mut unknown);
    capacity_too_small::judge(evidence, &battery).into_part(&mut findings, &mut unknown);
    Verdict { part: battery, findings, unknown }
}
