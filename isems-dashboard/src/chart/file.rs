//! A chart as a file of its own.

use maud::{Markup, html};

use super::Chart;

/// The looks of charts, in a page and in a file.
const STYLE: &str = include_str!("../../assets/chart.css");

impl Chart<'_> {
    /// Draws the chart as an SVG file, with its looks in it.
    pub fn file(&self) -> String {
        let plot = self.svg().into_string();
        let plot = plot.trim_start_matches("<svg class=\"plot\"");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart file\" width=\"960\" height=\"320\" \
             viewBox=\"0 0 960 320\"><style>{STYLE}</style>{}\
             <svg class=\"plot\" x=\"60\" y=\"44\" width=\"860\" height=\"240\"{plot}</svg>\n",
            self.heading().into_string(),
        )
    }

    /// Writes the title and, where colours need an explanation, a legend, whose dashes are those of the lines.
    fn heading(&self) -> Markup {
        const DASHES: [&str; 3] = ["\u{2501}\u{2501}", "\u{2501} \u{2501}", "\u{2501} \u{b7}"];
        let lines = self.lines.iter().zip(DASHES).enumerate();
        html! {
            text.title x="60" y="24" { (self.title) }
            @if self.needs_legend() {
                text x="920" y="24" text-anchor="end" {
                    @for (number, (line, dashes)) in lines {
                        tspan class={ "line-" (number + 1) } { (dashes) }
                        " " (line.label) "\u{a0}\u{a0} "
                    }
                    @if self.forecast.is_some() {
                        tspan.line-1 { "\u{b7}\u{b7}\u{b7}\u{b7}" }
                        " " (self.language.texts().forecast)
                    }
                }
            }
        }
    }
}
