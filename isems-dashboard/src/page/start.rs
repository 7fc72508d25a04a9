//! The first steps, while there are no nodes.

use isems_core::TransportStatus;
use maud::{Markup, html};

use super::{Layout, Section, collector::transports};
use crate::viewer::Viewer;

/// The page that a mesh without nodes has instead of the overview.
#[derive(Debug, Clone, Copy)]
pub struct StartPage<'a> {
    /// The viewer.
    pub viewer: &'a Viewer,
    /// The transports.
    pub transports: &'a [TransportStatus],
}

impl StartPage<'_> {
    /// Draws the page.
    pub fn page(&self) -> Markup {
        let viewer = self.viewer;
        let texts = viewer.texts().collector;
        let ways = [
            (texts.way_poll, "isems-server --router-ips 10.36.0.7,10.36.0.9"),
            (texts.way_broker, "isems-server --mqtt-server broker.mesh"),
            (
                texts.way_push,
                "ISEMS_PUSH_TOKENS='*:0123456789abcdef' isems-server\n\
                 curl -H 'Authorization: Bearer 0123456789abcdef' -H 'Content-Type: application/json' \\\n  \
                 -d '{\"batteryVoltage\": 12.9}' http://127.0.0.1:5000/api/v1/nodes/Hafen/measurements",
            ),
        ];
        let main = html! {
            h1 { (texts.welcome) }
            p { (texts.no_node) }
            p { (texts.ways) }
            ol.ways { @for (way, command) in ways { li { (way) pre tabindex="0" { code { (command) } } } } }
            p { (texts.way_demo) }
            pre tabindex="0" { code { "isems-server --demo" } }
            (transports(viewer, self.transports))
        };
        Layout { viewer, title: texts.welcome, section: Some(Section::Overview), scripts: &["start.js"], main }.page()
    }
}
