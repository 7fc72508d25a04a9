//! The rule of the battery's temperature.
//!
//! * Hot: 40 degC and more, until it falls below 38. Lead-acid ages about twice as fast for every ten degrees
//!   (Arrhenius).
//! * Cold: -10 degC and less, until it rises above -8. The acid of an empty battery freezes at about that temperature.
//! * No sensor: the controller says so, or the temperature was 25.00 degC for a whole day, which is what firmwares
//!   report without a sensor. Then nothing is said of heat and cold.
//!
//! The thresholds are those of the status flags; the distance to clearing is ours, so that a finding does not
//! flicker. A temperature counts as the present one for six hours.

use isems_core::{Measurement, StatusFlag};

use super::Verdict;
use crate::{Evidence, Finding, FindingCode, FindingSeverity::Attention, Slot, Unknown, UnknownReason};

const HOT: (f64, f64) = (40.0, 38.0);
const COLD: (f64, f64) = (-10.0, -8.0);

/// The temperature that firmwares report without a sensor, degC, and how far a slot's mean may be rounded away from it.
const WITHOUT_SENSOR: f64 = 25.0;
const ROUNDING: f64 = 0.006;

/// A sensor that has shown the same temperature in this many slots of the last day is missing: half a day.
const SLOTS_WITHOUT_CHANGE: usize = 72;

/// Judges the temperature.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict<()> {
    let mut verdict = Verdict::default();
    let Some(latest) = evidence.present() else { return verdict };
    let flag = |flag| latest.status.map(|status| status.contains(flag));
    let agrees = flag(StatusFlag::TemperatureSensorMissing);
    if agrees == Some(true) || never_changes(evidence) {
        let code = FindingCode::TemperatureSensorMissing;
        let since = since(evidence, code, |slot| {
            slot.has_flag(StatusFlag::TemperatureSensorMissing) || slot.temperature().is_some_and(is_without_sensor)
        });
        verdict.findings.push(Finding::new(code, Attention, since).node_agrees(agrees));
        verdict.unknown.push(Unknown { what: "batteryTemperature", reason: UnknownReason::NoTemperatureSensor });
        return verdict;
    }
    let Some(temperature) = latest.battery_temperature.filter(|celsius| celsius.is_finite()) else { return verdict };
    let mut check = |code, own: StatusFlag, is_beyond: &dyn Fn(f64) -> bool| {
        let agrees = flag(own);
        if is_beyond(temperature) {
            let since = since(evidence, code, |slot| slot.temperature().is_some_and(is_beyond));
            let finding = Finding::new(code, Attention, since).with("batteryTemperature", temperature);
            verdict.findings.push(finding.node_agrees(agrees));
        }
    };
    let hot = evidence.threshold(FindingCode::BatteryOverheating, HOT.0, HOT.1);
    check(FindingCode::BatteryOverheating, StatusFlag::BatteryOverheating, &|celsius| celsius >= hot);
    let cold = evidence.threshold(FindingCode::BatteryCold, COLD.0, COLD.1);
    check(FindingCode::BatteryCold, StatusFlag::BatteryCold, &|celsius| celsius <= cold);
    verdict
}

fn is_without_sensor(celsius: f64) -> bool {
    (celsius - WITHOUT_SENSOR).abs() < ROUNDING
}

/// Returns whether the temperature of the last day was always that of a missing sensor.
fn never_changes(evidence: &Evidence<'_>) -> bool {
    let day = evidence.history.slots_between(evidence.at - 86_400, evidence.at);
    let mut count = 0;
    day.filter_map(|(_, slot)| slot.temperature()).all(|celsius| {
        count += 1;
        is_without_sensor(celsius)
    }) && count >= SLOTS_WITHOUT_CHANGE
}

/// Returns since when the slots up to the newest measurement have been as wanted, apart from those without a
/// measurement.
fn since(evidence: &Evidence<'_>, code: FindingCode, is_so: impl Fn(&Slot) -> bool) -> i64 {
    let slots = evidence.history.slots().rev().filter(|(_, slot)| slot.valid_readings() > 0);
    let first = slots.take_while(|(_, slot)| is_so(slot)).last().map(|(start, _)| start);
    let latest = evidence.history.latest().map_or(evidence.at, |latest: &Measurement| latest.timestamp);
    evidence.since(code, first.unwrap_or(latest))
}
