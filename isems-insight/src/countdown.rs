//! The countdown to a node's scheduled reboot, whose unit differs from firmware to firmware.

use crate::{History, statistics::median};

/// The fastest countdown of any firmware, units a minute: the ESP32 counts once every 15 s.
pub(crate) const FASTEST: f64 = 4.0;

/// The most falls from slot to slot that are looked at, the newest ones.
const FALLS: usize = 288;

/// Returns how fast the countdown of a node falls, in its own units a minute: about 4 on an ESP32, 1 on OpenWrt. It
/// is the median over the newest falls from one slot to the next. `None` while fewer than three are known, as when
/// automatic reboots are off and the countdown is always 0.
pub(crate) fn units_a_minute(history: &History) -> Option<f64> {
    let readings = history.slots().rev().filter_map(|(start, slot)| {
        let (_, last) = slot.offsets()?;
        Some((start + last, slot.countdown()?))
    });
    let mut later = None;
    let falls = readings.filter_map(|(time, countdown)| {
        let (later_time, later_countdown) = later.replace((time, countdown))?;
        let minutes = (later_time - time) as f64 / 60.0;
        (countdown > later_countdown && later_countdown > 0.0 && minutes > 0.0)
            .then(|| (countdown - later_countdown) / minutes)
    });
    let mut falls: Vec<f64> = falls.take(FALLS).collect();
    (falls.len() >= 3).then(|| median(&mut falls)).flatten()
}
