//! The texts of the pages around charts and map.

use crate::page::{Condition, Order, Theme};

/// The texts of the pages in one language.
#[derive(Debug)]
pub struct PageTexts {
    /// The link that leads past the navigation.
    pub skip: &'static str,
    /// The page with all nodes.
    pub overview: &'static str,
    /// The documentation of the HTTP service.
    pub api: &'static str,
    /// The heading of the language switch.
    pub language: &'static str,
    /// The heading of the theme switch.
    pub theme: &'static str,
    /// A theme.
    pub theme_name: fn(Theme) -> &'static str,
    /// The time of the page and its time zone.
    pub as_of: fn(&str, &str) -> String,
    /// The collector cannot be reached; the time of what is shown follows.
    pub offline: &'static str,
    /// The number of nodes that are well, and the number of all.
    pub well: fn(usize, usize) -> String,
    /// The number of nodes that are being assessed.
    pub being_assessed: fn(usize) -> String,
    /// The number of nodes that need attention beside those that were named.
    pub more: fn(usize) -> String,
    /// The heading of the nodes that need somebody.
    pub needs_somebody: &'static str,
    /// The heading of all nodes.
    pub all_nodes: &'static str,
    /// A node.
    pub node: &'static str,
    /// The condition of a node.
    pub condition: &'static str,
    /// The conditions by which nodes are filtered.
    pub condition_name: fn(Condition) -> &'static str,
    /// The charge of a battery.
    pub charge: &'static str,
    /// The meaning of the charge.
    pub charge_meaning: &'static str,
    /// The voltage of the last 24 hours, in the heading of a column.
    pub last_day: &'static str,
    /// The voltage of the last 24 hours: lowest and highest.
    pub last_day_course: fn(&str, &str) -> String,
    /// The time at which something last arrived.
    pub last_seen: &'static str,
    /// The field in which part of a name is searched for.
    pub search: &'static str,
    /// A finding.
    pub finding: &'static str,
    /// No filter.
    pub any: &'static str,
    /// The order of nodes.
    pub order: &'static str,
    /// An order of nodes.
    pub order_name: fn(Order) -> &'static str,
    /// The button that applies the filter.
    pub apply: &'static str,
    /// The number of nodes shown, and of all.
    pub shown: fn(usize, usize) -> String,
    /// Something that is not known.
    pub not_known: &'static str,
    /// The node was not assessed yet.
    pub not_assessed: &'static str,
    /// The load is expected to go off: about when, and if that is almost certain.
    pub will_switch_off: fn(&str, bool) -> String,
    /// The same in a few words: about when, and how probable it is, percent.
    pub off: fn(&str, &str) -> String,
    /// The load is expected back: about when.
    pub back: fn(&str) -> String,
    /// The load stays on until the sun charges again.
    pub lasts: &'static str,
    /// The load may go off before the sun charges again.
    pub may_not_last: &'static str,
    /// The load will go off before the sun charges again.
    pub does_not_last: &'static str,
    /// Nothing arrives: since when, the cause if it is known, and about when it is expected back.
    pub silent_since: fn(&str, Option<&str>, Option<&str>) -> String,
    /// Nothing has arrived for so long that nothing more is expected: since when.
    pub given_up: fn(&str) -> String,
    /// A figure of a finding by its name in JSON: its label, its unit and its decimals.
    pub fact: fn(&str) -> Option<Fact>,
    /// The cover of a panel that is probably snow.
    pub snow: &'static str,
}

/// The words for a figure of a finding.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    /// The label.
    pub label: &'static str,
    /// The unit; empty for none.
    pub unit: &'static str,
    /// The number of decimals.
    pub decimals: usize,
}

/// The texts of a kind of finding.
#[derive(Debug, Clone, Copy)]
pub struct FindingTexts {
    /// It in a few words, which can follow the name of a node.
    pub title: &'static str,
    /// Its meaning, a sentence.
    pub meaning: &'static str,
    /// The advice, a sentence.
    pub advice: &'static str,
}
