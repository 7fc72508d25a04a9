//! The rule of silence: whether a node is silent, since when, and why.
//!
//! A node is silent once its newest measurement is older than three of its usual intervals between arrivals. The causes
//! are tried in this order, and the first one that fits is given:
//!
//! * `collector`: at least four of five nodes, three or more, fell silent at the same time.
//! * `controllerLost`: the solar controller did not answer in the last measurement.
//! * `uplink`: two others, or one that has fallen silent together with it before, fell silent at the same time, and
//!   their batteries were not empty.
//! * `ranEmpty`: the last voltage was less than 0.12 V above the cut-off, or it would have got there by the last
//!   measurement that may have been lost, while nothing charged.
//! * `scheduledReboot`: the countdown was about to end, and less than a quarter of an hour has passed.
//! * `clock`: the node's clock was not set in the last day, so its measurements could not be dated.
//! * `unplannedReboot`: for a silence that is over: it was short, and the countdown had been restarted before it ended.
//! * `unknown`: none of these.
//!
//! *At the same time* is within two of the longer of both intervals, and within at least three minutes. Batteries that
//! run empty in the same dark hour do so minutes apart, and near the cut-off; so a node whose battery was near the
//! cut-off is no witness for an uplink.
//!
//! A node that ran empty is expected back by its comeback after earlier nights, one that is rebooting within a quarter
//! of an hour, and one whose uplink is lost by its earlier outages that lasted longer than this one has: their median,
//! and the range of the middle 80 %. At least three are needed.
//!
//! **Confidence.** Each cause has its own, at most as high as it was often right in simulated meshes (the benchmark
//! `silence`), and never above 0.95, since a simulation is not the field.
//!
//! **Source.** Observed behaviour of the firmwares: a node that runs empty is silent until the sun has lifted its
//! battery; nodes that share a gateway fall silent together; when all do, it is the collector.
//!
//! **Thresholds.** `ranEmpty` needs attention, and is urgent if the load is not expected back within 18 hours. Other
//! silences need attention, those of unknown cause are urgent after three hours.

use super::Verdict;
use crate::{
    Energy, Evidence, Expected, Finding, FindingCode, FindingSeverity, FindingValue, Silence, SilenceCause,
    SilenceFact, countdown,
    mesh::{Hole, Presence},
    reserve::cut_off,
    states::INTERVALS_OF_SILENCE,
};

const HOUR: i64 = 3600;

/// The share of the nodes that must have fallen silent together for the collector to be the cause, and their least
/// number.
const SHARE_OF_ALL: f64 = 0.8;
const LEAST_OF_ALL: usize = 3;

/// The least tolerance of *at the same time*, seconds.
const SAME_TIME: i64 = 180;

/// The time within which a scheduled reboot is over, seconds.
const REBOOT: i64 = 900;

/// The time before the end of the countdown at which a reboot counts as the scheduled one, minutes.
const NEAR_REBOOT: f64 = 3.0;

/// The distance from the cut-off within which the voltage is expected at the last measurement that may have been lost,
/// V.
const AT_CUT_OFF: f64 = 0.05;

/// The longest time in which a node whose load is off is expected back without anybody going there, seconds.
const BACK_SOON: i64 = 18 * HOUR;

/// The time after which a silence of unknown cause is urgent, seconds.
const LONG: i64 = 3 * HOUR;

/// The least number of earlier outages by which the end of this one is expected.
const LEAST_OUTAGES: usize = 3;

/// Judges whether the node is silent, and why.
pub(super) fn judge(evidence: &Evidence<'_>, presence: &Presence) -> Option<Silence> {
    let latest = evidence.history.latest()?;
    let interval = evidence.usual_interval.unwrap_or(presence.interval);
    if evidence.at - latest.timestamp <= INTERVALS_OF_SILENCE * interval {
        return None;
    }
    let last = presence.holes.last().filter(|hole| hole.to.is_none());
    let hole = last.copied().unwrap_or_else(|| Hole::after(latest, cut_off(evidence.history)));
    Some(explain(evidence, presence, &hole))
}

/// Says what the past silences of a node were, oldest first. Only those that the histories still hold are known; lines
/// that came late have filled the holes of routers whose link was lost.
pub fn past_silences(evidence: &Evidence<'_>) -> Vec<Silence> {
    let Some(presence) = Presence::of(evidence.history, evidence.at) else { return Vec::new() };
    let over = presence.holes.iter().filter(|hole| hole.to.is_some());
    over.map(|hole| explain(evidence, &presence, hole)).collect()
}

