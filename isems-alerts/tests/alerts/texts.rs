//! The texts of messages, and their links.

use isems_alerts::{Code, Trouble};
use isems_insight::{FindingCode, FindingSeverity::Urgent};

use crate::desk::{Desk, HOUR, node};

#[test]
fn a_message_links_to_the_page_of_its_node() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.nodes.insert(node("a/b ü"));
    desk.raise("a/b ü", FindingCode::Silent, Urgent);
    desk.pass(HOUR);
    let message = &desk.delivered[0].2;
    assert_eq!(message.link.as_deref(), Some("https://mesh.example/nodes/a%2Fb%20%C3%BC"));
    assert_eq!(message.items[0].link, message.link);
}

#[test]
fn names_of_codes_are_unique_and_are_read_again() {
    for trouble in Trouble::ALL {
        assert_eq!(Code::named(trouble.name()), Some(Code::Trouble(trouble)));
    }
    for finding in FindingCode::ALL {
        assert_eq!(Code::named(finding.name()), Some(Code::Finding(finding)));
    }
}
