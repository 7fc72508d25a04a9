//! A picture of predicted against true times.

use std::fmt::Write;

const SIZE: f64 = 480.0;
const MARGIN: f64 = 48.0;
/// The longest time shown, hours.
const HOURS: f64 = 16.0;

/// Draws the hours until the load went off (to the right) against the hours that were predicted (upwards), as SVG.
pub(crate) fn predicted_against_true(points: &[(f64, f64)]) -> String {
    let place = |hours: f64| hours.clamp(0.0, HOURS) / HOURS * SIZE;
    let whole = SIZE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<g transform=\"translate({MARGIN} {MARGIN})\">\n\
         <rect width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" stroke=\"gray\"/>\n\
         <line x1=\"0\" y1=\"{SIZE}\" x2=\"{SIZE}\" y2=\"0\" stroke=\"gray\"/>\n"
    );
    for hour in (0..=16).step_by(4) {
        let at = place(f64::from(hour));
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{hour}</text>\
             <text x=\"-8\" y=\"{}\" text-anchor=\"end\">{hour}</text>",
            SIZE + 16.0,
            SIZE - at + 4.0
        );
    }
    for (truth, predicted) in points {
        let (x, y) = (place(*truth), SIZE - place(*predicted));
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.8\" fill=\"#0a58ca\" fill-opacity=\"0.35\"/>");
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">true hours until the load went off</text>\
         <text x=\"0\" y=\"-12\">predicted hours, asked three hours after sunset</text>\n</g>\n</svg>",
        SIZE / 2.0,
        SIZE + 36.0
    );
    svg
}
