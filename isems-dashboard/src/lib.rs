//! The parts of a page that shows solar mesh nodes to people. They are made on the server, readable without script,
//! and small.
//!
//! * A [`Chart`] shows values over time: charge, voltage, temperature, with nights, silences and the forecast.
//! * A [`Strip`] shows what happened over the same time: silences and findings.
//! * A [`Sparkline`] shows the course of a value in the size of a word.
//! * A [`Map`] shows where nodes are, and their condition.
//! * An [`Overview`] and a [`NodePage`] are whole pages for a [`Viewer`], in one of the [languages](Language). Their
//!   looks and scripts are [assets](Asset).
//!
//! They draw typed data from [`isems_core`] and [`isems_insight`], and judge nothing themselves. All of them return
//! [`maud::Markup`]: names of nodes are escaped, and nothing needs a style attribute, so that a strict content security
//! policy holds. Looks are in `assets`, by class.
//!
//! ```
//! use isems_core::Bucket;
//! use isems_dashboard::{Chart, Language, Line};
//! use jiff::tz::TimeZone;
//!
//! let mut buckets = vec![Bucket::EMPTY; 24];
//! for (hour, bucket) in buckets.iter_mut().enumerate() {
//!     bucket.add(12.0 + hour as f64 / 24.0);
//! }
//! let start = 1_772_928_000;
//! let line = Line { label: "Hafen", start, buckets: &buckets, longest_step: 3600, live: None };
//! let chart = Chart {
//!     lines: &[line],
//!     unit: "V",
//!     ..Chart::new("voltage", "Battery voltage", start..start + 86_400, 3600, TimeZone::UTC, Language::English)
//! };
//! assert!(chart.svg().into_string().contains("<title id=\"voltage-title\">Battery voltage</title>"));
//! ```

mod assets;
mod chart;
mod language;
mod map;
mod nights;
mod page;
mod percent;
mod round_step;
mod texts;
mod viewer;
mod words;

pub use crate::{
    assets::Asset,
    chart::{Chart, Downloads, Forecast, Limit, Line, Sparkline, Strip, StripRow, StripSpan},
    language::Language,
    map::{Ground, Map, MapNode},
    nights::nights,
    page::{
        AlertChannel, AlertMessage, AlertMute, AlertProblem, AlertTrial, AlertsPage, CHART_FIELDS, CollectorPage,
        Comparison, Condition, DeletionPage, Filter, MEDIAN, MapPage, NODE_PREFIX, NodeCharts, NodePage, Order,
        Overview, SignInPage, Span, StartPage, Storage, Theme, UnknownNode,
    },
    texts::{AlertsTexts, CollectorTexts, Fact, FindingTexts, NodeTexts, PageTexts, Texts},
    viewer::{Kiosk, Viewer, manifest, node_path},
};
