//! German.

use super::{Texts, TroubleTexts};
use crate::Trouble;

/// The German texts.
pub(super) static GERMAN: Texts = Texts {
    trouble: |trouble| {
        let (title, advice) = match trouble {
            Trouble::DatabaseFull => (
                "der Speicher ist voll, es wird nichts gespeichert",
                "Platz schaffen oder eine Aufbewahrungsdauer einstellen.",
            ),
            Trouble::DatabaseFailing => (
                "Messwerte können nicht gespeichert werden",
                "Das Protokoll des Sammlers und seinen Datenträger ansehen.",
            ),
            Trouble::ClockUnset => ("die Uhr ist nicht gestellt", "Dem Rechner des Sammlers einen Zeitserver geben."),
            Trouble::ClockBehind => ("die Uhr geht nach", "Dem Rechner des Sammlers einen Zeitserver geben."),
            Trouble::SourcesAway => (
                "nichts ist erreichbar",
                "Die Verbindung des Sammlers und den Broker ansehen. Den Knoten fehlt vielleicht nichts.",
            ),
            Trouble::AllNodesSilent => (
                "fast alle Knoten sind zugleich verstummt",
                "Zuerst die Verbindung des Sammlers ansehen. Den Knoten fehlt vielleicht nichts.",
            ),
            Trouble::BackupFailed => {
                ("die letzte Sicherung ist misslungen", "Den Grund ansehen und noch einmal sichern.")
            }
            Trouble::CheckFailed => (
                "die letzte Prüfung der Datenbank ist misslungen oder hat Schäden gefunden",
                "Sichern, was lesbar ist, und den Datenträger ersetzen.",
            ),
        };
        TroubleTexts { title, advice }
    },
    collector: "Sammler",
    still: "Weiterhin: ",
    over: |title, duration| format!("vorbei: {title}; Dauer {duration}"),
    back: |duration| format!("ist nach {duration} wieder da"),
    stays_on: "wird sich voraussichtlich doch nicht abschalten",
    passed: |title, since, duration| format!("{title} seit {since}, nach {duration} vorbei"),
    since: |title, since| format!("{title} seit {since}"),
    more: |count| format!("und {count} weitere"),
    problems: |count| format!("{count} Probleme"),
    problems_over: |count| {
        if count == 1 { "1 Problem ist vorbei".into() } else { format!("{count} Probleme sind vorbei") }
    },
    title_over: |title| format!("Vorbei: {title}"),
    digest: |nodes, problems| match (nodes, problems) {
        (1, 0) => "Dem einzigen Knoten geht es gut".into(),
        (nodes, 0) => format!("Allen {nodes} Knoten geht es gut"),
        (nodes, 1) => format!("1 Problem, {nodes} Knoten"),
        (nodes, problems) => format!("{problems} Probleme, {nodes} Knoten"),
    },
    all_well: "Es ist nichts zu tun.",
    test_title: "Test",
    test_text: |channel| {
        format!("Dies ist ein Test des Kanals {channel}. Wer das lesen kann, bekommt auch künftige Meldungen.")
    },
};
