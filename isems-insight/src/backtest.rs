//! Checking forecasts against what happened afterwards.

use std::collections::BTreeMap;

use isems_core::{NodeId, Repository, RepositoryError};

use crate::{Assessment, Evidence, Expected, History, Mesh, Sun, assess, assessor::read_more, nights::load_offs};

/// The time after sunset at which the forecast of the night is asked for, seconds.
const AFTER_SUNSET: i64 = 3 * 3600;

/// The number of days that a history is filled with before the first forecast.
const LEAD_DAYS: i64 = History::DAYS;

/// The time of day at which a night was forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AskedAt {
    /// At solar noon, for the coming night.
    Noon,
    /// Three hours after sunset, for the night that has begun.
    Evening,
}

impl AskedAt {
    /// Both times.
    pub const ALL: [Self; 2] = [Self::Noon, Self::Evening];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noon => "noon",
            Self::Evening => "evening",
        }
    }
}

/// A forecast of a node's coming night.
#[derive(Debug, Clone, PartialEq)]
pub struct NightForecast {
    /// The node.
    pub node: NodeId,
    /// The time at which it was made, Unix seconds, UTC.
    pub at: i64,
    /// The time of day of that.
    pub asked_at: AskedAt,
    /// The end of the night: the sunrise, Unix seconds, UTC.
    pub until: i64,
    /// Set if the load was forecast to go off before the end of the night. `None` if nothing could be said.
    pub goes_off: Option<bool>,
    /// The time at which it was forecast to go off, if it was.
    pub expected: Option<Expected>,
}

impl NightForecast {
    /// Takes the forecast of the coming night from an assessment. `until` is the sunrise after the night.
    pub fn of(assessment: &Assessment, asked_at: AskedAt, until: i64) -> Self {
        let energy = &assessment.energy;
        let is_expected = energy.margin_hours.is_some_and(|margin| margin < 0.0);
        let off = energy.load_off.filter(|off| is_expected && off.when.expected_at < until);
        Self {
            node: assessment.node.clone(),
            at: assessment.at,
            asked_at,
            until,
            goes_off: energy.margin_hours.map(|_| off.is_some()),
            expected: off.map(|off| off.when),
        }
    }
}

/// The accuracy of forecasts of nights.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NightScore {
    /// The number of nights with a forecast.
    pub nights: u64,
    /// The number of nights about which nothing could be said.
    pub unknown: u64,
    /// The number of nights in which the load went off.
    pub seen: u64,
    /// The number of nights in which it was said to.
    pub said: u64,
    /// The number of nights in which both was so.
    pub right: u64,
    /// By how much the time was off in these nights, hours, in no order.
    pub errors: Vec<f64>,
    /// The number of these nights in which the time lay within the interval that was said.
    pub covered: u64,
}

impl NightScore {
    /// Takes in a forecast and when the load went off afterwards, if it did before the end of the night.
    pub fn add(&mut self, forecast: &NightForecast, went_off: Option<i64>) {
        let Some(goes_off) = forecast.goes_off else {
            self.unknown += 1;
            return;
        };
        self.nights += 1;
        self.said += u64::from(goes_off);
        let Some(went_off) = went_off else { return };
        self.seen += 1;
        if let Some(expected) = forecast.expected.filter(|_| goes_off) {
            self.right += 1;
            self.errors.push((expected.expected_at - went_off).abs() as f64 / 3600.0);
            self.covered += u64::from((expected.earliest..=expected.latest).contains(&went_off));
        }
    }

    /// Adds another score.
    pub fn merge(&mut self, other: Self) {
        self.nights += other.nights;
        self.unknown += other.unknown;
        self.seen += other.seen;
        self.said += other.said;
        self.right += other.right;
        self.errors.extend(other.errors);
        self.covered += other.covered;
    }

    /// Returns the share of the nights whose load went off that were said, or `None` if there were none.
    pub fn recall(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.right as f64 / self.seen as f64)
    }

    /// Returns the share of the nights that were said whose load did go off, or `None` if none were said.
    pub fn precision(&self) -> Option<f64> {
        (self.said > 0).then(|| self.right as f64 / self.said as f64)
    }

    /// Returns the share of the right forecasts whose interval held the truth, or `None` if there were none.
    pub fn coverage(&self) -> Option<f64> {
        (self.right > 0).then(|| self.covered as f64 / self.right as f64)
    }

    /// Returns a quantile of the errors of the time, hours, or `None` if there are none.
    pub fn error(&self, quantile: f64) -> Option<f64> {
        let mut errors = self.errors.clone();
        errors.sort_by(f64::total_cmp);
        let index = (quantile.clamp(0.0, 1.0) * errors.len().saturating_sub(1) as f64).round() as usize;
        errors.get(index).copied()
    }
}

