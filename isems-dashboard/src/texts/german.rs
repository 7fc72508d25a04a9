//! German.

mod alerts;
mod collector;
mod facts;
mod findings;
mod node;
mod pages;

use isems_insight::{Level, NodeState, SilenceCause};

use super::Texts;

/// The German texts.
pub(crate) static GERMAN: Texts = Texts {
    pages: &pages::PAGES,
    collector: &collector::COLLECTOR,
    alerts: &alerts::ALERTS,
    node: &node::NODE,
    finding: findings::finding,
    months: ["Jan", "Feb", "März", "Apr", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez"],
    weekdays: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
    forecast: "Prognose",
    night: "Nacht",
    no_values: "Keine Werte in dieser Zeit",
    directions: ["N", "O", "S", "W"],
    zoom_in: "Vergrößern",
    zoom_out: "Verkleinern",
    show_all: "Alle Knoten zeigen",
    nearest: "Am nächsten",
    without_position: "Ohne Position",
    shipped_position: "Noch auf der Position, mit der die Firmware ausgeliefert wird",
    level: |level| match level {
        Level::Ok => "in Ordnung",
        Level::Unknown => "nicht bekannt",
        Level::Attention => "braucht Aufmerksamkeit",
        Level::Urgent => "dringend",
    },
    state: |state| match state {
        NodeState::Active => "meldet sich",
        NodeState::Silent => "still",
        NodeState::Inactive => "inaktiv",
    },
    cause: |cause| match cause {
        SilenceCause::RanEmpty => "Akku leer",
        SilenceCause::ScheduledReboot => "geplanter Neustart",
        SilenceCause::UnplannedReboot => "ungeplanter Neustart",
        SilenceCause::ControllerLost => "Laderegler ausgefallen",
        SilenceCause::Uplink => "Uplink ausgefallen",
        SilenceCause::Collector => "Sammler nicht erreichbar",
        SilenceCause::Clock => "falsche Uhr",
        SilenceCause::Unknown => "still, Ursache unbekannt",
    },
    silence_fact: facts::silence_fact,
    unknown_reason: facts::unknown_reason,
    upgrade_reason: facts::upgrade_reason,
    from_to: |from, to, zone| format!("Von {from} bis {to} ({zone})."),
    course: |label, low, high, average, last| {
        format!("{label}: niedrigster Wert {low}, höchster {high}, Mittel {average}, letzter {last}.")
    },
    cut_off_above: |value| format!("↑ Nicht gezeigt: Ausreißer bis {value}"),
    cut_off_below: |value| format!("↓ Nicht gezeigt: Ausreißer bis {value}"),
    lasted: |what, from, to| match to {
        Some(to) => format!("{what}, von {from} bis {to}."),
        None => format!("{what}, seit {from}."),
    },
    silent: |from, to, cause| match to {
        Some(to) => format!("Still von {from} bis {to}: {cause}."),
        None => format!("Still seit {from}: {cause}."),
    },
    expected: |value, at, earliest, latest| {
        format!("Prognose: {value} voraussichtlich {at}, zwischen {earliest} und {latest}.")
    },
};
