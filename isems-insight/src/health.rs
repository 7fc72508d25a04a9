//! The use of a node's own estimates of its battery's health.
//!
//! A firmware knows its load only as its owner typed it in. From 22:00 to 04:00, it takes what this load draws in six
//! hours, and divides it by the fall of its gauge times the rated capacity. So its estimate tells the load:
//!
//! > load in A = health * fall of the gauge * rated capacity in Ah / 6 h
//!
//! The gauge may have any scale: what counts is how far it fell, and that is known. So the estimate is of use even
//! where the health is wrong, as it is in most nights that begin with a full battery.

use crate::{History, Slot, statistics::median};

/// The time over which firmwares estimate, hours.
const WINDOW_HOURS: i64 = 6;
const WINDOW: i64 = WINDOW_HOURS * 3600;

/// The least fall of the gauge that tells something, percent; OpenWrt rounds it to whole ones.
const LEAST_FALL: f64 = 3.0;

/// The hole before a change of the estimate that hides when it changed, slots.
const HOLE: i64 = 3;

/// Returns the load of a node in A, as its health estimates since a time tell it, for a rated capacity in Ah. `None`
/// if none was measured.
///
/// An estimate was measured if it is above 0, which stands for a controller that does not answer, and below 100,
/// which stands after a reboot and is the cap. Firmwares make it at 04:00 by their own clock: the moment at which it
/// changes.
pub(crate) fn load(history: &History, since: i64, rated_capacity: f64) -> Option<f64> {
    let measured = measured(history).filter(|(at, _)| *at >= since);
    let mut loads: Vec<f64> = measured
        .filter_map(|(at, health)| {
            let fall = fall_before(history, at)?;
            Some(health / 100.0 * fall / 100.0 * rated_capacity / WINDOW_HOURS as f64)
        })
        .collect();
    median(&mut loads)
}

/// Returns the health estimates of a node that were measured, oldest first, each with the time at which it was first
/// seen and in percent.
pub(crate) fn measured(history: &History) -> impl DoubleEndedIterator<Item = (i64, f64)> {
    let health = history.health().iter().map(|(at, health)| (at, *health));
    health.filter(|(_, health)| *health > 0.0 && *health < 100.0)
}

/// Returns by how much the gauge fell in the six hours before an estimate was made, percent.
fn fall_before(history: &History, at: i64) -> Option<f64> {
    let is_night = history.slot_at(at).is_charging() == Some(false);
    let is_heard = (1..=HOLE).any(|slot| !history.slot_at(at - slot * Slot::SECONDS).is_empty());
    let has_rebooted = history.reboots().any(|reboot| (at - WINDOW..at).contains(&reboot.after));
    let fall = history.slot_at(at - WINDOW).gauge()? - history.slot_at(at - 1).gauge()?;
    (is_night && is_heard && !has_rebooted && fall >= LEAST_FALL).then_some(fall)
}
