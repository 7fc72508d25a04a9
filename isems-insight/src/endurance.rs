//! The endurance of a node: how long a full battery carries the load, learned from its nights.

use crate::{
    History, UnknownReason, lead_acid,
    rested::{Rest, rests},
    statistics::scatter,
};

/// The least fall of the state of charge in a rest that tells something, a share.
const LEAST_FALL: f64 = 0.02;

/// The temperature of a battery without a sensor, degC: the mean of a year at 52 degrees north.
const ASSUMED_TEMPERATURE: f64 = 10.0;

/// The least number of rests that an endurance is learned from.
const LEAST_RESTS: usize = 3;

/// The time that a full battery carries the load, by its resting voltage: how far its charge fell in a night, and how
/// long that took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Endurance {
    /// The nights that it was learned from, oldest first.
    pub(crate) nights: Vec<NightEndurance>,
    /// The time that a full battery at 25 degC carries the load, hours.
    pub(crate) hours: f64,
    /// The standard deviation of its logarithm, from the scatter of the nights.
    pub(crate) deviation: f64,
}

/// One night, as a witness of the endurance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NightEndurance {
    /// The middle of the rest, Unix seconds, UTC.
    pub(crate) at: i64,
    /// The time that the load ran, hours, as if the battery had had 25 degC.
    passed: f64,
    /// The share of the charge that went.
    fall: f64,
}

impl NightEndurance {
    fn of(rest: &Rest) -> Option<Self> {
        let temperature = rest.temperature.unwrap_or(ASSUMED_TEMPERATURE);
        let charge = |voltage| lead_acid::charge_at_rest(voltage, temperature);
        let fall = charge(rest.from_voltage) - charge(rest.to_voltage);
        let passed = rest.hours() / lead_acid::capacity_share(temperature);
        (fall >= LEAST_FALL).then_some(Self { at: i64::midpoint(rest.from, rest.to), passed, fall })
    }

    /// Returns the time that a full battery at 25 degC carries the load, hours.
    pub(crate) fn hours(&self) -> f64 {
        self.passed / self.fall
    }
}

impl Endurance {
    /// Learns it from the nights from one time on and before another. The error is the reason why it cannot be learned.
    pub(crate) fn learn(history: &History, from: i64, to: i64) -> Result<Self, UnknownReason> {
        let nights: Vec<NightEndurance> = rests(history, from, to).iter().filter_map(NightEndurance::of).collect();
        let count = nights.len();
        if count < LEAST_RESTS {
            return Err(UnknownReason::FewRests { nights: count, needed: LEAST_RESTS });
        }
        // Deep nights tell more, so it is the quotient of the sums.
        let (passed, fall) =
            nights.iter().fold((0.0, 0.0), |(passed, fall), night| (passed + night.passed, fall + night.fall));
        let hours = passed / fall;
        let mut deviations: Vec<f64> = nights.iter().map(|night| (night.hours() / hours).ln().abs()).collect();
        let scatter = scatter(&mut deviations).unwrap_or_default();
        Ok(Self { nights, hours, deviation: scatter / (count as f64).sqrt() })
    }
}
