//! The person who looks at a page.

use isems_insight::{Snapshot, Sun};
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    assets,
    language::Language,
    page::Theme,
    texts::{PageTexts, Texts},
};

/// Everything in a segment of a path but what never needs escaping.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns a text as a segment of a path, or as a value of a query.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Returns the path of a node's page, below the prefix of the service.
pub fn node_path(node: &str) -> String {
    // A dot alone would be taken for the folder.
    let name = match node {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => escaped(node),
    };
    format!("/nodes/{name}")
}

/// The light around a display on a wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kiosk {
    /// The sun is up over the mesh, or it is not known if it is.
    Day,
    /// It is night, and the display is dimmed.
    Night,
}

impl Kiosk {
    /// Returns the light over a mesh.
    pub fn over(snapshot: &Snapshot) -> Self {
        let placed = snapshot.nodes.iter().find(|node| node.position().is_set());
        let sun = placed.and_then(|node| Sun::seen_by(&node.node.latest));
        if sun.is_none_or(|sun| sun.is_up(snapshot.at)) { Self::Day } else { Self::Night }
    }

    /// Returns the class of the page.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Day => "kiosk",
            Self::Night => "kiosk night",
        }
    }
}

/// The person who looks at a page, and the moment.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The language.
    pub language: Language,
    /// The colours.
    pub theme: Theme,
    /// The time zone.
    pub time_zone: TimeZone,
    /// The moment, Unix seconds, UTC.
    pub now: i64,
    /// The prefix of every path of the service, as a proxy shows it; empty for none.
    pub base: String,
    /// The path and query of the page, below the prefix.
    pub path: String,
    /// Set on a display that hangs on a wall, where nobody touches anything.
    pub kiosk: Option<Kiosk>,
    /// The name of the token with which the viewer has signed in.
    pub signed_in: Option<String>,
    /// Set if there are tokens to sign in with.
    pub can_sign_in: bool,
}

impl Viewer {
    pub(crate) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    pub(crate) fn pages(&self) -> &'static PageTexts {
        self.texts().pages
    }

    /// Returns the address of a path of the service.
    pub(crate) fn href(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns the address of an asset.
    pub(crate) fn asset(&self, name: &str) -> String {
        self.href(&assets::path_of(name))
    }

    /// Returns the address of a node's page.
    pub(crate) fn node(&self, node: &str) -> String {
        self.href(&node_path(node))
    }

    /// Returns a time, Unix seconds, UTC, as briefly as is clear at the moment.
    pub(crate) fn when(&self, time: i64) -> String {
        self.language.when(time, self.now, &self.time_zone)
    }

    /// Shows a time, Unix seconds, UTC.
    pub(crate) fn time(&self, time: i64) -> Markup {
        let exact = Timestamp::from_second(time).unwrap_or(Timestamp::MAX);
        html! { time datetime=(exact) { (self.when(time)) } }
    }

    /// Returns a number of bytes with three digits or so.
    pub(crate) fn bytes(&self, bytes: f64) -> String {
        const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
        let (mut number, mut unit) = (bytes, 0);
        while number >= 999.5 && unit + 1 < UNITS.len() {
            (number, unit) = (number / 1000.0, unit + 1);
        }
        self.language.quantity(number, usize::from(unit > 0 && number < 99.95), UNITS[unit])
    }

    /// Returns the name of the time zone.
    pub(crate) fn zone_name(&self) -> &str {
        self.time_zone.iana_name().filter(|name| *name != "Etc/UTC").unwrap_or("UTC")
    }
}

/// Returns the manifest by which a browser can put the page on a home screen, as JSON, below a prefix of its paths. The
/// prefix needs no escaping.
pub fn manifest(base: &str) -> String {
    let icon = |name, sizes, kind| {
        let address = assets::path_of(name);
        format!("{{\"src\":\"{base}{address}\",\"sizes\":\"{sizes}\",\"type\":\"{kind}\"}}")
    };
    let (svg, png) = (icon("icon.svg", "any", "image/svg+xml"), icon("icon.png", "192x192", "image/png"));
    format!(
        "{{\"name\":\"isems\",\"short_name\":\"isems\",\"start_url\":\"{base}/\",\"scope\":\"{base}/\",\
         \"display\":\"standalone\",\"background_color\":\"#14181e\",\"theme_color\":\"#0b3a5e\",\"icons\":[{svg},{png}]}}"
    )
}
