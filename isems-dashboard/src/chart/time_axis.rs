//! The axis of time.

use std::ops::Range;

use jiff::{ToSpan, ZonedDateTime, civil::Date, tz::TimeZone};

use crate::language::{Language, zoned};

/// The largest number of ticks on a phone, and on a screen.
const MOST: [i64; 2] = [5, 13];

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// A distance between ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Minutes(i64),
    Hours(i64),
    Days(i64),
    /// From Monday to Monday.
    Week,
    /// From the first day of a month in steps of days, but not the 31st.
    DaysOfMonth(i64),
    Months(i64),
    Years(i64),
}

/// The distances, in ascending order.
const STEPS: [Step; 27] = [
    Step::Minutes(1),
    Step::Minutes(2),
    Step::Minutes(5),
    Step::Minutes(10),
    Step::Minutes(15),
    Step::Minutes(30),
    Step::Hours(1),
    Step::Hours(2),
    Step::Hours(3),
    Step::Hours(6),
    Step::Hours(12),
    Step::Days(1),
    Step::Days(2),
    Step::Week,
    Step::DaysOfMonth(10),
    Step::DaysOfMonth(15),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Years(1),
    Step::Years(2),
    Step::Years(5),
    Step::Years(10),
    Step::Years(20),
    Step::Years(50),
    Step::Years(100),
];

impl Step {
    /// Returns the usual length, seconds.
    fn length(self) -> i64 {
        match self {
            Self::Minutes(count) => count * MINUTE,
            Self::Hours(count) => count * HOUR,
            Self::Days(count) | Self::DaysOfMonth(count) => count * DAY,
            Self::Week => 7 * DAY,
            Self::Months(count) => count * 30 * DAY,
            Self::Years(count) => count * 365 * DAY,
        }
    }

    /// Returns whether a tick lies at a local time, which is a whole minute.
    fn includes(self, time: &ZonedDateTime) -> bool {
        let date = time.date();
        let (hour, minute) = (i64::from(time.hour()), i64::from(time.minute()));
        let month = i64::from(date.month()) - 1;
        match self {
            Self::Minutes(count) => minute % count == 0,
            Self::Hours(count) => (minute == 0 && hour % count == 0) || is_start_of_day(time),
            Self::Days(count) => is_start_of_day(time) && day_number(date) % count == 0,
            Self::Week => is_start_of_day(time) && date.weekday().to_monday_zero_offset() == 0,
            Self::DaysOfMonth(count) => {
                is_start_of_day(time) && date.day() < 31 && (i64::from(date.day()) - 1) % count == 0
            }
            Self::Months(count) => is_start_of_day(time) && date.day() == 1 && month % count == 0,
            Self::Years(count) => {
                is_start_of_day(time) && date.day() == 1 && month == 0 && i64::from(date.year()) % count == 0
            }
        }
    }

    /// Returns whether a finer step has all ticks that this one has.
    fn is_refined_by(self, finer: Self) -> bool {
        match (self, finer) {
            (Self::Minutes(coarse), Self::Minutes(fine))
            | (Self::Hours(coarse), Self::Hours(fine))
            | (Self::Days(coarse), Self::Days(fine))
            | (Self::DaysOfMonth(coarse), Self::DaysOfMonth(fine))
            | (Self::Months(coarse), Self::Months(fine))
            | (Self::Years(coarse), Self::Years(fine)) => coarse % fine == 0,
            (Self::Week, other) => other == Self::Days(1) || other.length() < DAY,
            (_, other) => other != Self::Week && other != Self::Days(2),
        }
    }

    /// Returns all times of ticks in a range.
    fn times(self, range: &Range<i64>, zone: &TimeZone) -> Vec<ZonedDateTime> {
        let (first, last) = (zoned(range.start, zone), zoned(range.end, zone));
        let times: Vec<ZonedDateTime> = match self {
            Self::Minutes(_) | Self::Hours(_) => {
                // Every time zone of today is a multiple of 15 minutes away from UTC, so that multiples of 10 minutes
                // there may be multiples of 5 here.
                let grid = match self {
                    Self::Minutes(1 | 2) => MINUTE,
                    Self::Minutes(5 | 10) => 5 * MINUTE,
                    _ => 15 * MINUTE,
                };
                let begin = range.start.div_euclid(grid) * grid;
                (begin..=range.end).step_by(grid as usize).map(|time| zoned(time, zone)).collect()
            }
            Self::Days(_) | Self::Week | Self::DaysOfMonth(_) => {
                let days = first.date().series(1.day()).take_while(|day| *day <= last.date());
                days.filter_map(|day| day.to_zoned_datetime(zone.clone()).ok()).collect()
            }
            Self::Months(_) | Self::Years(_) => {
                let months = first.date().first_of_month().series(1.month()).take_while(|day| *day <= last.date());
                months.filter_map(|day| day.to_zoned_datetime(zone.clone()).ok()).collect()
            }
        };
        let in_range = |time: &ZonedDateTime| (range.start..=range.end).contains(&time.timestamp().as_second());
        times.into_iter().filter(|time| in_range(time) && self.includes(time)).collect()
    }
}

/// A tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    /// Unix seconds, UTC.
    pub(super) at: i64,
    pub(super) label: String,
    /// Only a screen has room for it.
    pub(super) is_fine: bool,
}

/// Returns the ticks of a range, at whole local times.
pub(super) fn ticks(range: Range<i64>, zone: &TimeZone, language: Language) -> Vec<Tick> {
    let span = range.end - range.start;
    let fits = |most: i64| move |step: &Step| span / step.length() <= most;
    let coarse = STEPS.into_iter().find(fits(MOST[0])).unwrap_or(STEPS[STEPS.len() - 1]);
    let refined = |step: &Step| *step == coarse || coarse.is_refined_by(*step);
    let fine = STEPS.into_iter().filter(refined).find(fits(MOST[1])).unwrap_or(coarse);
    let mut ticks: Vec<Tick> = Vec::new();
    for time in fine.times(&range, zone) {
        let at = time.timestamp().as_second();
        // In autumn an hour comes twice: there is room for both only if every hour has a tick.
        if ticks.last().is_some_and(|last| (at - last.at) * 3 < fine.length() * 2) {
            continue;
        }
        ticks.push(Tick { at, label: label(&time, fine, language), is_fine: !coarse.includes(&time) });
    }
    ticks
}

fn label(time: &ZonedDateTime, step: Step, language: Language) -> String {
    let date = time.date();
    match step {
        Step::Minutes(_) | Step::Hours(_) if !is_start_of_day(time) => language.clock(time),
        Step::Months(_) if date.month() > 1 => language.month(date).into(),
        Step::Months(_) | Step::Years(_) => date.year().to_string(),
        _ => language.day(date),
    }
}

/// Some days begin at one o'clock, where summer time begins at midnight.
fn is_start_of_day(time: &ZonedDateTime) -> bool {
    time.start_of_day().is_ok_and(|start| start == *time)
}

fn day_number(date: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    date.since(epoch).map_or(0, |span| i64::from(span.get_days()))
}
