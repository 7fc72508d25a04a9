//! Charts as SVG.
//!
//! A chart takes the width and height that the page gives it, and its text keeps its size in any: text and straight
//! lines are placed in percent of the plot, and the curves are in a picture inside it that is stretched. One unit of
//! this picture is a bucket across, and a round part of the value axis down. So a path consists of small whole numbers,
//! and a script can read the values from it.

mod downloads;
mod file;
mod forecast;
mod line;
mod path;
mod silences;
mod sparkline;
mod strip;
mod time_axis;
mod value_axis;

use std::ops::{Range, RangeInclusive};

use isems_insight::Silence;
use jiff::tz::TimeZone;
use maud::{Markup, PreEscaped, html};

pub use self::{
    downloads::Downloads,
    forecast::Forecast,
    line::{Limit, Line},
    sparkline::Sparkline,
    strip::{Strip, StripRow, StripSpan},
};
use self::{forecast::ForecastPaths, path::Path, time_axis::Tick, value_axis::ValueAxis};
use crate::{language::Language, percent::percent};

const DAY: i64 = 86_400;

/// The longest range in which nights are wide enough to be told apart, seconds.
const LONGEST_WITH_NIGHTS: i64 = 62 * DAY;

/// Values over a range of time.
///
/// Shows each line with the band between lowest and highest values, gaps as gaps with the causes of silences in them,
/// nights, a limit, and the forecast.
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    /// The id of the figure in the page. Other ids begin with it.
    pub id: &'a str,
    /// The title.
    pub title: &'a str,
    /// The unit of all values; empty if they have none.
    pub unit: &'a str,
    /// The times from the left edge to the right one, Unix seconds, UTC.
    pub range: Range<i64>,
    /// The width of a bucket, seconds, at least 1.
    pub interval: i64,
    /// The time zone of the axis.
    pub time_zone: TimeZone,
    /// The language.
    pub language: Language,
    /// The lines, the most important one first.
    pub lines: &'a [Line<'a>],
    /// The values that the axis covers in any case.
    pub covers: Option<RangeInclusive<f64>>,
    /// A value that should not be passed, such as the voltage at which the load is cut off.
    pub limit: Option<Limit<'a>>,
    /// The continuation of the first line.
    pub forecast: Option<Forecast<'a>>,
    /// The silences of the node that the first line shows.
    pub silences: &'a [Silence],
    /// The nights, Unix seconds, UTC: see [`nights`](crate::nights()). They are not drawn in ranges of over 62 days.
    pub nights: &'a [Range<i64>],
    /// The files that the figure offers to save.
    pub downloads: Option<Downloads<'a>>,
}

/// An edge of the plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Top,
    Bottom,
}

impl<'a> Chart<'a> {
    /// Makes a chart of a range of times without lines.
    pub fn new(
        id: &'a str,
        title: &'a str,
        range: Range<i64>,
        interval: i64,
        time_zone: TimeZone,
        language: Language,
    ) -> Self {
        Self {
            id,
            title,
            unit: "",
            range,
            interval,
            time_zone,
            language,
            lines: &[],
            covers: None,
            limit: None,
            forecast: None,
            silences: &[],
            nights: &[],
            downloads: None,
        }
    }

    /// Draws the chart as a figure with its title and, where colours need an explanation, a legend.
    pub fn figure(&self) -> Markup {
        let texts = self.language.texts();
        let key = |class: &str| html! { svg.key aria-hidden="true" { line.(class) x2="100%" y1="50%" y2="50%" {} } };
        html! {
            figure.chart id=(self.id) {
                figcaption {
                    (self.title)
                    @if !self.unit.is_empty() { " " span.unit { "(" (self.unit) ")" } }
                }
                (self.svg())
                @if let Some(downloads) = &self.downloads { (downloads.links(self.title)) }
                output.reading aria-live="off" {}
                @if self.needs_legend() {
                    ul.legend {
                        @for (number, line) in self.lines.iter().enumerate() {
                            li { (key(&format!("line line-{}", number + 1))) (line.label) }
                        }
                        @if self.forecast.is_some() { li { (key("forecast")) (texts.forecast) } }
                    }
                }
            }
        }
    }

