//! Strips: silences and findings over time.

use std::ops::Range;

use isems_insight::FindingSeverity;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::time_axis::{self, Tick};
use crate::{language::Language, percent::percent};

/// The height of a row, and within it the place of its bar and the bar's height, rem.
const ROW: f64 = 2.5;
const BAR: (f64, f64) = (1.25, 1.0);

/// The narrowest bar that can be seen, as a share of the width.
const NARROWEST: f64 = 0.003;

/// The silences and findings of a node over a range of time, below its charts.
#[derive(Debug, Clone)]
pub struct Strip<'a> {
    /// The id of the figure in the page. Other ids begin with it.
    pub id: &'a str,
    /// The title.
    pub title: &'a str,
    /// The times from the left edge to the right one, Unix seconds, UTC.
    pub range: Range<i64>,
    /// The time zone of the axis.
    pub time_zone: TimeZone,
    /// The language.
    pub language: Language,
    /// The rows, from above.
    pub rows: &'a [StripRow<'a>],
}

/// A row of a strip: everything of one kind.
#[derive(Debug, Clone, Copy)]
pub struct StripRow<'a> {
    /// The label.
    pub label: &'a str,
    /// The spans, in any order.
    pub spans: &'a [StripSpan<'a>],
}

/// Something that lasted for a time.
#[derive(Debug, Clone, Copy)]
pub struct StripSpan<'a> {
    /// When it began, Unix seconds, UTC.
    pub from: i64,
    /// When it ended, Unix seconds, UTC; `None` while it lasts.
    pub to: Option<i64>,
    /// The severity, shown by colour and by the height of the bar.
    pub severity: FindingSeverity,
    /// The name of it, in a few words.
    pub text: &'a str,
}

impl Strip<'_> {
    /// Draws the strip as a figure with its title.
    pub fn figure(&self) -> Markup {
        html! {
            figure.chart id=(self.id) {
                figcaption { (self.title) }
                (self.svg())
            }
        }
    }

    /// Draws the strip.
    pub fn svg(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-description", self.id));
        html! {
            svg.strip role="img" aria-labelledby=(title) aria-describedby=(description)
                height={ (ROW * self.rows.len() as f64) "rem" } {
                title id=(title) { (self.title) }
                desc id=(description) { (self.in_words()) }
                g.times {
                    @for Tick { at, label, is_fine } in
                        time_axis::ticks(self.range.clone(), &self.time_zone, self.language) {
                        @let place = percent(self.share(at));
                        g class=[is_fine.then_some("fine")] {
                            line x1=(place) x2=(place) y2="100%" {}
                            text x=(place) y="100%" dy="1.4em" { (label) }
                        }
                    }
                }
                @for (number, row) in self.rows.iter().enumerate() {
                    (self.row(row, ROW * number as f64))
                }
            }
        }
    }

    fn row(&self, row: &StripRow<'_>, top: f64) -> Markup {
        html! {
            text.row y={ (top + BAR.0 - 0.25) "rem" } { (row.label) }
            line.base x2="100%" y1={ (top + BAR.0 + BAR.1) "rem" } y2={ (top + BAR.0 + BAR.1) "rem" } {}
            @for (span, from, to) in row.spans.iter().filter_map(|span| self.part(span)) {
                @let height = BAR.1 * match span.severity {
                    FindingSeverity::Info => 0.4,
                    FindingSeverity::Attention => 0.7,
                    FindingSeverity::Urgent => 1.0,
                };
                @let width = (to - from).max(NARROWEST);
                rect class=(span.severity.name()) x=(percent(from)) width=(percent(width))
                    y={ (rem(top + BAR.0 + BAR.1 - height)) } height={ (rem(height)) } {
                    title { (self.span_in_words(span)) }
                }
            }
        }
    }

    /// Returns the part of a span that lies in the range, as shares of the width.
    fn part<'a>(&self, span: &'a StripSpan<'a>) -> Option<(&'a StripSpan<'a>, f64, f64)> {
        let to = span.to.unwrap_or(self.range.end).min(self.range.end);
        let from = span.from.max(self.range.start);
        (from <= to).then(|| (span, self.share(from), self.share(to)))
    }

    /// Returns where a time is, as a share of the width.
    fn share(&self, time: i64) -> f64 {
        (time - self.range.start) as f64 / (self.range.end - self.range.start).max(1) as f64
    }

    fn span_in_words(&self, span: &StripSpan<'_>) -> String {
        let moment = |time| self.language.moment(time, &self.time_zone);
        let to = span.to.map(moment);
        (self.language.texts().lasted)(span.text, &moment(span.from), to.as_deref())
    }

    /// Says in words what happened.
    fn in_words(&self) -> String {
        let sentences = |row: &StripRow<'_>| {
            let spans: Vec<_> = row.spans.iter().filter_map(|span| self.part(span)).collect();
            let words = spans.iter().map(|(span, ..)| self.span_in_words(span)).collect::<Vec<_>>().join(" ");
            format!("{}: {}", row.label, if spans.is_empty() { "\u{2013}" } else { &words })
        };
        self.rows.iter().map(sentences).collect::<Vec<_>>().join(" ")
    }
}

fn rem(number: f64) -> String {
    format!("{}rem", (number * 100.0).round() / 100.0)
}
