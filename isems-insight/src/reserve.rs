//! The charge of a node's battery, in hours of load, learned from the node's own nights.

use crate::{
    Evidence, History, Slot, Sun, UnknownReason,
    discharge::{DischargeCurve, Fall, falls},
    nights::{Night, Tonight, nights},
    statistics::scatter,
};

/// The deviation of a night's speed from the usual one that is assumed until nights have shown it.
const ASSUMED_SPREAD: f64 = 0.08;

/// The number of nights that the assumed spread is worth.
const ASSUMED_NIGHTS: f64 = 4.0;

/// The voltage of a full battery under a small load, once its surface charge is gone, V.
const FULL_VOLTAGE: f64 = 12.65;

/// The voltage and the charge at its foot, and the rise of charge per volt, of the firmware's own gauge while
/// discharging: `10 + (V - 11.6) * 85`.
const GAUGE: (f64, f64, f64) = (11.6, 10.0, 85.0);

/// The time of the day at which nights are taken to end and begin where no node has a position, seconds after midnight
/// UTC.
const ASSUMED_RISE: i64 = 6 * 3600;
const ASSUMED_SET: i64 = 18 * 3600;

const DAY: i64 = 86_400;

/// Everything that a node's nights reveal about its battery and its load.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    pub(crate) cut_off: f64,
    pub(crate) curve: DischargeCurve,
    /// The nights that are over, oldest first.
    pub(crate) nights: Vec<Night>,
    /// The current night, if it is night.
    pub(crate) tonight: Option<Tonight>,
    /// The time that the load runs on a full battery, seconds.
    pub(crate) full: f64,
    /// The deviation of a night's speed from the curve: the standard deviation of its logarithm.
    pub(crate) spread: f64,
    sun: Option<Sun>,
}

impl Reserve {
    /// Learns it from what was measured before the instant. The error is the reason why it cannot be learned.
    pub(crate) fn learn(evidence: &Evidence<'_>) -> Result<Self, UnknownReason> {
        let Evidence { history, mesh, at, .. } = evidence;
        let Some(cut_off) = cut_off(history) else { return Err(UnknownReason::NoCutOff) };
        let falls = falls(history, i64::MIN, *at);
        let Some(curve) = DischargeCurve::learn(&falls, cut_off, *at, mesh.discharge()) else {
            let hours = falls.len() as f64 * Fall::SECONDS / 3600.0;
            return Err(UnknownReason::LittleDischarge { hours });
        };
        let (nights, tonight) = nights(history, &curve, cut_off);
        let full = full(&curve, &nights);
        let spread = spread(&nights);
        Ok(Self { cut_off, curve, nights, tonight, full, spread, sun: evidence.sun() })
    }

    /// Returns the first sunrise after a time, or what stands for it.
    pub(crate) fn rise_after(&self, time: i64) -> i64 {
        let assumed = || next_at(ASSUMED_RISE, time);
        self.sun.map_or_else(assumed, |sun| sun.next_rise(time).unwrap_or_else(assumed))
    }

    /// Returns the first sunset after a time, or what stands for it.
    pub(crate) fn set_after(&self, time: i64) -> i64 {
        let assumed = || next_at(ASSUMED_SET, time);
        self.sun.map_or_else(assumed, |sun| sun.next_set(time).unwrap_or_else(assumed))
    }

    /// Returns the charge at the cut-off in percent, by the scale of the firmware's gauge.
    pub(crate) fn percent_at_cut_off(&self) -> f64 {
        let (voltage, percent, slope) = GAUGE;
        (percent + (self.cut_off - voltage) * slope).clamp(0.0, 90.0)
    }
}

/// Returns the next time at which a day has some seconds.
fn next_at(second: i64, time: i64) -> i64 {
    let today = time.div_euclid(DAY) * DAY + second;
    if today > time { today } else { today + DAY }
}

/// Returns the voltage below which the load is cut, as the node says.
pub(crate) fn cut_off(history: &History) -> Option<f64> {
    history.setups().newest().and_then(|setup| setup.cut_off).filter(|cut_off| *cut_off > 1.0)
}

/// Returns the time that the load runs on a full battery: the best of the last nights, but at least what the curve
/// gives for the resting voltage of a full battery.
pub(crate) fn full(curve: &DischargeCurve, nights: &[Night]) -> f64 {
    let mut left: Vec<f64> = nights.iter().map(|night| night.left_at_dusk).collect();
    left.sort_by(f64::total_cmp);
    let best = left.get(left.len().saturating_sub(1) * 9 / 10).copied().unwrap_or_default();
    best.max(curve.seconds_left(FULL_VOLTAGE))
}

/// Returns how far nights deviate from the curve.
fn spread(nights: &[Night]) -> f64 {
    let mut deviations: Vec<f64> = nights
        .iter()
        .filter_map(|night| night.course)
        .filter(|course| course.passed >= 2.0 * 3600.0 && course.expected > 0.0)
        .map(|course| (course.passed / course.expected).ln().abs().min(1.0))
        .collect();
    let count = deviations.len() as f64;
    let seen = scatter(&mut deviations).unwrap_or_default();
    (seen * count + ASSUMED_SPREAD * ASSUMED_NIGHTS) / (count + ASSUMED_NIGHTS)
}

/// Returns the mean voltage of the newest slots before a time and the middle of their time, if nothing has been
/// charging for long enough that the surface charge is gone.
pub(crate) fn resting_voltage(history: &History, tonight: &Tonight, at: i64) -> Option<(i64, f64)> {
    const SLOTS: usize = 4;
    const RELAXED: i64 = 3600;
    let newest: Vec<_> = history
        .slots_between(tonight.begin + RELAXED, at)
        .rev()
        .filter_map(|(start, slot)| {
            let (first, last) = slot.offsets()?;
            Some((start + i64::midpoint(first, last), slot.battery_voltage()?))
        })
        .take(SLOTS)
        .collect();
    let count = newest.len();
    if count < 2 || newest[0].0 - newest[count - 1].0 > 2 * SLOTS as i64 * Slot::SECONDS {
        return None;
    }
    let time = newest.iter().map(|(time, _)| time).sum::<i64>() / count as i64;
    let voltage = newest.iter().map(|(_, voltage)| voltage).sum::<f64>() / count as f64;
    Some((time, voltage))
}
