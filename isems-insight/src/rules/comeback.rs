//! The rule of the comeback: when a node whose load went off is heard again.
//!
//! **Formula.** The panel goes on charging while the load is off, and the controller switches the load on above 12.3 V.
//! How long after sunrise that was after earlier cut-offs tells when it will be. The cases that have already passed are
//! left out; if none is left, the next sunrise counts.
//!
//! **Source.** Observed behaviour of the firmwares: mostly some hours after sunrise, on dark winter days not at all.
//!
//! **Thresholds.** Until comebacks were seen, two to six hours after sunrise are assumed.

use crate::{
    Evidence, Expected,
    outlook::{Weighted, expected},
    reserve::Reserve,
};

/// The times after sunrise that are assumed until comebacks were seen, hours.
const ASSUMED_HOURS: [f64; 5] = [2.0, 3.0, 4.0, 5.0, 6.0];

/// The weight of all that is assumed, in comebacks.
const ASSUMED_WEIGHT: f64 = 1.0;

/// The age at which a comeback counts half, days.
const HALF_LIFE_DAYS: f64 = 10.0;

/// Says when the load is expected back. It is off at the instant.
pub(super) fn judge(evidence: &Evidence<'_>, reserve: &Reserve) -> Option<Expected> {
    let at = evidence.at;
    let since = evidence.history.latest()?.timestamp;
    let seen = reserve.nights.iter().filter_map(|night| {
        let (off, on) = (night.load_off?, night.load_on?);
        let age = (at - on) as f64 / 86_400.0;
        Some(((on - reserve.rise_after(off)) as f64, 0.5_f64.powf(age / HALF_LIFE_DAYS)))
    });
    let assumed = ASSUMED_HOURS.map(|hours| (hours * 3600.0, ASSUMED_WEIGHT / ASSUMED_HOURS.len() as f64));
    let lags: Vec<Weighted> = seen.chain(assumed).collect();
    let mut rise = reserve.rise_after(since);
    loop {
        let mut instants: Vec<Weighted> = lags
            .iter()
            .map(|(lag, weight)| (rise as f64 + lag, *weight))
            .filter(|(instant, _)| *instant > at as f64)
            .collect();
        if let Some(expected) = expected(&mut instants, at) {
            return Some(expected);
        }
        rise = reserve.rise_after(rise + 3600);
    }
}
