//! The energy of a node: the charge of its battery, and how long it lasts.

/// The battery's charge, and how long it lasts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Energy {
    /// The charge of the battery, percent of its charge when full. This is not the node's own gauge, which reads about
    /// 36 when the load goes off.
    pub charge_percent: Option<f64>,
    /// The charge above the cut-off, percent of the usable charge when full: 0 when the load goes off.
    pub usable_percent: Option<f64>,
    /// The time at which the load is expected to go off within the next 48 hours; `None` if it is not expected to.
    pub load_off: Option<LoadOff>,
    /// The time that the load can run from now on without any sun, hours.
    pub autonomy_hours: Option<f64>,
    /// The forecast for the load until the sun charges again, this night or the coming one.
    pub survives_night: Option<Survival>,
    /// The time between the end of that night and the moment at which the load would go off without sun, hours.
    /// Negative if it goes off before.
    pub margin_hours: Option<f64>,
    /// The time at which the load is expected back, if it is off.
    pub comeback: Option<Expected>,
    /// The number of days without any sun for which a full battery carries the load.
    pub dark_day_reserve_days: Option<f64>,
    /// The same in December, with its nights and temperatures at the node's latitude.
    pub winter_reserve_days: Option<f64>,
}

/// An expected instant, with the interval that contains it with a probability of 80 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The most likely instant, Unix seconds, UTC.
    pub expected_at: i64,
    /// With a probability of 10 % it is earlier, Unix seconds, UTC.
    pub earliest: i64,
    /// With a probability of 10 % it is later, Unix seconds, UTC.
    pub latest: i64,
}

/// The moment at which the load is expected to go off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadOff {
    /// The moment, if it happens.
    pub when: Expected,
    /// The probability that it happens within the next 48 hours, `0..=1`.
    pub probability: f64,
}

/// The forecast for the load through a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Survival {
    /// It stays on, with a probability of 80 % or more.
    Yes,
    /// It goes off, with a probability of 80 % or more.
    No,
    /// Neither is certain enough.
    Uncertain,
}

impl Survival {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Uncertain];

    /// Returns the stable name that stands in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Uncertain => "uncertain",
        }
    }
}
