//! The texts of messages, and their links.

use isems_alerts::{Code, Fact, Trouble};
use isems_insight::{FindingCode, FindingSeverity::Urgent};

use crate::desk::{Desk, HOUR, berlin, node};

#[test]
fn many_nodes_that_will_switch_off_are_listed_with_their_times() {
    let mut desk = Desk::new("2026-06-01 16:00");
    for (name, hour) in [("n1", 3), ("n2", 4), ("n3", 5), ("n4", 6)] {
        let at = berlin(&format!("2026-06-02 0{hour}:30"));
        desk.raise_with(name, FindingCode::LoadOffPredicted, Urgent, &[("expectedAt", Fact::Time(at))]);
    }
    desk.pass(HOUR);
    let told = desk.told("phone");
    let text = "4 × will switch off | Will switch off (4): n1 (03:30), n2 (04:30), n3 (05:30), n4 (06:30). Bring a charged \
                battery, or reduce the load, before the expected time.";
    assert_eq!(told, [text]);
}

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
