//! The German texts of the pages.

use crate::{
    page::{Condition, Order, Theme},
    texts::{Fact, PageTexts},
};

pub(crate) static PAGES: PageTexts = PageTexts {
    skip: "Zum Inhalt",
    overview: "Übersicht",
    api: "HTTP-API",
    language: "Sprache",
    theme: "Farben",
    theme_name: |theme| match theme {
        Theme::System => "wie das System",
        Theme::Light => "hell",
        Theme::Dark => "dunkel",
    },
    as_of: |time, zone| format!("Stand: {time} ({zone})"),
    offline: "Der Sammler ist nicht erreichbar. Stand der Anzeige:",
    well: |well, total| match (well, total) {
        (1, 1) => "Dem einzigen Knoten geht es gut.".into(),
        (well, total) if well == total => format!("Allen {total} Knoten geht es gut."),
        (0, 1) => "Dem einzigen Knoten geht es nicht gut.".into(),
        (0, total) => format!("Keinem von {total} Knoten geht es gut."),
        (well, total) => format!("{well} von {total} Knoten geht es gut."),
    },
    being_assessed: |count| match count {
        1 => "1 Knoten wird noch beurteilt, was einige Sekunden dauert.".into(),
        count => format!("{count} Knoten werden noch beurteilt, was einige Sekunden dauert."),
    },
    more: |count| {
        if count == 1 {
            "1 weiterer braucht Aufmerksamkeit".into()
        } else {
            format!("{count} weitere brauchen Aufmerksamkeit")
        }
    },
    needs_somebody: "Hier muss jemand ran",
    all_nodes: "Alle Knoten",
    node: "Knoten",
    condition: "Zustand",
    condition_name: |condition| match condition {
        Condition::NeedsAttention => "braucht jemanden",
        Condition::Urgent => "dringend",
        Condition::Well => "in Ordnung",
        Condition::Unknown => "nicht bekannt",
        Condition::Silent => "still",
        Condition::Inactive => "inaktiv",
    },
    charge: "Ladung",
    charge_meaning: "Ladung über der Abschaltschwelle: Bei 0 % schaltet sich die Last ab.",
    last_day: "24 Stunden",
    last_day_course: |low, high| format!("Akkuspannung der letzten 24 Stunden: zwischen {low} und {high}"),
    last_seen: "Zuletzt gehört",
    search: "Suche",
    finding: "Befund",
    any: "alle",
    order: "Sortieren nach",
    order_name: |order| match order {
        Order::Need => "Dringlichkeit",
        Order::Name => "Name",
        Order::Charge => "Ladung, niedrigste zuerst",
        Order::SwitchOff => "Abschaltung, früheste zuerst",
        Order::LastSeen => "zuletzt gehört, längste Stille zuerst",
    },
    apply: "Anzeigen",
    shown: |shown, total| {
        if shown == total { format!("{total} Knoten") } else { format!("{shown} von {total} Knoten") }
    },
    not_known: "nicht bekannt",
    not_assessed: "wird noch beurteilt",
    will_switch_off: |time, is_likely| {
        if is_likely {
            format!("wird sich gegen {time} abschalten")
        } else {
            format!("könnte sich gegen {time} abschalten")
        }
    },
    off: |time, probability| format!("aus gegen {time} ({probability})"),
    back: |time| format!("zurück gegen {time}"),
    lasts: "reicht über die Nacht",
    may_not_last: "reicht vielleicht nicht über die Nacht",
    does_not_last: "reicht nicht über die Nacht",
    silent_since: |since, cause, back| {
        let cause = cause.map_or_else(|| ", Ursache unbekannt".into(), |cause| format!(": {cause}"));
        let back = back.map_or_else(String::new, |back| format!(", zurück gegen {back}"));
        format!("still seit {since}{cause}{back}")
    },
    given_up: |since| format!("zuletzt gehört {since}, wird nicht mehr erwartet"),
    fact: |name| {
        let fact = |label, unit, decimals| Some(Fact { label, unit, decimals });
        match name {
            "azimuthFrom" => fact("bei Sonne von", "° (90 ist Osten)", 0),
            "azimuthTo" => fact("bis", "°", 0),
            "batteryTemperature" => fact("Akkutemperatur", "°C", 0),
            "capacityAh" => fact("Kapazität", "Ah", 1),
            "capacityPercentOfRated" => fact("Kapazität", "% der Nennkapazität", 0),
            "completenessPercent" => fact("angekommen", "% der Messungen", 0),
            "darkPercent" => fact("dunkel", "% des Tages", 0),
            "days" => fact("seit", "Tagen", 0),
            "deepNightsIn30Days" => fact("tiefe Nächte in 30 Tagen", "", 0),
            "distanceKm" => fact("Entfernung", "km", 1),
            "expectedAt" => fact("erwartet", "", 0),
            "expectedBackAt" => fact("zurück erwartet", "", 0),
            "highestPanelVoltage" => fact("höchste Modulspannung", "V", 1),
            "hoursOfPanelCurrent" => fact("vom Modul gefüllt in", "h", 1),
            "lastFullChargeAt" => fact("zuletzt voll", "", 0),
            "latePercent" => fact("verspätet", "% der Messungen", 0),
            "panelPowerW" => fact("Modul", "W", 0),
            "rebootsIn7Days" => fact("Neustarts in 7 Tagen", "", 0),
            "reserveDays" => fact("reicht ohne Sonne", "Tage", 1),
            "secondsAhead" => fact("geht vor um", "s", 0),
            "secondsAheadPerDay" => fact("geht vor, am Tag um", "s", 1),
            "unsetPercent" => fact("ohne Uhr", "% der Messungen", 0),
            "yieldPercentOfMesh" => fact("Ertrag", "% des Üblichen", 0),
            _ => None,
        }
    },
    snow: "wahrscheinlich Schnee",
};
