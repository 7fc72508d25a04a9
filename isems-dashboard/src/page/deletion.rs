//! The question before a node is deleted.

use isems_core::Node;
use maud::{Markup, html};

use super::Layout;
use crate::viewer::Viewer;

/// The page that says what goes with a node, and asks once more.
#[derive(Debug, Clone, Copy)]
pub struct DeletionPage<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The node.
    pub node: &'a Node,
    /// The size of its measurements, bytes, if that can be said.
    pub bytes: Option<f64>,
}

impl DeletionPage<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let Self { viewer, node, bytes } = *self;
        let texts = viewer.texts().node;
        let here = viewer.node(node.id.as_str());
        let title = (texts.deletion)(node.id.as_str());
        let count = viewer.language.grouped(node.measurements);
        let (first, last) = (viewer.time(node.first_timestamp), viewer.time(node.latest.timestamp));
        let main = html! {
            h1 { (title) }
            p { (texts.will_go) }
            dl.narrow {
                div { dt { (texts.measurements_of_node) } dd { (count) } }
                div { dt { (texts.first_of_node) } dd { (first) } }
                div { dt { (texts.last_of_node) } dd { (last) } }
                @if let Some(bytes) = bytes { div { dt { (texts.size_of_node) } dd { (viewer.bytes(bytes)) } } }
            }
            p { (texts.after_deletion) }
            div.choice {
                form method="post" action={ (here) "/delete" } { button { (texts.delete_now) } }
                a href=(here) { (texts.keep) }
            }
        };
        Layout { viewer, title: &title, section: None, scripts: &[], main }.page()
    }
}
