//! The languages of the page, and how they write numbers and times.

use isems_insight::FindingValue;
use jiff::{Timestamp, ZonedDateTime, civil::Date, tz::TimeZone};

use crate::texts::{ENGLISH, Fact, GERMAN, Texts};

const DAY: i64 = 86_400;

/// Times as far away as this are said without their day, seconds.
const NEAR: i64 = 16 * 3600;

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Returns the tag for the attribute `lang`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Returns the texts.
    pub fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }

    /// Returns a number with a fixed number of decimals.
    pub fn number(self, number: f64, decimals: usize) -> String {
        let text = format!("{number:.decimals$}");
        let (sign, digits) = match text.strip_prefix('-') {
            // What rounds to zero has no sign.
            Some(digits) if digits.bytes().all(|digit| matches!(digit, b'0' | b'.')) => ("", digits),
            Some(digits) => ("\u{2212}", digits),
            None => ("", text.as_str()),
        };
        match self {
            Self::English => format!("{sign}{digits}"),
            Self::German => format!("{sign}{}", digits.replace('.', ",")),
        }
    }

    /// Returns a count, with its digits in groups of three.
    pub fn grouped(self, count: u64) -> String {
        let digits = count.to_string();
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push('\u{202f}');
            }
            text.push(digit);
        }
        text
    }

    /// Returns a number with its unit, joined so that no line breaks between them.
    pub fn quantity(self, number: f64, decimals: usize, unit: &str) -> String {
        let number = self.number(number, decimals);
        if unit.is_empty() { number } else { format!("{number}\u{a0}{unit}") }
    }

    /// Returns a round distance, given in metres.
    pub fn distance(self, metres: f64) -> String {
        if metres < 1000.0 { self.quantity(metres, 0, "m") } else { self.quantity(metres / 1000.0, 0, "km") }
    }

    /// Returns the time of day.
    pub fn clock(self, time: &ZonedDateTime) -> String {
        format!("{:02}:{:02}", time.hour(), time.minute())
    }

    /// Returns a day without its year, as briefly as possible.
    pub fn day(self, date: Date) -> String {
        match self {
            Self::English => format!("{} {}", date.day(), self.month(date)),
            Self::German => format!("{}.{}.", date.day(), date.month()),
        }
    }

    /// Returns a day with its year.
    pub fn date(self, date: Date) -> String {
        match self {
            Self::English => format!("{} {}", self.day(date), date.year()),
            Self::German => format!("{}{}", self.day(date), date.year()),
        }
    }

    /// Returns the short name of a day's month.
    pub fn month(self, date: Date) -> &'static str {
        self.texts().months[date.month() as usize - 1]
    }

    /// Returns the short name of a day of the week.
    pub fn weekday(self, date: Date) -> &'static str {
        self.texts().weekdays[date.weekday().to_monday_zero_offset() as usize]
    }

    /// Returns a time, Unix seconds, UTC, in a time zone, as briefly as is clear to somebody who reads it at `now`.
    pub fn when(self, time: i64, now: i64, zone: &TimeZone) -> String {
        let away = (time - now).abs();
        let (at, now) = (zoned(time, zone), zoned(now, zone));
        let (clock, day) = (self.clock(&at), self.day(at.date()));
        if at.date() == now.date() || away < NEAR {
            clock
        } else if away < 6 * DAY {
            format!("{} {clock}", self.weekday(at.date()))
        } else if away < 300 * DAY {
            format!("{day} {clock}")
        } else {
            self.date(at.date())
        }
    }

    /// Returns a figure of a finding, by its name in JSON, with its label, as it is read at `now` in a time zone.
    /// Figures that only programs need have none.
    pub fn fact(self, name: &str, value: &FindingValue, now: i64, zone: &TimeZone) -> Option<String> {
        let pages = self.texts().pages;
        if name == "cover" {
            return Some(pages.snow.into());
        }
        let Fact { label, unit, decimals } = (pages.fact)(name)?;
        let value = match value {
            FindingValue::Number(number) => self.quantity(*number, decimals, unit),
            FindingValue::Time(time) => self.when(*time, now, zone),
            FindingValue::Text(text) => text.clone(),
        };
        Some(format!("{label}: {value}"))
    }

    /// Returns a moment, Unix seconds, UTC, as a day of the week, day and time of day in a time zone.
    pub fn moment(self, time: i64, zone: &TimeZone) -> String {
        let time = zoned(time, zone);
        format!("{} {} {}", self.weekday(time.date()), self.day(time.date()), self.clock(&time))
    }
}

/// Returns a moment, Unix seconds, UTC, in a time zone.
pub(crate) fn zoned(time: i64, zone: &TimeZone) -> ZonedDateTime {
    ZonedDateTime::new(Timestamp::from_second(time).unwrap_or(Timestamp::MAX), zone.clone())
}
