//! English.

mod alerts;
mod collector;
mod findings;
mod node;
mod pages;

use isems_insight::{Level, NodeState, SilenceCause};

use super::Texts;

/// The English texts.
pub(crate) static ENGLISH: Texts = Texts {
    pages: &pages::PAGES,
    collector: &collector::COLLECTOR,
    alerts: &alerts::ALERTS,
    node: &node::NODE,
    finding: findings::finding,
    months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    weekdays: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    forecast: "Forecast",
    night: "Night",
    no_values: "No values in this time",
    directions: ["N", "E", "S", "W"],
    zoom_in: "Zoom in",
    zoom_out: "Zoom out",
    show_all: "Show all nodes",
    nearest: "Nearest",
    without_position: "Without a position",
    shipped_position: "Still at the position that the firmware ships with",
    level: |level| match level {
        Level::Ok => "well",
        Level::Unknown => "not known",
        Level::Attention => "needs attention",
        Level::Urgent => "urgent",
    },
    state: |state| match state {
        NodeState::Active => "reporting",
        NodeState::Silent => "silent",
        NodeState::Inactive => "inactive",
    },
    cause: |cause| match cause {
        SilenceCause::RanEmpty => "ran empty",
        SilenceCause::ScheduledReboot => "scheduled reboot",
        SilenceCause::UnplannedReboot => "unplanned reboot",
        SilenceCause::ControllerLost => "controller lost",
        SilenceCause::Uplink => "uplink lost",
        SilenceCause::Collector => "collector away",
        SilenceCause::Clock => "wrong clock",
        SilenceCause::Unknown => "silent, cause unknown",
    },
    silence_fact: |fact| fact.to_string(),
    unknown_reason: |reason| reason.to_string(),
    upgrade_reason: |reason| reason.to_string(),
    from_to: |from, to, zone| format!("From {from} to {to} ({zone})."),
    course: |label, low, high, average, last| {
        format!("{label}: lowest {low}, highest {high}, average {average}, last {last}.")
    },
    cut_off_above: |value| format!("↑ Not shown: outliers up to {value}"),
    cut_off_below: |value| format!("↓ Not shown: outliers down to {value}"),
    lasted: |what, from, to| match to {
        Some(to) => format!("{what}, from {from} to {to}."),
        None => format!("{what}, since {from}."),
    },
    silent: |from, to, cause| match to {
        Some(to) => format!("Silent from {from} to {to}: {cause}."),
        None => format!("Silent since {from}: {cause}."),
    },
    expected: |value, at, earliest, latest| {
        format!("Forecast: {value} expected {at}, between {earliest} and {latest}.")
    },
};
