//! The nodes on a map.

use isems_insight::{Snapshot, attention::needs_attention};
use maud::{Markup, html};

use super::{Layout, Section};
use crate::{
    map::{Map, MapNode},
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
}

impl MapPage<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let Self { viewer, snapshot } = *self;
        let title = viewer.texts().collector.map;
        let words: Vec<(String, String)> = snapshot
            .nodes
            .iter()
            .map(|node| {
                let condition = if needs_attention(node) { viewer.condition(node).text } else { String::new() };
                (viewer.node(node.node.id.as_str()), capital(&condition))
            })
            .collect();
        let nodes: Vec<MapNode<'_>> = snapshot
            .nodes
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
        let map = Map { id: "mesh", title, language: viewer.language, nodes: &nodes, ground: None };
        let main = html! {
            h1.unseen { (title) }
            div.map-page { (map.figure()) }
        };
        Layout { viewer, title, section: Some(Section::Map), scripts: &["map.js"], main }.page()
    }
}
