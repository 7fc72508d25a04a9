//! The grid of latitudes and longitudes, and the scale.

use maud::{Markup, html};

use super::projection::{Point, View};
use crate::{language::Language, percent::percent, round_step::RoundStep};

/// The largest number of meridians, and of parallels.
const LINES: i64 = 5;

/// The largest part of the width that the scale takes.
pub(super) const SCALE: f64 = 0.3;

/// Draws the meridians and parallels.
pub(super) fn draw(view: &View, language: Language) -> Markup {
    let [north, east, south, west] = language.texts().directions;
    let degrees = |value: f64, step: RoundStep, positive: &str, negative: &str| {
        let direction = if value < 0.0 { negative } else { positive };
        format!("{}\u{b0}\u{a0}{direction}", language.number(value.abs(), step.decimals()))
    };
    let (first, last) = (view.point((0.0, 0.0)), view.point((1.0, 1.0)));
    let across = RoundStep::at_most(LINES, last.longitude() - first.longitude());
    let down = RoundStep::at_most(LINES, first.latitude() - last.latitude());
    let meridians = across.between(first.longitude(), last.longitude());
    let parallels = down.between(last.latitude(), first.latitude());
    html! {
        @for longitude in meridians {
            @let x = percent(view.share(Point::at(0.0, longitude)).0);
            @let wrapped = (longitude + 180.0).rem_euclid(360.0) - 180.0;
            line x1=(x) x2=(x) y2="100%" {}
            text x=(x) y="100%" dx="3" dy="-4" { (degrees(wrapped, across, east, west)) }
        }
        @for latitude in parallels {
            @let y = percent(view.share(Point::at(latitude, 0.0)).1);
            line x2="100%" y1=(y) y2=(y) {}
            text y=(y) dx="3" dy="-3" { (degrees(latitude, down, north, south)) }
        }
    }
}

/// Draws the scale in the upper right corner.
pub(super) fn scale(view: &View, language: Language) -> Markup {
    let step = RoundStep::at_least(view.metres() * SCALE / 2.5);
    let length = step.value(1);
    let left = 0.97 - length / view.metres();
    let middle = percent(f64::midpoint(left, 0.97));
    html! {
        line x1=(percent(left)) x2="97%" y1="5%" y2="5%" {}
        @for (x, y2) in [(percent(left), "6%"), (middle, "5.6%"), ("97%".into(), "6%")] {
            line x1=(x) x2=(x) y1="5%" y2=(y2) {}
        }
        text x="97%" y="6%" dy="1.1em" text-anchor="end" { (language.distance(length)) }
    }
}
