//! The possible futures of the next 48 hours, as weighted cases.

use crate::{
    Evidence, Expected, Slot, UnknownReason,
    nights::Night,
    reserve::{Reserve, resting_voltage},
    statistics::median,
};

/// The time to look ahead, seconds.
pub(crate) const AHEAD: i64 = 48 * 3600;

/// Cases of the speed of a night that are equally likely, in standard deviations.
const SPEEDS: [f64; 7] = [-1.465, -0.792, -0.366, 0.0, 0.366, 0.792, 1.465];

/// The deviation of the moment itself, seconds: noise decides in which minute the voltage is first below the cut-off.
const MOMENT: f64 = 150.0;

/// The age at which a day's weather counts half for days to come, days.
const WEATHER_HALF_LIFE: f64 = 4.0;

/// The age at which a day counts half as a likeness of today, days.
const LIKENESS_HALF_LIFE: f64 = 20.0;

/// The time after sunrise at which charging is taken to begin until mornings were seen, seconds.
const ASSUMED_LAG: f64 = 5400.0;

const DAY: f64 = 86_400.0;

/// A value with its weight.
pub(crate) type Weighted = (f64, f64);

/// The battery's charge, and when the load may go off.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    /// The time that the load can run from the instant on without sun, seconds.
    pub(crate) left: f64,
    /// When the coming night, or this one, ends, most likely.
    pub(crate) dawn: i64,
    /// When the load would go off without sun, most likely.
    pub(crate) empty: i64,
    /// The probability that the load goes off before the end of that night.
    pub(crate) tonight: f64,
    /// The probability that it goes off within the time ahead.
    pub(crate) ahead: f64,
    /// The moments at which it goes off: of the coming night if that is the likelier one, else of the one after it.
    pub(crate) off: Option<Expected>,
    /// The probability that it goes off within twelve hours.
    pub(crate) soon: f64,
}

/// A day between two nights, as an example of what a day can bring.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// The beginning of the day: the end of the night before it.
    dawn: i64,
    /// The time that the load could still run at dawn, seconds.
    left_at_dawn: f64,
    /// The time that the day added, seconds.
    gain: f64,
}

impl Outlook {
    /// Looks ahead from the evidence. The error is the reason why nothing can be said.
    pub(crate) fn of(evidence: &Evidence<'_>, reserve: &Reserve) -> Result<Self, UnknownReason> {
        let at = evidence.at;
        let days = days(reserve);
        let tonight = reserve.tonight.as_ref();
        let resting = tonight.and_then(|tonight| Some((tonight, resting_voltage(evidence.history, tonight, at)?)));
        // When the load goes off without further sun, by cases, and what it can run from now on.
        let (begin, left, cases) = if let Some((tonight, (time, voltage))) = resting {
            let left = reserve.curve.seconds_left(voltage) * tonight.pace();
            let since = (at - time) as f64;
            (at, (left - since).max(0.0), vec![(left - since, 1.0)])
        } else {
            let dawn = reserve.nights.iter().rev().find(|night| night.left_at_dawn.is_some());
            let Some((night, left_at_dawn)) = dawn.and_then(|night| Some((night, night.left_at_dawn?))) else {
                return Err(UnknownReason::NoNight);
            };
            let begin_of_day = night.load_on.or(night.end).unwrap_or(night.begin);
            if (at - begin_of_day) as f64 > 1.5 * DAY {
                return Err(UnknownReason::LastNight);
            }
            let gains = likely_gains(evidence, reserve, &days, begin_of_day, left_at_dawn);
            if gains.is_empty() {
                return Err(UnknownReason::NoDay);
            }
            let dusk = tonight.map_or_else(|| dusk_after(reserve, at.max(begin_of_day)), |tonight| tonight.begin);
            let full = reserve.full;
            let width = kernel_width(&gains);
            let around = |(gain, weight): &Weighted| {
                [-1.2, 0.0, 1.2].map(|place| ((left_at_dawn + gain + place * width).clamp(0.0, full), weight / 3.0))
            };
            let cases: Vec<Weighted> = gains.iter().flat_map(around).collect();
            let share = elapsed_share(begin_of_day, dusk, at);
            let left = (left_at_dawn + mean(&gains) * share).clamp(0.0, full);
            (dusk, left, cases)
        };
        Ok(Self::from_cases(evidence, reserve, &days, begin, left, &cases))
    }