/// Finds the cause of a silence.
fn explain(evidence: &Evidence<'_>, presence: &Presence, hole: &Hole) -> Silence {
    let others = Others::of(evidence, presence, hole);
    let silence = |cause, confidence, evidence: Vec<SilenceFact>, expected_back_at| Silence {
        since: hole.from,
        until: hole.to,
        cause,
        confidence,
        evidence,
        expected_back_at,
    };
    let (together, heard) = (others.together + 1, others.heard + 1);
    if together >= LEAST_OF_ALL && together as f64 >= SHARE_OF_ALL * heard as f64 {
        let fact = SilenceFact::FellSilentTogether { silent: together, heard };
        return silence(SilenceCause::Collector, 0.95, vec![fact], None);
    }
    if hole.was_controller_lost {
        return silence(SilenceCause::ControllerLost, 0.7, vec![SilenceFact::ControllerDidNotAnswer], None);
    }
    let distance = distance_at_the_end(evidence, presence, hole);
    let ran_empty = distance.is_some_and(|distance| distance < AT_CUT_OFF);
    let near = hole.above_cut_off.is_some_and(|above| above < AT_CUT_OFF / 4.0);
    if others.are_a_group() && !near {
        let fact = SilenceFact::OthersFellSilent { others: others.witnesses };
        return silence(SilenceCause::Uplink, 0.95, vec![fact], end_of_outage(evidence, presence, hole));
    }
    if let (true, Some(above)) = (ran_empty, hole.above_cut_off) {
        let fact = SilenceFact::NearCutOff { above: above.max(0.0) };
        return silence(SilenceCause::RanEmpty, 0.95, vec![fact], None);
    }
    if let Some((cause, fact)) = reboot(evidence, hole) {
        let back = hole.from + REBOOT / 3;
        let expected = Expected { expected_at: back, earliest: hole.from, latest: hole.from + REBOOT };
        return silence(cause, 0.8, vec![fact], (hole.to.is_none()).then_some(expected));
    }
    if others.witnesses >= 1 {
        return silence(SilenceCause::Uplink, 0.7, vec![SilenceFact::AnotherFellSilent], None);
    }
    if clock_was_unset(evidence, hole) {
        return silence(SilenceCause::Clock, 0.6, vec![SilenceFact::ClockUnset], None);
    }
    let mut facts = vec![SilenceFact::FellSilentAlone];
    facts.extend(hole.above_cut_off.map(|above| SilenceFact::AboveCutOff { above }));
    silence(SilenceCause::Unknown, 0.5, facts, None)
}

/// The behaviour of the other nodes when a node fell silent.
#[derive(Debug, Default)]
struct Others {
    /// Those that had been heard in the hour before.
    heard: usize,
    /// Those of them that fell silent at the same time.
    together: usize,
    /// Those of these whose battery was not near the cut-off.
    witnesses: usize,
    /// Those of these that had fallen silent together with it before.
    companions: usize,
}

impl Others {
    /// Returns whether so many fell silent together that they share what failed.
    fn are_a_group(&self) -> bool {
        self.witnesses >= 2 || (self.witnesses >= 1 && self.companions >= 1)
    }

    fn of(evidence: &Evidence<'_>, presence: &Presence, hole: &Hole) -> Self {
        let mut others = Self::default();
        for other in evidence.mesh.presences().iter().filter(|other| other.node != presence.node) {
            if !other.was_heard_before(hole.from) {
                continue;
            }
            others.heard += 1;
            let tolerance = SAME_TIME.max(2 * presence.interval.max(other.interval)).min(HOUR);
            let Some(its) = other.fell_silent_near(hole.from, tolerance) else { continue };
            // One that came back much earlier had a trouble of its own.
            if let Some(to) = its.to
                && hole.to.unwrap_or(evidence.at) - to > tolerance
            {
                continue;
            }
            others.together += 1;
            if its.may_have_run_empty() {
                continue;
            }
            others.witnesses += 1;
            let before = presence.holes.iter().filter(|earlier| earlier.from < hole.from - tolerance);
            let has_company = |earlier: &Hole| {
                !earlier.may_have_run_empty() && other.fell_silent_near(earlier.from, tolerance).is_some()
            };
            others.companions += usize::from(before.clone().any(has_company));
        }
        others
    }
}

/// Returns when an uplink that is lost is expected back, by the earlier outages that lasted longer than this one has.
fn end_of_outage(evidence: &Evidence<'_>, presence: &Presence, hole: &Hole) -> Option<Expected> {
    if hole.to.is_some() {
        return None;
    }
    let age = evidence.at - hole.from;
    let outages = presence.holes.iter().filter_map(|earlier| Some((earlier, earlier.to? - earlier.from)));
    let outages = outages
        .filter(|(earlier, length)| *length > age && Others::of(evidence, presence, earlier).are_a_group())
        .map(|(_, length)| length);
    let mut lengths: Vec<i64> = outages.collect();
    lengths.sort_unstable();
    let last = lengths.len().checked_sub(1).filter(|last| *last + 1 >= LEAST_OUTAGES)?;
    let at_share = |share: f64| hole.from + lengths[(share * last as f64).round() as usize];
    Some(Expected { expected_at: at_share(0.5), earliest: at_share(0.1), latest: at_share(0.9) })
}

