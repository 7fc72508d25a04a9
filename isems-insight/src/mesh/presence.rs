//! When each node of the mesh was heard and when it was not.

use isems_core::{Measurement, NodeId};

use crate::{
    History, Reboot, Slot,
    reserve::cut_off,
    slot::is_controller_lost,
    states::{ASSUMED_INTERVAL, INTERVALS_OF_SILENCE, usual_interval},
};

/// The shortest hole that counts, in measuring intervals and in seconds.
const LEAST_INTERVALS: f64 = 3.0;
const LEAST_SECONDS: i64 = 600;

/// The distance from the cut-off within which the last voltage of a node that ran empty lies, V.
const NEAR_CUT_OFF: f64 = 0.12;

/// The resolution of the ends of a hole that is over, seconds: they are those of slots.
const RESOLUTION: i64 = 3;

/// A time in which a node measured nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hole {
    /// The last measurement before it, Unix seconds, UTC.
    pub(crate) from: i64,
    /// The first measurement after it, Unix seconds, UTC; `None` while it lasts.
    pub(crate) to: Option<i64>,
    /// The last battery voltage before it above the cut-off, V; `None` if either is not known, or the controller was
    /// lost.
    pub(crate) above_cut_off: Option<f64>,
    /// Set if the solar controller did not answer just before it.
    pub(crate) was_controller_lost: bool,
}

impl Hole {
    /// Returns the hole that begins with a node's newest measurement, and lasts.
    pub(crate) fn after(latest: &Measurement, cut_off: Option<f64>) -> Self {
        let voltage = latest.battery_voltage.filter(|voltage| *voltage > 0.0);
        Self {
            from: latest.timestamp,
            to: None,
            above_cut_off: above(voltage, cut_off),
            was_controller_lost: is_controller_lost(latest),
        }
    }

    /// Returns whether the countdown was restarted in this very hole.
    pub(crate) fn has(&self, reboot: &Reboot) -> bool {
        let is_near = |time: i64, other: i64| (time - other).abs() <= RESOLUTION;
        is_near(self.from, reboot.before) && self.to.is_some_and(|to| is_near(to, reboot.after))
    }

    /// Returns whether the battery was so near to the cut-off that it may have run empty.
    pub(crate) fn may_have_run_empty(&self) -> bool {
        self.above_cut_off.is_some_and(|above| above < NEAR_CUT_OFF)
    }
}

/// The holes in the measurements of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Presence {
    pub(crate) node: NodeId,
    /// The first measurement that is kept, Unix seconds, UTC.
    pub(crate) first: i64,
    /// Oldest first. The last one may not be over; then the node is silent.
    pub(crate) holes: Vec<Hole>,
    /// The usual interval between two arrivals, seconds.
    pub(crate) interval: i64,
}

impl Presence {
    /// Finds the holes of a node up to an instant. `None` if it was never heard.
    pub(crate) fn of(history: &History, at: i64) -> Option<Self> {
        let cut_off = cut_off(history);
        let shortest = history
            .measuring_interval()
            .map_or(LEAST_SECONDS, |interval| LEAST_SECONDS.max((LEAST_INTERVALS * interval) as i64));
        let mut holes = Vec::new();
        let mut first_of_all = None;
        let mut newest: Option<(i64, &Slot)> = None;
        for (start, slot) in history.slots() {
            let Some((first, last)) = slot.offsets() else { continue };
            let (first, last) = (start + first, start + last);
            first_of_all.get_or_insert(first);
            if let Some((from, before)) = newest
                && first - from > shortest
            {
                holes.push(Hole {
                    from,
                    to: Some(first),
                    above_cut_off: above(before.battery_voltage(), cut_off),
                    was_controller_lost: before.valid_readings() < before.readings(),
                });
            }
            newest = Some((last, slot));
        }
        // The slot is exact to three seconds, and the newest measurement is known.
        let latest = history.latest()?;
        let interval = usual_interval(history.arrivals()).unwrap_or(ASSUMED_INTERVAL);
        if at - latest.timestamp > INTERVALS_OF_SILENCE * interval {
            holes.push(Hole::after(latest, cut_off));
        }
        Some(Self { node: history.node().clone(), first: first_of_all?, holes, interval })
    }

    /// Returns whether a hole began within some seconds of a time.
    pub(crate) fn fell_silent_near(&self, time: i64, tolerance: i64) -> Option<&Hole> {
        self.holes.iter().find(|hole| (hole.from - time).abs() <= tolerance)
    }

    /// Returns whether the node measured something in the hour before a time.
    pub(crate) fn was_heard_before(&self, time: i64) -> bool {
        let is_silent = |hole: &Hole| hole.from < time - 3600 && hole.to.is_none_or(|to| to > time);
        self.first < time && !self.holes.iter().any(is_silent)
    }
}

fn above(voltage: Option<f64>, cut_off: Option<f64>) -> Option<f64> {
    Some(voltage? - cut_off?)
}
