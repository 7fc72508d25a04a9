//! The facts behind judgements, in German.

use isems_insight::{SilenceFact, UnknownReason, UpgradeReason};

use crate::language::Language::German;

pub(super) fn silence_fact(fact: SilenceFact) -> String {
    match fact {
        SilenceFact::FellSilentTogether { silent, heard } => {
            format!("{silent} von {heard} Knoten sind gleichzeitig verstummt.")
        }
        SilenceFact::ControllerDidNotAnswer => "Bei der letzten Messung hat der Laderegler nicht geantwortet.".into(),
        SilenceFact::OthersFellSilent { others } => {
            format!("{others} andere sind gleichzeitig verstummt, und ihre Akkus waren nicht leer.")
        }
        SilenceFact::AnotherFellSilent => {
            "Ein anderer Knoten ist gleichzeitig verstummt, und sein Akku war nicht leer.".into()
        }
        SilenceFact::NearCutOff { above } => {
            format!("Der Akku lag bei der letzten Messung {} über der Abschaltung, und fiel.", volts(above))
        }
        SilenceFact::CountdownRestarted { minutes } => {
            format!("Der Countdown begann {} vor seinem Ende von vorn.", in_minutes(minutes))
        }
        SilenceFact::RebootDue { minutes } => format!("Der geplante Neustart stand in {} an.", in_minutes(minutes)),
        SilenceFact::ClockUnset => {
            "Die Uhr des Knotens war nicht gestellt, so dass seine Messungen nicht zu datieren waren.".into()
        }
        SilenceFact::FellSilentAlone => "Kein anderer Knoten ist gleichzeitig verstummt.".into(),
        SilenceFact::AboveCutOff { above } => format!("Der Akku lag {} über der Abschaltung.", volts(above)),
    }
}

pub(super) fn upgrade_reason(reason: UpgradeReason) -> String {
    match reason {
        UpgradeReason::Battery { above, needed } => {
            format!(
                "Der Akku liegt {} über der Abschaltung; nötig sind {}.",
                volts(above),
                German.quantity(needed, 1, "V")
            )
        }
        UpgradeReason::LoadMayGoOff => "Die Last schaltet sich womöglich in den nächsten zwei Stunden ab.".into(),
        UpgradeReason::NextReboot { minutes } => {
            format!("Der nächste geplante Neustart ist in {}.", in_minutes(minutes))
        }
        UpgradeReason::NoReboots => "Automatische Neustarts sind ausgeschaltet.".into(),
        UpgradeReason::CountdownAlwaysZero => {
            "Der Knoten sagt, dass er nicht aktualisiert werden darf, aber nur, weil sein Countdown immer 0 ist.".into()
        }
        UpgradeReason::OwnThresholds => {
            "Der Knoten sagt, dass er nicht aktualisiert werden darf; er hat eigene Schwellen.".into()
        }
    }
}

pub(super) fn unknown_reason(reason: UnknownReason) -> String {
    match reason {
        UnknownReason::NothingHeard => "der Knoten hat sich noch nicht gemeldet".into(),
        UnknownReason::Silent => "der Knoten ist still, oder sein Laderegler antwortet nicht".into(),
        UnknownReason::NoVoltage => "der Knoten meldet die Akkuspannung oder die Abschaltung nicht".into(),
        UnknownReason::NoCutOff => "der Knoten meldet nicht, bei welcher Spannung er abschaltet".into(),
        UnknownReason::NoRatedCapacity => "der Knoten meldet keine Nennkapazität".into(),
        UnknownReason::NoTemperatureSensor => "der Temperaturfühler fehlt".into(),
        UnknownReason::Outdated => "die neueste Messung ist älter als zwölf Stunden".into(),
        UnknownReason::LessThanADay => "es gibt noch keinen ganzen Tag an Messungen".into(),
        UnknownReason::NoPower => {
            "der Knoten hatte sieben Tage lang keinen Strom oder hat sich zu selten gemeldet".into()
        }
        UnknownReason::RarelyHeard => "der Knoten hat sich in den letzten 14 Tagen zu selten gemeldet".into(),
        UnknownReason::LittleDischarge { hours } => {
            format!("er wurde erst {} beim Entladen gesehen; nötig sind 4", German.quantity(hours, 1, "Stunden"))
        }
        UnknownReason::NoNight => "es gibt noch keine vollständige Nacht".into(),
        UnknownReason::LastNight => "der Verlauf der letzten Nacht ist nicht bekannt".into(),
        UnknownReason::NoDay => "es gibt noch keinen vollständigen Tag".into(),
        UnknownReason::FewNights { nights, needed } => {
            format!("von den letzten 30 Nächten sind {nights} bekannt; nötig sind {needed}")
        }
        UnknownReason::FewRests { nights, needed } => {
            format!("{nights} Nächte zeigen, wie sich der Akku entlädt; nötig sind {needed}")
        }
        UnknownReason::NoLoad => {
            "kein Knoten des Netzes hat den Zustand seines Akkus gemessen, woraus sich die Last ergäbe".into()
        }
        UnknownReason::LoadDoesNotFit { load, rated } => format!(
            "eine Last von {} und eine Nennkapazität von {} passen nicht zusammen",
            German.quantity(load, 3, "A"),
            German.quantity(rated, 1, "Ah")
        ),
        UnknownReason::NoLoss => "der Akku verliert keine Kapazität".into(),
        UnknownReason::NoPosition => "kein Knoten des Netzes hat eine Position".into(),
        UnknownReason::FewDays { cloudy, gains } => format!(
            "zu wenige Tage lassen sich mit dem Netz vergleichen: {cloudy} mit Wolken und {gains} mit bekanntem Ertrag"
        ),
        UnknownReason::NoComparison => {
            "keiner der letzten vier Tage war zu vergleichen: zu wenig Sonne, ein voller Akku \
                                        oder zu wenige Nachbarn"
                .into()
        }
        UnknownReason::LittleSun => {
            "dieses und andere Module haben zu wenig direkte Sonne gesehen, während ihre Akkus nicht voll waren".into()
        }
    }
}

fn volts(volts: f64) -> String {
    German.quantity(volts, 2, "V")
}

fn in_minutes(minutes: f64) -> String {
    German.quantity(minutes, 0, if minutes.round() as i64 == 1 { "Minute" } else { "Minuten" })
}
