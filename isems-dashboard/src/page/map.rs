//! The nodes on a map.

use isems_insight::{Snapshot, attention::needs_attention};
use maud::{Markup, html};

use super::{Layout, Section, filter::Filter, filter_form};
use crate::{
    map::{Ground, Map, MapNode},
    viewer::Viewer,
    words::{capital, shown_level},
};

/// The page that shows where nodes are.
#[derive(Debug, Clone, Copy)]
pub struct MapPage<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The nodes.
    pub snapshot: &'a Snapshot,
    /// The nodes to show.
    pub filter: &'a Filter,
    /// The ground, if there are tiles.
    pub ground: Option<Ground<'a>>,
}

impl MapPage<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let Self { viewer, snapshot, filter, ground } = *self;
        let title = viewer.texts().collector.map;
        let shown: Vec<_> = snapshot.nodes.iter().filter(|node| filter.selects(node)).collect();
        let words: Vec<(String, String)> = shown
            .iter()
            .map(|node| {
                let condition = if needs_attention(node) { viewer.condition(node).text } else { String::new() };
                (viewer.node(node.node.id.as_str()), capital(&condition))
            })
            .collect();
        let nodes: Vec<MapNode<'_>> = shown
            .iter()
            .zip(&words)
            .map(|(node, (href, summary))| MapNode {
                name: node.node.id.as_str(),
                href,
                position: node.position(),
                level: shown_level(node),
                state: node.state,
                summary,
            })
            .collect();
        let map = Map { id: "mesh", title, language: viewer.language, nodes: &nodes, ground };
        let main = html! {
            h1.unseen { (title) }
            (filter_form::form(viewer, snapshot, filter, "/map"))
            div.map-page #map data-live {
                p.faint role="status" { ((viewer.pages().shown)(shown.len(), snapshot.nodes.len())) }
                (map.figure())
            }
            p { a href={ (viewer.href("/")) (filter.query()) } { (viewer.texts().collector.as_list) } }
        };
        Layout { viewer, title, section: Some(Section::Map), scripts: &["live.js", "map.js"], main }.page()
    }
}