/// Forecasts for a time that is long over, made as they would have been made then, and what happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backtest {
    /// The scores by the time of day of the forecasts.
    pub scores: BTreeMap<AskedAt, NightScore>,
    /// The same of each node.
    pub nodes: BTreeMap<NodeId, BTreeMap<AskedAt, NightScore>>,
}

impl Backtest {
    /// Forecasts every night of every node from one time on and before another (Unix seconds, UTC), at noon and three
    /// hours after sunset, from nothing but what was measured before, and compares with the holes in the measurements
    /// that begin near the cut-off. Cost: the measurements of that time, and of the month before it.
    pub async fn run(repository: &dyn Repository, from: i64, to: i64) -> Result<Self, RepositoryError> {
        let mut backtest = Self::default();
        let mut pending: Vec<NightForecast> = Vec::new();
        let mut histories: Vec<History> =
            repository.nodes().await?.iter().map(|node| History::new(node.id.clone())).collect();
        let mut read = from - LEAD_DAYS * 86_400;
        read_until(repository, &mut histories, read, from).await?;
        read = from;
        while let Some((at, asked_at, until)) = next_question(&histories, read, to) {
            read_until(repository, &mut histories, read, at).await?;
            read = at;
            if asked_at == AskedAt::Noon {
                backtest.settle(&mut pending, &histories, at);
            }
            let mesh = Mesh::of(&histories, at);
            for history in &histories {
                let evidence = Evidence { history, mesh: &mesh, at, usual_interval: None, previous: &[] };
                if history.latest().is_some() {
                    pending.push(NightForecast::of(&assess(&evidence), asked_at, until));
                }
            }
        }
        let end = pending.iter().map(|forecast| forecast.until).max().unwrap_or(to) + 86_400;
        read_until(repository, &mut histories, read, end).await?;
        backtest.settle(&mut pending, &histories, end);
        Ok(backtest)
    }

    /// Compares the forecasts whose night is over.
    fn settle(&mut self, pending: &mut Vec<NightForecast>, histories: &[History], now: i64) {
        let histories: BTreeMap<&NodeId, &History> =
            histories.iter().map(|history| (history.node(), history)).collect();
        for forecast in pending.extract_if(.., |forecast| forecast.until <= now) {
            let Some(history) = histories.get(&forecast.node) else { continue };
            // A node that was silent all the time shows nothing.
            if history.slots_between(forecast.at - 3600, forecast.until).all(|(_, slot)| slot.is_empty()) {
                continue;
            }
            let off = load_offs(history).into_iter().find(|off| (forecast.at..forecast.until).contains(off));
            self.scores.entry(forecast.asked_at).or_default().add(&forecast, off);
            let node = self.nodes.entry(forecast.node.clone()).or_default();
            node.entry(forecast.asked_at).or_default().add(&forecast, off);
        }
    }
}

/// Returns the next instant at which forecasts are asked for, and the sunrise after the night that they speak of.
fn next_question(histories: &[History], after: i64, to: i64) -> Option<(i64, AskedAt, i64)> {
    let sun = Mesh::middle(histories).or_else(|| Sun::at_place(0.0, 0.0))?;
    let noon = sun.next_noon(after);
    let evening = sun.next_set(after - AFTER_SUNSET).map(|set| set + AFTER_SUNSET).filter(|evening| *evening > after);
    let (at, asked_at) = match evening {
        Some(evening) if evening < noon => (evening, AskedAt::Evening),
        _ => (noon, AskedAt::Noon),
    };
    (at < to).then(|| (at, asked_at, sun.next_rise(at).unwrap_or(at + 43_200)))
}

/// Extends the histories by what was measured from one time on and before another.
async fn read_until(
    repository: &dyn Repository,
    histories: &mut [History],
    from: i64,
    to: i64,
) -> Result<(), RepositoryError> {
    for history in histories {
        read_more(repository, history, from, to).await?;
    }
    Ok(())
}
