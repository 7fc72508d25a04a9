//! The projection: Web Mercator, as in every map that people know.

use std::f64::consts::PI;

use isems_insight::Position;

use super::{MapNode, Placed};

/// The circumference of the earth at the equator, metres.
const CIRCUMFERENCE: f64 = 40_075_017.0;

/// The latitude at which the square of the projection ends, degrees.
const LAST_LATITUDE: f64 = 85.0511;

/// The width of the picture, divided by its height.
pub(super) const PROPORTION: f64 = 4.0 / 3.0;

/// The least width of what is shown, metres at the equator: a node alone is not shown with its flower pots.
const LEAST_WIDTH: f64 = 800.0;

/// The width of what is shown, divided by that of the mesh.
const MARGIN: f64 = 1.3;

/// A point of the projected world, whose width and height are 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Eastwards, from 180 degrees west. More than 1 is beyond the date line.
    pub(super) x: f64,
    /// Southwards, from the northern end.
    pub(super) y: f64,
}

impl Point {
    /// Projects a place, degrees north and east.
    pub(super) fn at(latitude: f64, longitude: f64) -> Self {
        let sine = latitude.clamp(-LAST_LATITUDE, LAST_LATITUDE).to_radians().sin();
        Self { x: longitude / 360.0 + 0.5, y: 0.5 - ((1.0 + sine) / (1.0 - sine)).ln() / (4.0 * PI) }
    }

    /// Returns the latitude, degrees north.
    pub(super) fn latitude(self) -> f64 {
        ((0.5 - self.y) * 2.0 * PI).sinh().atan().to_degrees()
    }

    /// Returns the longitude, degrees east. It is more than 180 beyond the date line.
    pub(super) fn longitude(self) -> f64 {
        (self.x - 0.5) * 360.0
    }
}

/// Projects the nodes with a position.
pub(super) fn place<'a>(nodes: &'a [MapNode<'a>]) -> Vec<Placed<'a>> {
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    let mut placed: Vec<_> = nodes
        .iter()
        .filter_map(|node| match node.position {
            Position::Set { latitude, longitude } => {
                let at = (round(latitude), round(longitude));
                Some(Placed { node, at, point: Point::at(at.0, at.1) })
            }
            Position::Unset | Position::ShippedDefault => None,
        })
        .collect();
    let eastings = || placed.iter().map(|placed| placed.at.1);
    // A mesh on both sides of the date line is drawn in one piece.
    if eastings().fold(f64::MIN, f64::max) - eastings().fold(f64::MAX, f64::min) > 180.0 {
        for placed in placed.iter_mut().filter(|placed| placed.at.1 < 0.0) {
            placed.at.1 += 360.0;
            placed.point = Point::at(placed.at.0, placed.at.1);
        }
    }
    placed
}

/// The part of the projected world that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    centre: Point,
    width: f64,
}

impl View {
    /// Makes the view in which points can be seen, with a margin. Without any it shows the world.
    pub(super) fn around(points: impl Iterator<Item = Point>) -> Self {
        let bounds = points.fold(None, |bounds, Point { x, y }| {
            let (west, east, north, south) = bounds.unwrap_or((x, x, y, y));
            Some((x.min(west), x.max(east), y.min(north), y.max(south)))
        });
        let Some((west, east, north, south)) = bounds else {
            return Self { centre: Point { x: 0.5, y: 0.5 }, width: PROPORTION };
        };
        let width = (east - west).max((south - north) * PROPORTION) * MARGIN;
        let centre = Point { x: f64::midpoint(west, east), y: f64::midpoint(north, south) };
        Self { centre, width: width.max(LEAST_WIDTH / CIRCUMFERENCE) }
    }

    /// Returns where a point is in the picture, as shares of its width and height.
    pub(super) fn share(&self, point: Point) -> (f64, f64) {
        let across = (point.x - self.centre.x) / self.width;
        let down = (point.y - self.centre.y) / self.width * PROPORTION;
        (across + 0.5, down + 0.5)
    }

    /// Returns the point at shares of the picture's width and height.
    pub(super) fn point(&self, (across, down): (f64, f64)) -> Point {
        Point {
            x: self.centre.x + (across - 0.5) * self.width,
            y: self.centre.y + (down - 0.5) * self.width / PROPORTION,
        }
    }

    /// Returns the width in degrees of longitude.
    pub(super) fn degrees(&self) -> f64 {
        self.width * 360.0
    }

    /// Returns the width in metres, along the latitude in the middle.
    pub(super) fn metres(&self) -> f64 {
        self.width * CIRCUMFERENCE * self.centre.latitude().to_radians().cos()
    }

    /// Returns the latitude and longitude of the centre, and the width, for a script, degrees.
    pub(super) fn in_degrees(&self) -> String {
        format!("{:.6} {:.6} {:.6}", self.centre.latitude(), self.centre.longitude(), self.degrees())
    }
}
