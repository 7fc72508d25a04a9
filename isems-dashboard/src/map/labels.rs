//! The arrangement of names, so that they cover neither each other nor a mark.

use super::{
    Placed,
    grid::SCALE,
    projection::{PROPORTION, View},
};

/// The width of the map on a phone and on a screen, in the pixels of CSS.
const WIDTHS: [f64; 2] = [320.0, 900.0];

/// The width of a letter and the height of a line, in the same pixels.
const LETTER: (f64, f64) = (6.8, 14.0);

/// The distance from the middle of a mark to its edge, and to a name beside it, in the same pixels.
const MARK: (f64, f64) = (7.0, 10.0);

/// The side of its mark on which a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Right,
    Left,
    Below,
    Above,
}

/// The place of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) side: Side,
    /// Only a screen has room for it.
    pub(super) is_fine: bool,
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy)]
struct Rectangle {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rectangle {
    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn is_within(&self, width: f64, height: f64) -> bool {
        self.left >= 0.0 && self.top >= 0.0 && self.right <= width && self.bottom <= height
    }

    /// The corner with the scale.
    fn of_scale(width: f64, height: f64) -> Self {
        Self { left: width * (0.97 - SCALE), top: 0.0, right: width, bottom: height * 0.06 + LETTER.1 * 1.5 }
    }

    /// The mark of a node.
    fn of_mark((x, y): (f64, f64)) -> Self {
        Self { left: x - MARK.0, top: y - MARK.0, right: x + MARK.0, bottom: y + MARK.0 }
    }

    /// The name of a node on a side of its mark.
    fn of_name((x, y): (f64, f64), name: &str, side: Side) -> Self {
        let width = name.chars().count() as f64 * LETTER.0;
        let (left, top) = match side {
            Side::Right => (x + MARK.1, y - LETTER.1 / 2.0),
            Side::Left => (x - MARK.1 - width, y - LETTER.1 / 2.0),
            Side::Below => (x - width / 2.0, y + MARK.0),
            Side::Above => (x - width / 2.0, y - MARK.0 - LETTER.1),
        };
        Self { left, top, right: left + width, bottom: top + LETTER.1 }
    }
}

/// Finds a place for the name of each node, those that need somebody first. Names with room on a phone keep their place
/// on a screen, where there is room for more. `None` is for names without room anywhere.
pub(super) fn arrange(nodes: &[Placed<'_>], view: &View) -> Vec<Option<Label>> {
    let mut labels: Vec<Option<Label>> = vec![None; nodes.len()];
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(nodes[*place].node.level));
    for (width, is_fine) in WIDTHS.into_iter().zip([false, true]) {
        let height = width / PROPORTION;
        let pixels = |placed: &Placed<'_>| {
            let (across, down) = view.share(placed.point);
            (across * width, down * height)
        };
        let mut taken = vec![Rectangle::of_scale(width, height)];
        taken.extend(nodes.iter().map(|placed| Rectangle::of_mark(pixels(placed))));
        for (placed, label) in nodes.iter().zip(&labels) {
            taken.extend(label.map(|label| Rectangle::of_name(pixels(placed), placed.node.name, label.side)));
        }
        for &place in &order {
            if labels[place].is_some() {
                continue;
            }
            let (name, middle) = (nodes[place].node.name, pixels(&nodes[place]));
            let free = [Side::Right, Side::Left, Side::Below, Side::Above].into_iter().find_map(|side| {
                let rectangle = Rectangle::of_name(middle, name, side);
                let is_free =
                    rectangle.is_within(width, height) && !taken.iter().any(|other| other.overlaps(&rectangle));
                is_free.then_some((side, rectangle))
            });
            if let Some((side, rectangle)) = free {
                labels[place] = Some(Label { side, is_fine });
                taken.push(rectangle);
            }
        }
    }
    labels
}
