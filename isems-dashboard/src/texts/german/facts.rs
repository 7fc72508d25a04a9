//! The facts behind judgements, in German.

use isems_insight::{SilenceFact, UpgradeReason};

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

fn volts(volts: f64) -> String {
    German.quantity(volts, 2, "V")
}

fn in_minutes(minutes: f64) -> String {
    German.quantity(minutes, 0, if minutes.round() as i64 == 1 { "Minute" } else { "Minuten" })
}
