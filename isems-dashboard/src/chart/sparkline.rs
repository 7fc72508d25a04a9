//! Sparklines.

use std::ops::RangeInclusive;

use maud::{Markup, html};

use super::path::Path;

/// The units from the highest value to the lowest. Such a picture is about as many pixels high.
const HEIGHT: f64 = 20.0;

/// The course of a value in the size of a word, without axes.
#[derive(Debug, Clone)]
pub struct Sparkline<'a> {
    /// The values at equal distances, such as every half hour of a day. `None` where nothing was measured.
    pub values: &'a [Option<f64>],
    /// The values from the lower edge to the upper one.
    pub covers: RangeInclusive<f64>,
    /// The course in words, for those who do not see it.
    pub label: &'a str,
}

impl Sparkline<'_> {
    /// Draws the sparkline.
    pub fn svg(&self) -> Markup {
        let (low, high) = (*self.covers.start(), *self.covers.end());
        let span = if high > low { high - low } else { 1.0 };
        let height = |value: f64| ((high - value) / span * HEIGHT).round().clamp(0.0, HEIGHT) as i64;
        let mut path = Path::default();
        let mut place = 0;
        for piece in self.values.split(Option::is_none) {
            let values = piece.iter().flatten().zip(place..);
            path.line(&values.map(|(value, place)| (place, height(*value))).collect::<Vec<_>>());
            place += piece.len() as i64 + 1;
        }
        let view = format!("0 -1 {} {}", self.values.len().saturating_sub(1).max(1), HEIGHT + 2.0);
        html! {
            svg.spark role="img" aria-label=(self.label) viewBox=(view) preserveAspectRatio="none" { path d=(path) {} }
        }
    }
}
