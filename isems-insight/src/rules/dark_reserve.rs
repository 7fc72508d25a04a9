//! The rule of the dark-day reserve: how many days without sun a full battery bridges.
//!
//! **Formula.** A full battery at dusk carries the load for as long as the node's own discharge curve says. What is
//! left of that after the night, in days, is the reserve: none if it does not even last the night. In December the
//! night is the longest of the year at the node's latitude, and the battery has 0.7 % less capacity for each degree
//! that it is colder then.
//!
//! **Source.** Capacity over temperature: lead-acid, observed behaviour of the firmwares. Length of the night: position
//! of the sun.
//!
//! **Thresholds.** `reserveLow` below half a day (cleared above 0.7), `winterReserveLow` below half a day in December
//! (cleared above 0.7).

use crate::{
    Energy, Evidence, Finding, FindingCode, FindingSeverity, Sun, lead_acid::CAPACITY_PER_DEGREE, reserve::Reserve,
    statistics::median,
};

/// The temperature of a battery in December where nothing is known of the place, degC.
const DECEMBER: f64 = 2.0;

const DAY: f64 = 86_400.0;

/// Says how many dark days a full battery bridges, now and in December.
pub(super) fn judge(evidence: &Evidence<'_>, reserve: &Reserve) -> Energy {
    let at = evidence.at;
    let sun = evidence.sun();
    let night = sun.and_then(|sun| night_length(sun, at)).unwrap_or(DAY / 2.0);
    let mut energy = Energy { dark_day_reserve_days: Some((reserve.full - night).max(0.0) / DAY), ..Energy::default() };
    if let Some(sun) = sun
        && let Some(night) = night_length(sun, winter_solstice(at))
    {
        let now = temperature(evidence).unwrap_or(DECEMBER);
        let colder = (now.min(25.0) - DECEMBER).max(0.0);
        let full = reserve.full * (1.0 - CAPACITY_PER_DEGREE * colder);
        energy.winter_reserve_days = Some((full - night).max(0.0) / DAY);
    }
    energy
}

/// The findings that the reserve is low.
pub(super) fn findings(evidence: &Evidence<'_>, energy: &Energy) -> Vec<Finding> {
    let low = |code, days: Option<f64>, severity| {
        let days = days.filter(|days| *days < evidence.threshold(code, 0.5, 0.7))?;
        Some(Finding::new(code, severity, evidence.since(code, evidence.at)).with("reserveDays", days))
    };
    let now = low(FindingCode::ReserveLow, energy.dark_day_reserve_days, FindingSeverity::Attention);
    let winter = low(FindingCode::WinterReserveLow, energy.winter_reserve_days, FindingSeverity::Info);
    now.into_iter().chain(winter).collect()
}

/// The length of the night after a time, seconds.
fn night_length(sun: Sun, time: i64) -> Option<f64> {
    let set = sun.next_set(time)?;
    Some((sun.next_rise(set)? - set) as f64)
}

/// The next 21 December at noon (UTC), or 21 June south of the equator, to within a day.
fn winter_solstice(at: i64) -> i64 {
    /// 2000-12-21T12:00Z.
    const SOLSTICE: i64 = 977_400_000;
    /// The tropical year, seconds.
    const YEAR: i64 = 31_556_925;
    SOLSTICE + (at - SOLSTICE).div_euclid(YEAR) * YEAR + YEAR
}

/// The median battery temperature of the last three days, degC.
fn temperature(evidence: &Evidence<'_>) -> Option<f64> {
    let slots = evidence.history.slots_between(evidence.at - 3 * 86_400, evidence.at);
    let mut temperatures: Vec<f64> = slots.filter_map(|(_, slot)| slot.temperature()).collect();
    median(&mut temperatures)
}
