//! The battery of a node: its capacity and wear.

/// The battery's capacity and wear.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Battery {
    /// The capacity, Ah at 25 degC, with its uncertainty.
    pub estimated_capacity_ah: Option<Estimate>,
    /// The capacity in percent of the rated one, with its uncertainty.
    pub capacity_percent_of_rated: Option<Estimate>,
    /// The rate at which the capacity changes, percent of the rated one per month (30 days); negative as it ages.
    pub trend_percent_per_month: Option<f64>,
    /// The time until the battery is due for replacement, months of 30 days; 0 if it is due.
    pub months_to_replacement: Option<f64>,
    /// The time at which the battery was last fully charged, Unix seconds, UTC.
    pub last_full_charge_at: Option<i64>,
    /// The number of nights of the last 30 days in which the battery was discharged deeply.
    pub deep_nights_in_30_days: Option<u32>,
}

/// A figure that was estimated, and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The most likely value.
    pub value: f64,
    /// Half the width of the interval that holds the truth with a probability of 80 %.
    pub uncertainty: f64,
}
