//! The rule of upgrades.
//!
//! An upgrade is safe while all of these hold:
//!
//! * The battery is at least 0.3 V above the cut-off: the 0.2 V that firmwares ask for, and a margin of 0.1 V for the
//!   load of writing the flash memory.
//! * The load is not expected to go off within two hours.
//! * The scheduled reboot is at least 15 minutes away. Firmwares compare their countdown with 15, whatever its unit;
//!   here it is converted to minutes by how fast it was seen to fall. While that is not known, the fastest firmware
//!   is assumed. A countdown of 0 means that automatic reboots are off. The node's own flag is then always set, and
//!   says nothing.
//!
//! If only the reboot is in the way, the next window is the two hours after it. Otherwise it is the next solar noon,
//! from two hours before to three hours after, when the panel carries the load.

use isems_core::{Measurement, StatusFlag};

use super::Verdict;
use crate::{
    Energy, Evidence, TimeWindow, Unknown, UnknownReason, Upgrade, UpgradeReason, countdown,
    states::INTERVALS_OF_SILENCE,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// The least distance to the cut-off, V.
const LEAST_DISTANCE: f64 = 0.3;
/// The time for which the battery must last, seconds.
const LEAST_RUN: i64 = 2 * HOUR;
/// The least probability of a cut-off that counts.
const LEAST_PROBABILITY: f64 = 0.1;
/// The time that an upgrade needs before a reboot, minutes.
const LEAST_MINUTES: f64 = 15.0;

/// Judges whether a firmware upgrade is safe.
pub(super) fn judge(evidence: &Evidence<'_>, energy: &Energy) -> Verdict<Upgrade> {
    let mut verdict = Verdict::default();
    let fresh = evidence.usual_interval.map_or(HOUR, |interval| HOUR.max(INTERVALS_OF_SILENCE * interval));
    let present = evidence.present().filter(|latest| evidence.at - latest.timestamp <= fresh);
    let Some((latest, distance)) = present.and_then(|latest| Some((latest, distance_to_cut_off(latest)?))) else {
        let reason = match evidence.history.latest() {
            None => UnknownReason::NothingHeard,
            Some(_) if present.is_none() => UnknownReason::Silent,
            Some(_) => UnknownReason::NoVoltage,
        };
        verdict.unknown.push(Unknown { what: "upgrade.safe", reason });
        return verdict;
    };
    let upgrade = &mut verdict.part;
    let is_charged = distance >= LEAST_DISTANCE;
    upgrade.reasons.push(UpgradeReason::Battery { above: distance, needed: LEAST_DISTANCE });
    let lasts = !energy
        .load_off
        .is_some_and(|off| off.probability >= LEAST_PROBABILITY && off.when.earliest < evidence.at + LEAST_RUN);
    if !lasts {
        upgrade.reasons.push(UpgradeReason::LoadMayGoOff);
    }
    let minutes = minutes_to_reboot(evidence, latest);
    let has_time = minutes.is_none_or(|minutes| minutes >= LEAST_MINUTES);
    upgrade.reasons.push(minutes.map_or(UpgradeReason::NoReboots, |minutes| UpgradeReason::NextReboot { minutes }));
    let is_forbidden = latest.status.is_some_and(|status| status.contains(StatusFlag::UpgradeNotAllowed));
    let safe = is_charged && lasts && has_time;
    if safe && is_forbidden {
        upgrade.reasons.push(match minutes {
            None => UpgradeReason::CountdownAlwaysZero,
            Some(_) => UpgradeReason::OwnThresholds,
        });
    }
    upgrade.safe = Some(safe);
    if !safe {
        let reboot = minutes.filter(|_| !has_time).map(|minutes| evidence.at + (minutes * 60.0) as i64);
        upgrade.next_window = match reboot {
            Some(reboot) if is_charged && lasts => Some(after(reboot)),
            _ => around_noon(evidence),
        };
    }
    verdict
}

fn distance_to_cut_off(latest: &Measurement) -> Option<f64> {
    let distance = latest.battery_voltage? - latest.low_voltage_disconnect_voltage?;
    distance.is_finite().then_some(distance)
}

/// Returns the minutes from the instant to the scheduled reboot; `None` if automatic reboots are off.
fn minutes_to_reboot(evidence: &Evidence<'_>, latest: &Measurement) -> Option<f64> {
    let countdown = latest.time_to_shutdown.filter(|countdown| *countdown > 0.0)?;
    let units_a_minute = countdown::units_a_minute(evidence.history).unwrap_or(countdown::FASTEST);
    let passed = (evidence.at - latest.timestamp) as f64 / 60.0;
    Some((countdown / units_a_minute - passed).max(0.0))
}

/// Returns the two hours after a reboot, from when the node is up again.
fn after(reboot: i64) -> TimeWindow {
    let from = reboot + 10 * MINUTE;
    TimeWindow { from, to: from + 2 * HOUR }
}

/// Returns the next hours around noon that have not begun yet.
fn around_noon(evidence: &Evidence<'_>) -> Option<TimeWindow> {
    let noon = evidence.sun()?.next_noon(evidence.at + 2 * HOUR);
    Some(TimeWindow { from: noon - 2 * HOUR, to: noon + 3 * HOUR })
}