    fn from_cases(
        evidence: &Evidence<'_>,
        reserve: &Reserve,
        days: &[Sample],
        begin: i64,
        left: f64,
        cases: &[Weighted],
    ) -> Self {
        let at = evidence.at;
        let rise = reserve.rise_after(begin.max(at));
        let lags = lags(reserve, at);
        let next_gains = recent_gains(reserve, days, at);
        let next_dusk = dusk_after(reserve, rise);
        let rise_after_next = reserve.rise_after(next_dusk);
        let (mut tonight, mut later, mut none) = (Vec::new(), Vec::new(), 0.0);
        for (case, case_weight) in cases {
            for speed in SPEEDS {
                let pace = (reserve.spread * speed).exp();
                let off = begin as f64 + case * pace + speed * MOMENT;
                let weight = case_weight / SPEEDS.len() as f64;
                for (lag, lag_weight) in &lags {
                    let dawn = rise as f64 + lag;
                    let weight = weight * lag_weight;
                    if off < dawn {
                        tonight.push((off, weight));
                        continue;
                    }
                    let left_at_dawn = (off - dawn) / pace;
                    // A day on which it never charges has no dusk of its own.
                    let dusk = dawn.max(next_dusk as f64);
                    let next_dawn = rise_after_next as f64 + lag;
                    for (gain, gain_weight) in &next_gains {
                        let weight = weight * gain_weight;
                        let off = dusk + (left_at_dawn + gain).min(reserve.full) * pace;
                        if off < next_dawn && off < (at + AHEAD) as f64 {
                            later.push((off.max(dawn), weight));
                        } else {
                            none += weight;
                        }
                    }
                }
            }
        }
        let weight = |cases: &[Weighted]| cases.iter().map(|(_, weight)| weight).sum::<f64>();
        let (weight_tonight, weight_later) = (weight(&tonight), weight(&later));
        let total = (weight_tonight + weight_later + none).max(f64::MIN_POSITIVE);
        let soon: f64 =
            tonight.iter().filter(|(off, _)| *off < (at + AHEAD / 4) as f64).map(|(_, weight)| weight).sum();
        let likelier = if weight_tonight >= weight_later { &mut tonight } else { &mut later };
        let off = expected(likelier, at);
        let mean_case = mean(cases);
        Self {
            left,
            dawn: rise + mean(&lags) as i64,
            empty: begin + mean_case as i64,
            tonight: weight_tonight / total,
            ahead: (weight_tonight + weight_later) / total,
            off,
            soon: soon / total,
        }
    }
}

/// The weighted mean.
fn mean(values: &[Weighted]) -> f64 {
    let weight: f64 = values.iter().map(|(_, weight)| weight).sum();
    if weight > 0.0 { values.iter().map(|(value, weight)| value * weight).sum::<f64>() / weight } else { 0.0 }
}

/// The width of the kernel that makes a smooth distribution of some samples, by Silverman's rule: 1.06 standard
/// deviations by the fifth root of their number.
fn kernel_width(samples: &[Weighted]) -> f64 {
    let middle = mean(samples);
    let squares: Vec<Weighted> = samples.iter().map(|(value, weight)| ((value - middle).powi(2), *weight)).collect();
    // Samples with small weights hardly count.
    let number = 1.0 / samples.iter().map(|(_, weight)| weight * weight).sum::<f64>().max(f64::MIN_POSITIVE);
    1.06 * mean(&squares).sqrt() * number.max(1.0).powf(-0.2)
}

/// The median of weighted instants and the interval that holds 80 % of them, none of them before `at`.
pub(crate) fn expected(instants: &mut [Weighted], at: i64) -> Option<Expected> {
    instants.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = instants.iter().map(|(_, weight)| weight).sum();
    if total <= 0.0 {
        return None;
    }
    let quantile = |share: f64| {
        let mut sum = 0.0;
        let found = instants.iter().find(|(_, weight)| {
            sum += weight;
            sum >= share * total
        });
        found.or(instants.last()).map_or(at, |(instant, _)| (*instant as i64).max(at))
    };
    Some(Expected { expected_at: quantile(0.5), earliest: quantile(0.1), latest: quantile(0.9) })
}

/// Returns the times from sunrise to the start of charging on past mornings, with weights that add up to 1.
fn lags(reserve: &Reserve, at: i64) -> Vec<Weighted> {
    let lag = |night: &Night| Some((night.begin, (night.end? - reserve.rise_after(night.begin)) as f64));
    let seen: Vec<Weighted> = reserve
        .nights
        .iter()
        .filter_map(lag)
        .map(|(begin, lag)| (lag.clamp(-3600.0, DAY), halved((at - begin) as f64 / DAY, WEATHER_HALF_LIFE)))
        .collect();
    normalized(seen, (ASSUMED_LAG, 0.3))
}

/// When charging usually ends on the day of a time.
fn dusk_after(reserve: &Reserve, time: i64) -> i64 {
    let mut offsets: Vec<f64> = reserve
        .nights
        .iter()
        .filter(|night| night.load_off.is_none() || night.left_at_dusk > 3600.0)
        // The sunset of the day on which it began, from six hours before to a day after.
        .map(|night| (night.begin - reserve.set_after(night.begin - 6 * 3600)) as f64)
        .filter(|offset| (-6.0 * 3600.0..2.0 * 3600.0).contains(offset))
        .collect();
    reserve.set_after(time) + median(&mut offsets).unwrap_or(-1800.0) as i64
}

