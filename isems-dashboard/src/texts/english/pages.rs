//! The English texts of the pages.

use crate::{
    page::{Condition, Order, Theme},
    texts::{Fact, PageTexts},
};

pub(crate) static PAGES: PageTexts = PageTexts {
    skip: "Skip to the content",
    overview: "Overview",
    api: "HTTP API",
    language: "Language",
    theme: "Colours",
    theme_name: |theme| match theme {
        Theme::System => "as the system",
        Theme::Light => "light",
        Theme::Dark => "dark",
    },
    as_of: |time, zone| format!("As of {time} ({zone})"),
    offline: "The collector cannot be reached. What you see is as of",
    well: |well, total| match (well, total) {
        (1, 1) => "The only node is well.".into(),
        (well, total) if well == total => format!("All {total} nodes are well."),
        (0, 1) => "The only node is not well.".into(),
        (0, total) => format!("None of {total} nodes is well."),
        (1, total) => format!("1 of {total} nodes is well."),
        (well, total) => format!("{well} of {total} nodes are well."),
    },
    being_assessed: |count| match count {
        1 => "1 node is being assessed, which takes some seconds.".into(),
        count => format!("{count} nodes are being assessed, which takes some seconds."),
    },
    more: |count| if count == 1 { "1 more needs attention".into() } else { format!("{count} more need attention") },
    needs_somebody: "These need somebody",
    all_nodes: "All nodes",
    node: "Node",
    condition: "Condition",
    condition_name: |condition| match condition {
        Condition::NeedsAttention => "needs somebody",
        Condition::Urgent => "urgent",
        Condition::Well => "well",
        Condition::Unknown => "not known",
        Condition::Silent => "silent",
        Condition::Inactive => "inactive",
    },
    charge: "Charge",
    charge_meaning: "Charge above the cut-off: at 0 % the load goes off.",
    last_day: "24 hours",
    last_day_course: |low, high| format!("Battery voltage in the last 24 hours: between {low} and {high}"),
    last_seen: "Last seen",
    search: "Search",
    finding: "Finding",
    any: "all",
    order: "Sort by",
    order_name: |order| match order {
        Order::Need => "urgency",
        Order::Name => "name",
        Order::Charge => "charge, lowest first",
        Order::SwitchOff => "switching off, soonest first",
        Order::LastSeen => "last seen, longest ago first",
    },
    apply: "Show",
    shown: |shown, total| {
        let nodes = if total == 1 { "node" } else { "nodes" };
        if shown == total { format!("{total} {nodes}") } else { format!("{shown} of {total} {nodes}") }
    },
    not_known: "not known",
    not_assessed: "is being assessed",
    will_switch_off: |time, is_likely| {
        if is_likely { format!("will switch off about {time}") } else { format!("may switch off about {time}") }
    },
    off: |time, probability| format!("off about {time} ({probability})"),
    back: |time| format!("back about {time}"),
    lasts: "lasts the night",
    may_not_last: "may not last the night",
    does_not_last: "does not last the night",
    silent_since: |since, cause, back| {
        let cause = cause.map_or_else(|| ", cause unknown".into(), |cause| format!(": {cause}"));
        let back = back.map_or_else(String::new, |back| format!(", back about {back}"));
        format!("silent since {since}{cause}{back}")
    },
    given_up: |since| format!("last heard {since}, no longer expected"),
    fact: |name| {
        let fact = |label, unit, decimals| Some(Fact { label, unit, decimals });
        match name {
            "azimuthFrom" => fact("while the sun is from", "° (90 is east)", 0),
            "azimuthTo" => fact("to", "°", 0),
            "batteryTemperature" => fact("battery temperature", "°C", 0),
            "capacityAh" => fact("capacity", "Ah", 1),
            "capacityPercentOfRated" => fact("capacity", "% of the rated one", 0),
            "completenessPercent" => fact("arrived", "% of the measurements", 0),
            "darkPercent" => fact("dark", "% of the day", 0),
            "days" => fact("for", "days", 0),
            "deepNightsIn30Days" => fact("deep nights in 30 days", "", 0),
            "distanceKm" => fact("distance", "km", 1),
            "expectedAt" => fact("expected", "", 0),
            "expectedBackAt" => fact("expected back", "", 0),
            "highestPanelVoltage" => fact("highest panel voltage", "V", 1),
            "hoursOfPanelCurrent" => fact("filled by the panel in", "h", 1),
            "lastFullChargeAt" => fact("last full", "", 0),
            "latePercent" => fact("late", "% of the measurements", 0),
            "panelPowerW" => fact("panel", "W", 0),
            "rebootsIn7Days" => fact("reboots in 7 days", "", 0),
            "reserveDays" => fact("lasts without sun", "days", 1),
            "secondsAhead" => fact("ahead by", "s", 0),
            "secondsAheadPerDay" => fact("ahead per day by", "s", 1),
            "unsetPercent" => fact("without a clock", "% of the measurements", 0),
            "yieldPercentOfMesh" => fact("yield", "% of the usual", 0),
            _ => None,
        }
    },
    snow: "probably snow",
};
