//! German messages.

use isems_alerts::{ChannelOptions, Fact, Trouble};
use isems_dashboard::Language;
use isems_insight::{FindingCode, FindingSeverity::Urgent};

use crate::desk::{Desk, HOUR, berlin};

#[test]
fn a_german_channel_is_told_in_german() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.options(ChannelOptions { language: Language::German, ..ChannelOptions::default() });
    let facts = [("cause", Fact::Text("ranEmpty".into())), ("expectedBackAt", Fact::Time(berlin("2026-06-02 10:30")))];
    desk.raise_with("n1", FindingCode::RanEmpty, Urgent, &facts);
    desk.trouble(Trouble::BackupFailed);
    desk.pass(HOUR);
    let told = desk.told("phone").join("\n");
    assert!(told.contains("n1 still seit 12:00: Akku leer, zurück gegen Di 10:30"), "{told}");
    assert!(
        told.contains("Sammler (mqtt): die letzte Sicherung ist misslungen seit 12:00 (connection refused)"),
        "{told}"
    );
}
