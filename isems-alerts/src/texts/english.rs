//! English.

use super::{Texts, TroubleTexts};
use crate::Trouble;

/// The English texts.
pub(super) static ENGLISH: Texts = Texts {
    trouble: |trouble| {
        let (title, advice) = match trouble {
            Trouble::DatabaseFull => ("the disk is full, nothing is stored", "Free some space, or set a retention."),
            Trouble::DatabaseFailing => {
                ("measurements cannot be stored", "Look at the collector's log and at its disk.")
            }
            Trouble::ClockUnset => ("the clock is not set", "Give the collector's computer a time server."),
            Trouble::ClockBehind => ("the clock is behind", "Give the collector's computer a time server."),
            Trouble::SourcesAway => (
                "nothing can be reached",
                "Look at the collector's own uplink, and at the broker if there is one. The nodes may be well.",
            ),
            Trouble::AllNodesSilent => (
                "nearly all nodes fell silent together",
                "Look at the collector's own uplink first. The nodes may be well.",
            ),
            Trouble::BackupFailed => ("the last backup failed", "Look at the reason, and back up again."),
            Trouble::CheckFailed => (
                "the last check of the database failed, or found damage",
                "Back up what can be read, and replace the disk.",
            ),
        };
        TroubleTexts { title, advice }
    },
    collector: "Collector",
    still: "Still: ",
    over: |title, duration| format!("over: {title}; it lasted {duration}"),
    back: |duration| format!("is back after {duration}"),
    stays_on: "is no longer expected to switch off",
    passed: |title, since, duration| format!("{title} since {since}, and over after {duration}"),
    since: |title, since| format!("{title} since {since}"),
    more: |count| format!("and {count} more"),
    problems: |count| format!("{count} problems"),
    problems_over: |count| if count == 1 { "1 problem is over".into() } else { format!("{count} problems are over") },
    title_over: |title| format!("Over: {title}"),
    digest: |nodes, problems| match (nodes, problems) {
        (1, 0) => "The only node is well".into(),
        (nodes, 0) => format!("All {nodes} nodes are well"),
        (1, 1) => "1 problem, 1 node".into(),
        (1, problems) => format!("{problems} problems, 1 node"),
        (nodes, 1) => format!("1 problem, {nodes} nodes"),
        (nodes, problems) => format!("{problems} problems, {nodes} nodes"),
    },
    all_well: "Nothing needs anybody.",
    test_title: "Test",
    test_text: |channel| format!("This is a test of the channel {channel}. If you can read it, alerts will arrive."),
};