/// The days between nights.
fn days(reserve: &Reserve) -> Vec<Sample> {
    let pairs = reserve.nights.windows(2);
    let samples = pairs.filter_map(|pair| {
        let left_at_dawn = pair[0].left_at_dawn?;
        let dawn = pair[0].load_on.or(pair[0].end)?;
        let day = (pair[1].begin - dawn) as f64;
        let is_day = (0.1 * DAY..0.9 * DAY).contains(&day);
        is_day.then(|| Sample { dawn, left_at_dawn, gain: pair[1].left_at_dusk - left_at_dawn })
    });
    samples.collect()
}

/// Returns what coming days may add, judging by past days, above all the latest ones, because weather lasts. A day that
/// filled the battery could have added more.
fn recent_gains(reserve: &Reserve, days: &[Sample], at: i64) -> Vec<Weighted> {
    let gains = days.iter().map(|day| {
        let is_full = day.left_at_dawn + day.gain > 0.9 * reserve.full;
        let gain = if is_full { day.gain.max(0.5 * reserve.full) } else { day.gain };
        (gain, halved((at - day.dawn) as f64 / DAY, WEATHER_HALF_LIFE))
    });
    normalized(gains.collect(), (0.3 * reserve.full, 0.1))
}

/// Returns what today may add, judging by the days that went like today so far.
fn likely_gains(
    evidence: &Evidence<'_>,
    reserve: &Reserve,
    days: &[Sample],
    dawn: i64,
    left_at_dawn: f64,
) -> Vec<Weighted> {
    let at = evidence.at;
    let today = Course::of(evidence, dawn, at);
    let likely = days.iter().map(|day| {
        let until = day.dawn + (at - dawn);
        let distance = today.distance(&Course::of(evidence, day.dawn, until)).powi(2)
            + ((left_at_dawn - day.left_at_dawn) / (0.3 * reserve.full)).powi(2);
        let likeness = (-0.5 * distance).exp() + 0.01;
        (day.gain, likeness * halved((at - day.dawn) as f64 / DAY, LIKENESS_HALF_LIFE))
    });
    let likely: Vec<Weighted> = likely.collect();
    if likely.is_empty() { likely } else { normalized(likely, (0.0, 0.0)) }
}

/// The course of a day up to a time.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// The share of the time in which the panel charged.
    charging: f64,
    /// The average rise of the voltage, V.
    rise: f64,
    /// The rise of the voltage at the end, V.
    risen: f64,
}

impl Course {
    fn of(evidence: &Evidence<'_>, dawn: i64, until: i64) -> Self {
        let voltages: Vec<(f64, bool)> = evidence
            .history
            .slots_between(dawn - Slot::SECONDS, until)
            .filter_map(|(_, slot)| Some((slot.battery_voltage()?, slot.is_charging()?)))
            .collect();
        let Some((first, _)) = voltages.first() else { return Self { charging: 0.0, rise: 0.0, risen: 0.0 } };
        let count = voltages.len() as f64;
        let newest = &voltages[voltages.len().saturating_sub(3)..];
        Self {
            charging: voltages.iter().filter(|(_, is_charging)| *is_charging).count() as f64 / count,
            rise: voltages.iter().map(|(voltage, _)| voltage - first).sum::<f64>() / count,
            risen: newest.iter().map(|(voltage, _)| voltage - first).sum::<f64>() / newest.len() as f64,
        }
    }

    /// Returns the dissimilarity to another day; 1 is a difference that matters.
    fn distance(&self, other: &Self) -> f64 {
        let charging = (self.charging - other.charging) / 0.25;
        let rise = (self.rise - other.rise) / 0.12;
        let risen = (self.risen - other.risen) / 0.25;
        (charging * charging + rise * rise + risen * risen).sqrt()
    }
}

/// The share of the day's sun that has shone, taken as a half wave from dawn to dusk.
fn elapsed_share(dawn: i64, dusk: i64, at: i64) -> f64 {
    let share = (at - dawn) as f64 / (dusk - dawn).max(1) as f64;
    0.5 - 0.5 * (share.clamp(0.0, 1.0) * std::f64::consts::PI).cos()
}

fn halved(age: f64, half_life: f64) -> f64 {
    0.5_f64.powf(age.max(0.0) / half_life)
}

/// Adds what is assumed to what was seen, and makes the weights add up to 1.
fn normalized(mut values: Vec<Weighted>, assumed: Weighted) -> Vec<Weighted> {
    if assumed.1 > 0.0 {
        values.push(assumed);
    }
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    for (_, weight) in &mut values {
        *weight /= total;
    }
    values
}
