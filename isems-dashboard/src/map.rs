//! The map of a mesh as SVG.
//!
//! It needs no internet: a grid of latitudes and longitudes and a scale are enough without a background. Everything is
//! placed in percent of a picture of fixed proportions, so that marks and names keep their size in any width.

mod grid;
mod ground;
mod labels;
mod projection;

use isems_insight::{Level, NodeState, Position};
use maud::{Markup, html};

use self::{
    labels::{Label, Side},
    projection::{Point, View},
};
use crate::{language::Language, percent::percent};

/// A node on the map.
#[derive(Debug, Clone, Copy)]
pub struct MapNode<'a> {
    /// The name.
    pub name: &'a str,
    /// The address of its page.
    pub href: &'a str,
    /// The position. Only a node whose owner has set it is drawn; the others are listed beside the map.
    pub position: Position,
    /// The level, shown by shape and colour.
    pub level: Level,
    /// The state: the mark of a node that does not report is hollow.
    pub state: NodeState,
    /// The condition in a sentence; may be empty.
    pub summary: &'a str,
}

/// Pictures of the ground that lie below a map: tiles in the usual scheme.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The address of a tile, with `{z}`, `{x}` and `{y}` in place of its zoom and number.
    pub tiles: &'a str,
    /// The largest zoom for which there are tiles.
    pub deepest: u8,
    /// The words in which their makers want to be named.
    pub attribution: &'a str,
}

/// A map of nodes.
#[derive(Debug, Clone, Copy)]
pub struct Map<'a> {
    /// The id of the figure in the page. Other ids begin with it.
    pub id: &'a str,
    /// The title.
    pub title: &'a str,
    /// The language.
    pub language: Language,
    /// The nodes, in the order in which they are read aloud.
    pub nodes: &'a [MapNode<'a>],
    /// The ground, if there are pictures of it.
    pub ground: Option<Ground<'a>>,
}

/// A node at its place.
struct Placed<'a> {
    node: &'a MapNode<'a>,
    /// Degrees north and east, with as many decimals as make a difference of 10 cm.
    at: (f64, f64),
    point: Point,
}

