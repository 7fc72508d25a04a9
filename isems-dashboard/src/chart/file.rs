//! A chart as a file of its own.

use super::Chart;

/// The looks of charts, in a page and in a file.
const STYLE: &str = include_str!("../../assets/chart.css");

impl Chart<'_> {
    /// Draws the chart as an SVG file, with its looks in it.
    pub fn file(&self) -> String {
        let title = maud::html! { text.title x="60" y="24" { (self.title) } }.into_string();
        let plot = self.svg().into_string();
        let plot = plot.trim_start_matches("<svg class=\"plot\"");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart file\" width=\"960\" height=\"320\" \
             viewBox=\"0 0 960 320\"><style>{STYLE}</style>{title}\
             <svg class=\"plot\" x=\"60\" y=\"44\" width=\"860\" height=\"240\"{plot}</svg>\n"
        )
    }
}
