//! All texts of the page, one file a language. Each language is a value of one type, so none lacks a text.

mod alerts;
mod collector;
mod english;
mod german;
mod node;
mod pages;

use isems_insight::{FindingCode, Level, NodeState, SilenceCause, SilenceFact, UnknownReason, UpgradeReason};

pub use self::alerts::AlertsTexts;
pub use self::collector::CollectorTexts;
pub use self::node::NodeTexts;
pub use self::pages::{Fact, FindingTexts, PageTexts};
pub(crate) use self::{english::ENGLISH, german::GERMAN};

/// The texts of the page in one language. Those with figures in them are functions.
#[derive(Debug)]
pub struct Texts {
    /// The texts of the pages.
    pub pages: &'static PageTexts,
    /// The texts of the pages about the collector.
    pub collector: &'static CollectorTexts,
    /// The texts of the page about alerts.
    pub alerts: &'static AlertsTexts,
    /// The texts of the page of a node.
    pub node: &'static NodeTexts,
    /// The texts of a kind of finding.
    pub finding: fn(FindingCode) -> FindingTexts,
    /// The short names of the months, from January.
    pub months: [&'static str; 12],
    /// The short names of the days of the week, from Monday.
    pub weekdays: [&'static str; 7],
    /// The forecast of a chart, in its legend.
    pub forecast: &'static str,
    /// The nights of a chart, in its legend.
    pub night: &'static str,
    /// A chart without a single value.
    pub no_values: &'static str,
    /// The letters for north, east, south and west.
    pub directions: [&'static str; 4],
    /// The button that shows a smaller part of the map.
    pub zoom_in: &'static str,
    /// The button that shows a larger part of the map.
    pub zoom_out: &'static str,
    /// The button that shows the whole map.
    pub show_all: &'static str,
    /// The introduction of the nodes that are nearest to one.
    pub nearest: &'static str,
    /// The heading of the nodes without a position.
    pub without_position: &'static str,
    /// The heading of the nodes at the position that the firmware ships with.
    pub shipped_position: &'static str,
    /// The level of a node.
    pub level: fn(Level) -> &'static str,
    /// The state of a node.
    pub state: fn(NodeState) -> &'static str,
    /// The cause of a silence, in a few words.
    pub cause: fn(SilenceCause) -> &'static str,
    /// A fact that speaks for the cause of a silence, as a sentence.
    pub silence_fact: fn(SilenceFact) -> String,
    /// The reason why something is not known, in words.
    pub unknown_reason: fn(UnknownReason) -> String,
    /// A fact behind the safety of an upgrade, as a sentence.
    pub upgrade_reason: fn(UpgradeReason) -> String,
    /// The range of times of a chart: from, to, time zone.
    pub from_to: fn(&str, &str, &str) -> String,
    /// A line of a chart: its label, the lowest, highest, average and last value.
    pub course: fn(&str, &str, &str, &str, &str) -> String,
    /// Values of a chart that lie above its upper edge: the highest one.
    pub cut_off_above: fn(&str) -> String,
    /// Values of a chart that lie below its lower edge: the lowest one.
    pub cut_off_below: fn(&str) -> String,
    /// Something that lasted for a time: what it was, from, to if it is over.
    pub lasted: fn(&str, &str, Option<&str>) -> String,
    /// A silence: from, to if it is over, cause.
    pub silent: fn(&str, Option<&str>, &str) -> String,
    /// The end of a forecast: the value, when it is expected, and the earliest and latest time.
    pub expected: fn(&str, &str, &str, &str) -> String,
}