impl Map<'_> {
    /// Draws the map as a figure with its title, a legend, and the nodes that have no place on it.
    pub fn figure(&self) -> Markup {
        let texts = self.language.texts();
        html! {
            figure.map id=(self.id) {
                figcaption { (self.title) }
                (self.svg())
                div.tools {
                    output.nearest data-nearest=(texts.nearest) {}
                    div.controls hidden {
                        button type="button" data-do="in" aria-label=(texts.zoom_in) { "+" }
                        button type="button" data-do="out" aria-label=(texts.zoom_out) { "\u{2212}" }
                        button type="button" data-do="all" aria-label=(texts.show_all) { "\u{2b1a}" }
                    }
                }
                @if let Some(ground) = &self.ground { p.attribution { (ground.attribution) } }
                (self.legend())
                (self.beside(Position::ShippedDefault, texts.shipped_position))
                (self.beside(Position::Unset, texts.without_position))
            }
        }
    }

    /// Lists the nodes whose position is not one to draw.
    fn beside(&self, position: Position, heading: &str) -> Markup {
        let nodes: Vec<_> = self.nodes.iter().filter(|node| node.position == position).collect();
        html! {
            @if !nodes.is_empty() {
                section.beside {
                    h3 { (heading) }
                    ul {
                        @for node in nodes {
                            li class=(classes(node)) { (self.key(node.level)) a href=(node.href) { (node.name) } }
                        }
                    }
                }
            }
        }
    }

    /// Draws the mark of a level by itself.
    fn key(&self, level: Level) -> Markup {
        html! { svg.key aria-hidden="true" { use href={ "#" (self.id) "-" (level.name()) } x="50%" y="50%" {} } }
    }

    /// Draws the map.
    pub fn svg(&self) -> Markup {
        let mut placed = projection::place(self.nodes);
        let view = View::around(placed.iter().map(|placed| placed.point));
        let labels = labels::arrange(&placed, &view);
        // What is drawn last lies on top.
        let mut order: Vec<_> = placed.drain(..).zip(labels).collect();
        order.sort_by_key(|(placed, _)| placed.node.level);
        html! {
            svg.map role="group" aria-label=(self.title) data-view=(view.in_degrees())
                data-directions=(self.language.texts().directions.join(" "))
                data-tiles=[self.ground.map(|ground| ground.tiles)] data-deepest=[self.ground.map(|ground| ground.deepest)] {
                defs { (marks(self.id)) }
                @if let Some(ground) = &self.ground { g.ground { (ground::draw(&view, ground)) } }
                g.grid { (grid::draw(&view, self.language)) }
                g.nodes {
                    @for (placed, label) in &order {
                        (self.node(placed, *label, &view))
                    }
                }
                g.scale { (grid::scale(&view, self.language)) }
            }
        }
    }

    fn node(&self, placed: &Placed<'_>, label: Option<Label>, view: &View) -> Markup {
        let Placed { node, at, point } = placed;
        let (x, y) = view.share(*point);
        let (x, y) = (percent(x), percent(y));
        let text = |dx: Option<&str>, dy: &str, anchor: Option<&str>, is_fine: bool| {
            html! { text class=[is_fine.then_some("fine")] x=(x) y=(y) dx=[dx] dy=(dy) text-anchor=[anchor] { (node.name) } }
        };
        html! {
            a class=(classes(node)) href=(node.href) data-at={ (at.0) " " (at.1) } {
                title { (self.in_words(node)) }
                use href={ "#" (self.id) "-" (node.level.name()) } x=(x) y=(y) {}
                @match label {
                    Some(Label { side: Side::Right, is_fine }) => (text(Some("10"), ".35em", None, is_fine)),
                    Some(Label { side: Side::Left, is_fine }) => (text(Some("-10"), ".35em", Some("end"), is_fine)),
                    Some(Label { side: Side::Below, is_fine }) => (text(None, "1.6em", Some("middle"), is_fine)),
                    Some(Label { side: Side::Above, is_fine }) => (text(None, "-.9em", Some("middle"), is_fine)),
                    None => text.crowded x=(x) y=(y) dx="10" dy=".35em" { (node.name) }
                }
            }
        }
    }

    fn in_words(&self, node: &MapNode<'_>) -> String {
        let texts = self.language.texts();
        let mut words = format!("{}: {}", node.name, (texts.level)(node.level));
        if node.state != NodeState::Active {
            words.push_str(", ");
            words.push_str((texts.state)(node.state));
        }
        if !node.summary.is_empty() {
            words.push_str(". ");
            words.push_str(node.summary);
        }
        words
    }

    fn legend(&self) -> Markup {
        let texts = self.language.texts();
        let occurs = |level: &Level| self.nodes.iter().any(|node| node.level == *level);
        html! {
            ul.legend {
                @for level in Level::ALL.into_iter().rev().filter(occurs) {
                    li class={ "active " (level.name()) } { (self.key(level)) ((texts.level)(level)) }
                }
                @for state in [NodeState::Silent, NodeState::Inactive] {
                    @if let Some(node) = self.nodes.iter().find(|node| node.state == state) {
                        li class=(classes(node)) { (self.key(node.level)) ((texts.state)(state)) }
                    }
                }
            }
        }
    }
}

/// The classes by which a mark gets its colour, and becomes hollow.
fn classes(node: &MapNode<'_>) -> String {
    format!("{} {}", node.level.name(), node.state.name())
}

/// The mark of a level, by its name, in a page that [defines](define_marks) the shapes.
pub(crate) fn mark(level: &str) -> Markup {
    html! { svg.mark aria-hidden="true" { use href={ "#mark-" (level) } x="50%" y="50%" {} } }
}

/// The shapes of [marks](mark), once in a page.
pub(crate) fn define_marks() -> Markup {
    html! { svg.marks aria-hidden="true" { defs { (marks("mark")) } } }
}

/// The shapes of the levels, around the origin.
fn marks(id: &str) -> Markup {
    let shape = |level: Level| match level {
        Level::Ok => "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
        Level::Unknown => "M-4.5-4.5h9v9h-9z",
        Level::Attention => "M0-7L6.5 5h-13z",
        Level::Urgent => "M0-8L8 0L0 8L-8 0z",
    };
    html! { @for level in Level::ALL { path id={ (id) "-" (level.name()) } d=(shape(level)) {} } }
}