    /// Draws the chart.
    pub fn svg(&self) -> Markup {
        let axis = self.value_axis();
        let (title, description) = (format!("{}-title", self.id), format!("{}-description", self.id));
        let forecast = self.forecast.as_ref().map(|forecast| ForecastPaths::new(forecast, self, &axis));
        let width = self.units(self.range.end) - self.units(self.range.start);
        // Bucket 0 is the one in which the range begins. Its middle is at 0.
        let view = format!(
            "{} {} {} {}",
            path::short(self.units(self.range.start)),
            -axis.margin(),
            path::short(width.max(0.1)),
            axis.height() + 2 * axis.margin()
        );
        html! {
            svg.plot role="img" aria-labelledby=(title) aria-describedby=(description)
                data-start=(self.first_bucket()) data-interval=(self.interval)
                data-from=(self.range.start) data-to=(self.range.end)
                data-top=(axis.top_text()) data-step=(axis.unit_text()) data-decimals=(axis.decimals_of_values())
                data-unit=(self.unit) data-zone=(self.zone_name())
                data-forecast=[self.forecast.map(|_| self.language.texts().forecast)] {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description(&axis)) }
                @if self.range.end - self.range.start <= LONGEST_WITH_NIGHTS { (self.night_path(&axis, &view)) }
                (self.silence_areas())
                g.values { (self.value_ticks(&axis)) }
                g.times { (self.time_ticks()) }
                svg.data viewBox=(view) preserveAspectRatio="none" {
                    @for (number, line) in self.lines.iter().enumerate().rev() {
                        (line.draw(number + 1, self, &axis))
                    }
                    @if let Some(forecast) = &forecast {
                        path.interval d=(forecast.interval) {}
                        path.forecast d=(forecast.expected) {}
                    }
                }
                @if let Some(limit) = &self.limit {
                    line.limit x2="100%" y1=(axis.place(limit.value)) y2=(axis.place(limit.value)) {}
                    text.limit x="100%" y=(axis.place(limit.value)) dx="-4" dy=(axis.beside(limit.value)) text-anchor="end" {
                        (limit.label)
                    }
                }
                (self.silence_labels())
                @for (place, words) in self.cut_off(&axis) {
                    text.cut-off x="0" y=(if place == Edge::Top { "0" } else { "100%" }) dx="4"
                        dy=(if place == Edge::Top { "1em" } else { "-.4em" }) { (words) }
                }
                @if self.is_empty() {
                    text.empty x="50%" y="50%" text-anchor="middle" { (self.language.texts().no_values) }
                }
            }
        }
    }

    fn needs_legend(&self) -> bool {
        self.lines.len() > 1 || self.forecast.is_some()
    }

    fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.within(&self.range, self.interval).next().is_none())
    }

    /// The start of the bucket in which the range begins, Unix seconds, UTC.
    fn first_bucket(&self) -> i64 {
        self.range.start.div_euclid(self.interval) * self.interval
    }

    /// Returns where a time is in the plot, in buckets from the middle of the first one.
    fn units(&self, time: i64) -> f64 {
        (time - self.first_bucket()) as f64 / self.interval as f64 - 0.5
    }

    /// Returns where a time is, as a share of the width.
    fn share(&self, time: i64) -> f64 {
        (time - self.range.start) as f64 / (self.range.end - self.range.start).max(1) as f64
    }

    /// Returns where a time is, in percent of the width.
    fn place(&self, time: i64) -> String {
        percent(self.share(time))
    }

    /// Returns the name of the time zone, or else its offset from UTC.
    fn zone_name(&self) -> String {
        if let Some(name) = self.time_zone.iana_name() {
            return name.into();
        }
        let minutes = self.time_zone.to_fixed_offset().map_or(0, |offset| offset.seconds() / 60);
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }

    /// Returns the values at both ends of every bucket.
    fn extremes(&self) -> impl Iterator<Item = f64> {
        let buckets = self.lines.iter().flat_map(|line| line.within(&self.range, self.interval));
        buckets.flat_map(|(_, bucket)| [bucket.min, bucket.max])
    }

    fn value_axis(&self) -> ValueAxis {
        let of_lines = value_axis::without_outliers(self.extremes().collect());
        let of_forecast = self.forecast.iter().flat_map(Forecast::values);
        let limit = self.limit.as_ref().map(|limit| limit.value);
        let covered = self.covers.iter().flat_map(|covered| [*covered.start(), *covered.end()]);
        ValueAxis::covering(of_lines.into_iter().chain(of_forecast).chain(limit).chain(covered))
    }

    /// Says which values lie beyond the edges of the plot, if any do.
    fn cut_off(&self, axis: &ValueAxis) -> Vec<(Edge, String)> {
        let (lowest, highest) = axis.edges();
        let texts = self.language.texts();
        let quantity = |value| self.language.quantity(value, axis.decimals_of_values(), self.unit);
        let above = self.extremes().filter(|value| *value > highest).reduce(f64::max);
        let below = self.extremes().filter(|value| *value < lowest).reduce(f64::min);
        let above = above.map(|value| (Edge::Top, (texts.cut_off_above)(&quantity(value))));
        let below = below.map(|value| (Edge::Bottom, (texts.cut_off_below)(&quantity(value))));
        above.into_iter().chain(below).collect()
    }

    fn night_path(&self, axis: &ValueAxis, view: &str) -> Markup {
        let mut path = Path::default();
        for night in self.nights {
            let (from, to) = (night.start.max(self.range.start), night.end.min(self.range.end));
            if from < to {
                let (from, to) = (self.units(from), self.units(to));
                path.rectangle((from, -axis.margin()), (to - from, axis.height() + 2 * axis.margin()));
            }
        }
        html! {
            @if !path.is_empty() {
                svg viewBox=(view) preserveAspectRatio="none" {
                    path.night d=(path) { title { (self.language.texts().night) } }
                }
            }
        }
    }

    fn value_ticks(&self, axis: &ValueAxis) -> Markup {
        let top = axis.ticks().last();
        html! {
            @for tick in axis.ticks() {
                @let place = axis.place(tick);
                @let unit = if Some(tick) == top { self.unit } else { "" };
                line x2="100%" y1=(place) y2=(place) {}
                text y=(place) dx="-6" dy=".35em" { (self.language.quantity(tick, axis.decimals(), unit)) }
            }
        }
    }

    fn time_ticks(&self) -> Markup {
        html! {
            @for Tick { at, label, is_fine } in time_axis::ticks(self.range.clone(), &self.time_zone, self.language) {
                @let place = self.place(at);
                g class=[is_fine.then_some("fine")] {
                    line x1=(place) x2=(place) y2="100%" {}
                    text x=(place) y="100%" dy="1.4em" { (label) }
                }
            }
        }
    }

    /// Says in words what the chart shows.
    fn description(&self, axis: &ValueAxis) -> String {
        let texts = self.language.texts();
        let quantity = |value| self.language.quantity(value, axis.decimals_of_values(), self.unit);
        let moment = |time| self.language.moment(time, &self.time_zone);
        let mut sentences =
            vec![(texts.from_to)(&moment(self.range.start), &moment(self.range.end), &self.zone_name())];
        for line in self.lines {
            if let Some((all, last)) = line.summary(&self.range, self.interval) {
                let average = all.average().unwrap_or(last);
                let [low, high, average, last] = [all.min, all.max, average, last].map(quantity);
                sentences.push((texts.course)(line.label, &low, &high, &average, &last));
            }
        }
        if let Some(limit) = &self.limit {
            sentences.push(format!("{}.", limit.label));
        }
        sentences.extend(self.cut_off(axis).into_iter().map(|(_, words)| format!("{words}.")));
        sentences.extend(self.silences_in_words());
        if let Some([earliest, expected, latest]) = self.forecast.as_ref().and_then(Forecast::ends) {
            let value = quantity(expected.1);
            sentences.push((texts.expected)(&value, &moment(expected.0), &moment(earliest.0), &moment(latest.0)));
        }
        if self.is_empty() {
            sentences.push(format!("{}.", texts.no_values));
        }
        sentences.join(" ")
    }
}

/// Path data is digits and letters that need no escaping.
impl maud::Render for Path {
    fn render(&self) -> Markup {
        PreEscaped(self.as_str().to_owned())
    }
}
