//! The naive forecast: the slope of the gauge in the last nights, straight on to the gauge's value at the cut-off.

use isems_insight::{AskedAt, Expected, History, NightForecast};

/// The gauge's value at the cut-off voltage: `10 + (V - 11.6) * 85`.
fn gauge_at(cut_off: f64) -> f64 {
    10.0 + (cut_off - 11.6) * 85.0
}

/// Forecasts a night from the gauge.
pub(crate) fn forecast(history: &History, at: i64, asked_at: AskedAt, until: i64) -> NightForecast {
    let silent =
        NightForecast { node: history.node().clone(), at, asked_at, until, goes_off: Some(false), expected: None };
    let cut_off = history.setups().newest().and_then(|setup| setup.cut_off);
    let gauge = history.slots_between(at - 3600, at).rev().find_map(|(_, slot)| slot.gauge());
    let (Some(cut_off), Some(gauge), Some(slope)) = (cut_off, gauge, slope(history, at)) else { return silent };
    let seconds = (gauge - gauge_at(cut_off)) / slope * 3600.0;
    let off = at + seconds.clamp(0.0, 1e7) as i64;
    let goes_off = off < until;
    let expected = goes_off.then_some(Expected { expected_at: off, earliest: off, latest: off });
    NightForecast { goes_off: Some(goes_off), expected, ..silent }
}

/// The mean fall of the gauge while the panel does not charge, percent per hour, over the last three days.
fn slope(history: &History, at: i64) -> Option<f64> {
    let slots: Vec<_> = history.slots_between(at - 3 * 86_400, at).collect();
    let (mut fall, mut hours) = (0.0, 0.0);
    for pair in slots.windows(2) {
        let (Some(before), Some(after)) = (pair[0].1.gauge(), pair[1].1.gauge()) else { continue };
        if pair[0].1.is_charging() == Some(false) && pair[1].1.is_charging() == Some(false) {
            fall += before - after;
            hours += 1.0 / 6.0;
        }
    }
    (hours > 3.0 && fall > 0.0).then_some(fall / hours)
}