/// Returns how far above the cut-off the battery is expected at the end of what may have been lost with the node's
/// power, V: by the fall of the last hour. `None` while it is charging, or if that is not known.
fn distance_at_the_end(evidence: &Evidence<'_>, presence: &Presence, hole: &Hole) -> Option<f64> {
    let above = hole.above_cut_off?;
    let slots: Vec<(i64, f64)> = evidence
        .history
        .slots_between(hole.from - HOUR, hole.from + 1)
        .filter_map(|(start, slot)| Some((start, slot.battery_voltage()?)))
        .collect();
    let rate = match (slots.first(), slots.last()) {
        (Some((from, first)), Some((to, last))) if to > from => ((first - last) / (to - from) as f64).max(0.0),
        _ => 0.0,
    };
    Some(above - rate * presence.interval as f64)
}

/// Returns whether the silence is a reboot, and what says so.
fn reboot(evidence: &Evidence<'_>, hole: &Hole) -> Option<(SilenceCause, SilenceFact)> {
    let units = countdown::units_a_minute(evidence.history).unwrap_or(countdown::FASTEST);
    if let Some(to) = hole.to {
        let restart = evidence.history.reboots().find(|reboot| hole.has(reboot))?;
        if to - hole.from > REBOOT {
            return None;
        }
        let minutes = restart.countdown_before / units;
        let fact = SilenceFact::CountdownRestarted { minutes };
        let is_scheduled = minutes <= NEAR_REBOOT + (to - hole.from) as f64 / 60.0;
        return Some((if is_scheduled { SilenceCause::ScheduledReboot } else { SilenceCause::UnplannedReboot }, fact));
    }
    let latest = evidence.history.latest()?;
    let minutes = latest.time_to_shutdown.filter(|countdown| *countdown > 0.0)? / units;
    let is_due = minutes <= NEAR_REBOOT && evidence.at - hole.from <= REBOOT;
    is_due.then_some((SilenceCause::ScheduledReboot, SilenceFact::RebootDue { minutes }))
}

/// Returns whether measurements of the day before the silence were dated by their arrival, though others were not.
fn clock_was_unset(evidence: &Evidence<'_>, hole: &Hole) -> bool {
    let day = hole.from.div_euclid(86_400);
    let days = evidence.history.days().filter(|one| (day - 1..=day).contains(&one.day));
    let (by_arrival, all) =
        days.fold((0, 0), |(by_arrival, all), day| (by_arrival + day.dated_by_arrival, all + day.readings));
    by_arrival > 0 && by_arrival < all
}

/// Fills in when a node that ran empty is expected back.
pub(super) fn expect_back(silence: &mut Option<Silence>, energy: &Energy) {
    if let Some(silence) = silence
        && silence.cause == SilenceCause::RanEmpty
    {
        silence.expected_back_at = energy.comeback;
    }
}

/// The finding of a silence.
pub(super) fn finding(evidence: &Evidence<'_>, silence: &Silence) -> Verdict<()> {
    let age = evidence.at - silence.since;
    let back = silence.expected_back_at.map(|back| back.expected_at);
    let (code, severity) = match silence.cause {
        SilenceCause::RanEmpty if back.is_some_and(|back| back - evidence.at <= BACK_SOON) => {
            (FindingCode::RanEmpty, FindingSeverity::Attention)
        }
        SilenceCause::RanEmpty => (FindingCode::RanEmpty, FindingSeverity::Urgent),
        SilenceCause::ControllerLost => (FindingCode::Silent, FindingSeverity::Urgent),
        SilenceCause::Unknown | SilenceCause::Clock if age > LONG => (FindingCode::Silent, FindingSeverity::Urgent),
        SilenceCause::ScheduledReboot => (FindingCode::Silent, FindingSeverity::Info),
        _ => (FindingCode::Silent, FindingSeverity::Attention),
    };
    let mut finding = Finding::new(code, severity, silence.since)
        .with("cause", silence.cause.name())
        .with("confidence", silence.confidence);
    if let Some(back) = back {
        finding = finding.with("expectedBackAt", FindingValue::Time(back));
    }
    Verdict { findings: vec![finding], ..Verdict::default() }
}
