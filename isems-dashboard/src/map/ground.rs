//! The ground below the map.

use maud::{Markup, html};

use super::{
    Ground,
    projection::{Point, View},
};
use crate::percent::percent;

/// The width of a tile for which its letters were drawn, and a width of the map, in the pixels of CSS. A smaller width
/// than that of most screens, because the server does not know which of them is a phone with a slow link.
const TILE: f64 = 256.0;
const WIDTH: f64 = 600.0;

/// Draws the tiles of a view.
pub(super) fn draw(view: &View, ground: &Ground<'_>) -> Markup {
    let (first, last) = (view.point((0.0, 0.0)), view.point((1.0, 1.0)));
    let zoom = (WIDTH / TILE / (last.x - first.x)).log2().round().clamp(0.0, f64::from(ground.deepest)) as u8;
    let count = 1_i64 << zoom.min(30);
    let number = |place: f64| (place * count as f64).floor() as i64;
    let size = 1.0 / count as f64;
    html! {
        @for y in number(first.y).max(0)..=number(last.y).min(count - 1) {
            @for x in number(first.x)..=number(last.x) {
                @let corner = Point { x: x as f64 * size, y: y as f64 * size };
                @let (left, top) = view.share(corner);
                @let (right, bottom) = view.share(Point { x: corner.x + size, y: corner.y + size });
                image href=(address(ground.tiles, zoom, x.rem_euclid(count), y)) x=(percent(left)) y=(percent(top))
                    width=(percent(right - left)) height=(percent(bottom - top)) preserveAspectRatio="none" {}
            }
        }
    }
}

fn address(tiles: &str, zoom: u8, x: i64, y: i64) -> String {
    let [zoom, x, y] = [i64::from(zoom), x, y].map(|number| number.to_string());
    tiles.replace("{z}", &zoom).replace("{x}", &x).replace("{y}", &y)
}
